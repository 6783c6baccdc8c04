"""Each figure beside its yardstick and its aim. Rows of (what, ours, yardstick, ratio, aim, met)."""
import statistics

import scenarios

NAMES = {"mp3": "MP3", "aac": "AAC", "flac": "FLAC", "opus": "Opus, passed through"}
FRAMES_PER_S = 50
QUANTILES = ("p50", "p99", "p999", "max")


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else float("nan")


def spread(values, form="{:.2f}"):
    """Median (smallest–largest)."""
    values = list(values)
    if len(values) < 2:
        return form.format(median(values))
    return f"{form.format(median(values))} ({form.format(min(values))}–{form.format(max(values))})"


def cost_ns(runs):
    return [r["cpu_per_channel_ns"]["all"] for r in runs]


def _transcoding(result):
    for kind, found in result["kinds"].items():
        if kind == "opus":
            continue
        for n, runs in found["runs"].items():
            ours, limit = median(cost_ns(runs)), median(r["limit_ns"] for r in runs)
            ratio = median(r["ratio_to_limit"] for r in runs)
            text = f"{ours / 1e6:.2f} ms CPU a second"
            yield (f"{NAMES[kind]}, {n} channels", text, f"bare loop {limit / 1e6:.2f} ms",
                   spread((r["ratio_to_limit"] for r in runs), "{:.3f}"), "≤ 1.05", ratio <= 1.05)
            ffmpeg = found["ffmpeg"]["cpu_ns"]
            yield ("", text, f"ffmpeg {ffmpeg / 1e6:.2f} ms", f"{ours / ffmpeg:.3f}", "≤ 0.5", ours <= 0.5 * ffmpeg)


def _passing(result):
    found = result["kinds"].get("opus")
    for n, runs in (found["runs"].items() if found else ()):
        ours, ffmpeg = median(cost_ns(runs)), found["ffmpeg"]["cpu_ns"]
        text = f"{ours / FRAMES_PER_S / 1e3:.1f} µs CPU a frame"
        yield (f"{NAMES['opus']}, {n} channels", text, f"ffmpeg {ffmpeg / FRAMES_PER_S / 1e3:.0f} µs",
               f"{ours / ffmpeg:.4f}", "≤ 0.03", ours <= 0.03 * ffmpeg)
        yield ("", text, "", "", "< 10 µs", ours / FRAMES_PER_S < 10_000)


def _network(result):
    for kind, ways in result.get("http", {}).items():
        file, http = median(cost_ns(ways["file"])), median(cost_ns(ways["http"]))
        yield (f"{NAMES[kind]} by HTTP, 20 channels", f"{http / 1e6:.2f} ms CPU a second", f"a file {file / 1e6:.2f} ms",
               f"{http / file:.3f}", "≤ 1.1", http <= 1.1 * file)


def late_runs(result):
    """(text, run) of the runs whose lateness is judged."""
    for run in result.get("crowds", {}).get("runs", []):
        yield f"{run['channels']} × Opus", run
    for run in result.get("busy", []):
        yield f"{run['channels']} × {NAMES[run['kind']].split(',')[0]}, all cores busy", run


def _lateness(result):
    for text, run in late_runs(result):
        late, timer = run["lateness_us"]["received"], run["lateness_us"]["timer_above_own_earliest"]
        ratios = [late[q] / timer[q] for q in QUANTILES]
        yield (f"Lateness p50/p99/p99.9/max, {text}", " / ".join(f"{late[q]:.0f}" for q in QUANTILES) + " µs",
               "bare timer " + " / ".join(f"{timer[q]:.0f}" for q in QUANTILES),
               " / ".join(f"{r:.1f}" for r in ratios), "≤ 1.2", max(ratios) <= 1.2)
        wire = run["lateness_us"].get("wire_above_own_earliest")
        if wire:
            yield ("", "the same", "bare timer and reader " + " / ".join(f"{wire[q]:.0f}" for q in QUANTILES),
                   " / ".join(f"{late[q] / wire[q]:.1f}" for q in QUANTILES), "", None)


def _thousand(result):
    for run in result.get("crowds", {}).get("runs", []):
        if run["channels"] != 1000:
            continue
        lost = run["frames"]["underruns"] + run["frames"]["dropped"] + run["gaps"]
        cores = run["cpu_per_channel_ns"]["all"] * 1000 / 1e9
        yield ("1,000 channels of Opus", f"{lost} frames missing or dropped", "", "", "0", lost == 0)
        yield ("", f"{cores:.2f} cores", "", "", "< 1", cores < 1)


def _memory(result):
    for kind, found in result["kinds"].items():
        slope, aim = found["memory_per_further_channel_mb"]["median"], 1.2 if kind == "opus" else 2.0
        ffmpeg = found["ffmpeg"]["memory_mb"]
        yield (f"Memory of a further channel, {NAMES[kind]}", f"{slope:.2f} MB", f"ffmpeg {ffmpeg:.1f} MB",
               f"{slope / ffmpeg:.3f}", f"≤ {aim} MB", slope <= aim)
    runs = {r["channels"]: r for r in result.get("crowds", {}).get("runs", [])}
    if 200 in runs and 1000 in runs:
        slope = scenarios.memory_slope(runs[200], runs[1000])
        yield ("", f"{slope:.2f} MB between 200 and 1,000", "", "", "≤ 1.2 MB", slope <= 1.2)
    sizes = [r["memory_mb"]["tuttid"] for found in result["kinds"].values() for r in found["runs"]["60"]]
    if sizes:
        most = max(m["pss"] + m["tables"] for m in sizes)
        yield ("tuttid alone at 60 channels", f"{most:.1f} MB", "", "", "≤ 10 MB", most <= 10)


def _first(result):
    for kind, found in result.get("first_frame_ms", {}).items():
        page = found["ffmpeg_header"]["median"]
        for how in ("warm", "cold"):
            ours = found[how]["median"]
            yield (f"First frame, {NAMES[kind]}, {how}", f"{ours:.1f} ms", f"ffmpeg's first page {page:.1f} ms",
                   f"{ours / page:.2f}", "≤ 0.25", ours <= 0.25 * page)


def _straight(result):
    found = result.get("crowds", {})
    for key, text in (("cpu_ms", "CPU"), ("memory_mb", "memory")):
        if key in found:
            yield (f"Straightness of {text} against channels", f"R² {found[key]['r2']:.4f}", "", "", "≥ 0.99",
                   found[key]["r2"] >= 0.99)


def rows(result):
    return [row for part in (_transcoding, _passing, _network, _lateness, _thousand, _memory, _first, _straight)
            for row in part(result)]
