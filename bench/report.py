"""The results as tables in Markdown, long and short."""
import aims
import plots
from aims import NAMES, median, spread

VERDICTS = {True: "met", False: "**missed**", None: ""}
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows] + [""]


def _aims(result):
    rows = [(*row[:5], VERDICTS[row[5]]) for row in aims.rows(result)]
    return ["## Aims", ""] + _table(["what", "Tutti", "beside", "ratio", "aim", ""], rows)


def _cpu(result):
    rows = []
    for kind, found in result["kinds"].items():
        for n, runs in found["runs"].items():
            cost = aims.cost_ns(runs)
            rows.append([
                NAMES[kind], n, spread(c / 1e6 for c in cost), spread((c / 50_000 for c in cost), "{:.1f}"),
                spread((r["cpu_per_channel_ns"]["tuttid"] / 50_000 for r in runs), "{:.1f}"),
                spread((r["pipeline_ns"] / r["limit_ns"] for r in runs), "{:.3f}"),
                spread((r["cpu_per_channel_ns"]["worker"] / r["pipeline_ns"] for r in runs), "{:.3f}"),
                spread((r["ratio_to_limit"] for r in runs), "{:.3f}"),
                spread((c / found["ffmpeg"]["cpu_ns"] for c in cost), "{:.3f}"),
            ])
    return ["## CPU", "", "Everything counted (tuttid, zygote, tutti-fetch, workers, kernel time), start-up taken out.", ""] + _table(
        ["source", "channels", "CPU ms a second and channel", "µs a frame", "of it tuttid, µs",
         "pipeline alone × bare loop", "workers × pipeline alone", "all × bare loop", "all × ffmpeg"], rows)


def _memory(result):
    rows = []
    for kind, found in result["kinds"].items():
        last = found["runs"]["60"]
        rows.append([NAMES[kind], spread(found["memory_per_further_channel_mb"][k] for k in ("median", "min", "max"))] + [
            spread(r["memory_mb"][role]["pss"] + r["memory_mb"][role]["tables"] for r in last)
            for role in ("tuttid", "zygote", "fetch")] + [
            spread(r["memory_mb"]["worker"]["private"] / r["memory_mb"]["worker"]["processes"] for r in last),
            f"{found['ffmpeg']['memory_mb']:.1f}"])
    return ["## Memory", "", "Share of memory (PSS) plus page tables, MB; slope between 20 and 60 channels.", ""] + _table(
        ["source", "a further channel", "tuttid at 60", "zygote", "tutti-fetch", "private to a worker", "one ffmpeg"], rows)


def _crowds(result):
    runs = result.get("crowds", {}).get("runs", []) + result.get("ramp", {}).get("runs", [])
    rows = [[r["channels"], f"{r['cpu_per_channel_ns']['all'] * r['channels'] / 1e9:.3f}",
             f"{r['cpu_per_channel_ns']['all'] / 50_000:.1f}",
             *(f"{r['cpu_per_channel_ns'][role] / 50_000:.1f}" for role in ("tuttid", "worker")),
             f"{sum(m['pss'] + m['tables'] for m in r['memory_mb'].values()):.0f}",
             r["frames"]["underruns"], r["start_frames"]["underruns"], r["frames"]["dropped"] + r["gaps"],
             *(f"{r['lateness_us']['received'][q]:.0f}" for q in ("p50", "p99", "max")),
             f"{r['first_frame_ms']['max'] / 1e3:.2f}"] for r in runs]
    lines = ["## Channels of passthrough", "", "All started in one burst of `play` commands.", ""] + _table(
        ["channels", "cores", "µs a frame", "of it tuttid", "workers", "memory, MB", "underruns", "while starting", "dropped",
         "late p50, µs", "p99", "max", "all started after, s"], rows)
    for key, unit in (("cpu_ms", "ms CPU a second"), ("memory_mb", "MB")):
        fit = result.get("crowds", {}).get(key)
        if fit:
            lines += [f"- {fit['slope']:.3f} {unit} a channel and {fit['base']:.1f} before the first; R² {fit['r2']:.5f}"]
    ramp = result.get("ramp")
    if ramp:
        lines += ["", f"Held: {ramp['held'] or 1000} channels. " + (
            f"At {ramp['broke'][0]}: {ramp['broke'][1]}." if ramp["broke"] else "Nothing broke (4,096 is the most that "
                                                                              "`--max-workers` takes).")]
    return lines + [""]


def _lateness(result):
    found = [(f"{n} × {NAMES[kind].split(',')[0]}", runs)
             for kind, of in result["kinds"].items() for n, runs in of["runs"].items()]
    found += [(text, [run]) for text, run in aims.late_runs(result)]
    rows = []
    for text, runs in found:
        for who, name in (("received", "at the socket"), ("daemon", "`stats`, since the start"),
                          ("timer", "bare timerfd"), ("timer_above_own_earliest", "bare timerfd, its earliest taken off"),
                          ("wire_above_own_earliest", "bare timer and reader, their earliest taken off"),
                          ("harness", "a thread that sleeps")):
            if who not in runs[0]["lateness_us"]:
                continue
            rows.append([text, name, *(spread((r["lateness_us"][who][q] for r in runs), "{:.0f}")
                                       for q in aims.QUANTILES)])
            text = ""
        lost = [sum(r["frames"][k] for k in ("underruns", "dropped")) + r["gaps"] for r in runs]
        if any(lost):
            rows.append(["", "**underruns, drops and gaps**", lost, "", "", ""])
    return ["## Lateness, µs", ""] + _table(["what plays", "where", "p50", "p99", "p99.9", "max"], rows)


