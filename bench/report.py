"""The results as a table in Markdown."""
import statistics

NAMES = {"mp3": "MP3", "aac": "AAC", "flac": "FLAC", "opus": "Opus, passed through"}


def _median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else float("nan")


def _spread(values, form="{:.2f}"):
    values = list(values)
    if len(values) < 2:
        return form.format(_median(values))
    return f"{form.format(_median(values))} ({form.format(min(values))}–{form.format(max(values))})"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows] + [""]


def _cpu(result):
    rows = []
    for kind, found in result["kinds"].items():
        for n, runs in found["runs"].items():
            cost = [r["cpu_per_channel_ns"]["all"] for r in runs]
            rows.append([
                NAMES[kind], n, _spread([c / 1e6 for c in cost]),
                _spread([c / 50_000 for c in cost], "{:.1f}"),
                _spread([r["cpu_per_channel_ns"]["tuttid"] / 50_000 for r in runs], "{:.1f}"),
                _spread([r["pipeline_ns"] / r["limit_ns"] for r in runs], "{:.3f}"),
                _spread([r["ratio_to_limit"] for r in runs], "{:.3f}"),
                _spread([r["ratio_to_bare_mp3"] for r in runs], "{:.3f}"),
                _spread([c / found["ffmpeg"]["cpu_ns"] for c in cost], "{:.3f}"),
            ])
    return ["## CPU", "", "Everything counted (tuttid, zygote, workers, kernel time), start-up taken out.", ""] + _table(
        ["source", "channels", "CPU ms a second and channel", "µs a frame", "of it tuttid, µs", "pipeline alone × bare loop", "all × its bare loop",
         "all × bare MP3 loop", "all × ffmpeg"], rows)


def _memory(result):
    rows = []
    for kind, found in result["kinds"].items():
        slope = found["memory_per_further_channel_mb"]
        last = found["runs"]["60"]
        rows.append([
            NAMES[kind], f"{slope['median']:.2f}",
            _spread([r["memory_mb"]["tuttid"]["pss"] + r["memory_mb"]["tuttid"]["tables"] for r in last]),
            _spread([r["memory_mb"]["zygote"]["pss"] + r["memory_mb"]["zygote"]["tables"] for r in last]),
            _spread([r["memory_mb"]["worker"]["private"] / r["memory_mb"]["worker"]["processes"] for r in last]),
            f"{found['ffmpeg']['memory_mb']:.1f}",
        ])
    return ["## Memory", "", "Share of memory (PSS) plus page tables, MB; slope between 20 and 60 channels.", ""] + _table(
        ["source", "a further channel", "tuttid at 60", "zygote", "private to a worker", "one ffmpeg"], rows)


def _lateness(result):
    rows = []
    for kind, found in result["kinds"].items():
        for n, runs in found["runs"].items():
            for who, text in (("received", "at the socket"), ("daemon", "`stats`"), ("timer", "bare timerfd"),
                              ("timer_above_own_earliest", "bare timerfd, its earliest taken off"),
                              ("harness", "a thread that sleeps")):
                rows.append([NAMES[kind], n, text, *(
                    _spread([r["lateness_us"][who][q] for r in runs], "{:.0f}") for q in ("p50", "p99", "p999", "max"))])
            frames = [r["frames_stats"] for r in runs]
            if any(f["underruns"] or f["dropped"] for f in frames) or any(r["gaps"] for r in runs):
                rows.append([NAMES[kind], n, "**not all well**", f"underruns {[f['underruns'] for f in frames]}",
                             f"dropped {[f['dropped'] for f in frames]}", f"gaps {[r['gaps'] for r in runs]}", ""])
    return ["## Lateness, µs", ""] + _table(["source", "channels", "where", "p50", "p99", "p99.9", "max"], rows)


def _calls(result):
    rows = []
    for kind, found in result["kinds"].items():
        for n, runs in found["runs"].items():
            rows.append([NAMES[kind], n, *(
                _spread([r[what][role] for r in runs], "{:.3f}")
                for role in ("tuttid", "worker") for what in ("syscalls_per_frame", "wakeups_per_frame"))])
    return ["## System calls and wake-ups per frame", ""] + _table(
        ["source", "channels", "tuttid: calls", "wake-ups", "worker: calls", "wake-ups"], rows)


def _first(result):
    rows = [[NAMES[kind], *(f"{found[k]['median']:.1f} ({found[k]['min']:.1f}–{found[k]['max']:.1f})"
                            for k in ("warm", "cold", "ffmpeg_header", "ffmpeg_sound")),
             f"{found['warm']['median'] / found['ffmpeg_sound']['median']:.2f}"]
            for kind, found in result["first_frame_ms"].items()]
    storms = [[NAMES[kind], s["channels"], f"{s['plays_per_s']:.0f}", f"{s['first_frame_ms']['p50']:.1f}",
               f"{s['first_frame_ms']['p99']:.1f}", f"{s['cpu_ms_per_play']:.2f}"]
              for kind, s in result["storm"].items()]
    return ["## Time to the first frame, ms", ""] + _table(
        ["source", "warm", "cold", "ffmpeg: first page", "ffmpeg: first page of sound", "warm ÷ ffmpeg's sound"],
        rows) + ["## Storm of plays and stops", ""] + _table(
        ["source", "channels", "plays a second", "first frame p50, ms", "p99, ms", "CPU ms a play"], storms)


def markdown(result):
    about, plan = result["machine"], result["plan"]
    head = [f"# Results: {about['cpu']}", "",
            f"{about['cores']} cores{' (virtual machine)' if about['virtual'] else ''}, {about['memory_mb']} MB, "
            f"Linux {about['kernel']}, {result['when']}. {plan['seconds']} s a run, {plan['repeats']} repetitions: "
            f"median (smallest–largest). Load average {result['load_before']:.1f} before, "
            f"{result['load_after']:.1f} after.", ""]
    return "\n".join(head + _cpu(result) + _memory(result) + _lateness(result) + _calls(result) + _first(result))