def _calls(result):
    rows = [[NAMES[kind], n, *(spread((r[what][role] for r in runs if r[what][role] is not None), "{:.3f}")
                               for role in ("tuttid", "worker") for what in ("syscalls_per_frame", "wakeups_per_frame"))]
            for kind, found in result["kinds"].items() for n, runs in found["runs"].items()]
    return ["## System calls and wake-ups per frame", ""] + _table(
        ["source", "channels", "tuttid: calls", "wake-ups", "worker: calls", "wake-ups"], rows)


def _first(result):
    rows = [[NAMES[kind], *(f"{found[k]['median']:.1f} ({found[k]['min']:.1f}–{found[k]['max']:.1f})"
                            for k in ("warm", "cold", "ffmpeg_header", "ffmpeg_sound"))]
            for kind, found in result.get("first_frame_ms", {}).items()]
    storms = [[NAMES[kind], s["channels"], f"{s['plays_per_s']:.0f}", f"{s['first_frame_ms']['p50']:.1f}",
               f"{s['first_frame_ms']['p99']:.1f}", f"{s['cpu_ms_per_play']:.2f}"]
              for kind, s in result.get("storm", {}).items()]
    return ["## Time to the first frame, ms", ""] + _table(
        ["source", "warm", "cold", "ffmpeg: first page", "ffmpeg: first page of sound"], rows) + [
        "## Storm of plays and stops", ""] + _table(
        ["source", "channels", "plays a second", "first frame p50, ms", "p99, ms", "CPU ms a play"], storms)


def _micro(result):
    rows = [[m["piece"], f"{m['ns']:.0f} ({m['min']:.0f}–{m['max']:.0f})"] for m in result.get("micro", [])]
    return ["## Inner pieces, ns an operation", ""] + _table(["piece", "median (smallest–largest)"], rows)


def _head(result):
    about = result["machine"]
    return (f"{about['cpu']}, {about['cores']} cores{' of a virtual machine' if about['virtual'] else ''}, "
            f"{about['memory_mb'] // 1024} GB, Linux {about['kernel']}, {result['when']}")


def _whole(result, drawn):
    plan = result["plan"]
    lines = [f"# Results: {result['machine']['cpu']}", "",
             f"{_head(result)}. {plan['window_s']} s a run, {plan['repeats']} repetitions: median (smallest–largest). "
             f"Load average {result['load_before']:.1f} before, {result['load_after']:.1f} after; "
             f"{result.get('took_s', 0)} s in all.", ""]
    lines += [f"**{name} failed**: {why}" for name, why in result["failed"].items()]
    lines += [f"![{title}]({name})" for title, name in drawn] + [""]
    for part in (_aims, _cpu, _crowds, _lateness, _memory, _calls, _first, _micro):
        lines += part(result)
    return "\n".join(lines)


def _short(result, path):
    """What README.md shows."""
    rows, kinds, first = [], result["kinds"], result.get("first_frame_ms", {})
    for kind, found in kinds.items():
        ours = median(aims.cost_ns(found["runs"]["60"]))
        limit = "" if kind == "opus" else f"{median(r['limit_ns'] for r in found['runs']['60']) / 1e6:.2f} ms"
        rows.append([f"CPU of a second, {NAMES[kind]}", f"{ours / 1e6:.2f} ms", f"{found['ffmpeg']['cpu_ns'] / 1e6:.2f} ms",
                     limit])
    for kind in ("mp3", "opus"):
        if kind in kinds:
            rows.append([f"Memory of a further channel, {NAMES[kind]}",
                         f"{kinds[kind]['memory_per_further_channel_mb']['median']:.2f} MB",
                         f"{kinds[kind]['ffmpeg']['memory_mb']:.1f} MB", ""])
    for kind, found in first.items():
        rows.append([f"From `play` to the first frame, {NAMES[kind]}", f"{found['warm']['median']:.1f} ms",
                     f"{found['ffmpeg_header']['median']:.0f} ms", ""])
    for text, run in aims.late_runs(result):
        if run["channels"] in (60, 1000):
            late, timer = run["lateness_us"]["received"], run["lateness_us"]["timer_above_own_earliest"]
            rows.append([f"Late by, {text}: p50 / p99", f"{late['p50']:.0f} / {late['p99']:.0f} µs", "",
                         f"{timer['p50']:.0f} / {timer['p99']:.0f} µs"])
    for run in result.get("crowds", {}).get("runs", []):
        if run["channels"] == 1000:
            rows.append(["1,000 channels of Opus, passed through",
                         f"{run['cpu_per_channel_ns']['all'] * 1000 / 1e9:.2f} cores", "", ""])
    return [BEGIN, *_table(["a channel of 60", "Tutti", "one ffmpeg a channel", "the bare loop or timer"], rows),
            f"{_head(result)}. All figures, what they stand beside, and which aims are missed: "
            f"[bench/results/{path.with_suffix('.md').name}](bench/results/{path.with_suffix('.md').name}).", END]


def _into_readme(root, lines):
    path = root / "README.md"
    text = path.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    path.write_text(text[:begin] + "\n".join(lines) + text[end:])


def write(result, path, root=None):
    """Writes the table and the plots beside the figures, and the short table into root's README.md."""
    drawn = plots.draw(result, path)
    path.with_suffix(".md").write_text(_whole(result, drawn) + "\n")
    if root:
        _into_readme(root, _short(result, path))
    return "\n".join(_aims(result))
