"""The results as plots (SVG): CPU and memory against channels, lateness, time to the first frame."""
import aims

try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
except ImportError:  # the tables are worth having without it
    pyplot = None

WIDTH, HEIGHT = 7.5, 4.2


def _save(figure, path, name):
    file = path.with_name(f"{path.stem}-{name}.svg")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    return file.name


def _axes(title, x, y):
    figure, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT))
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _against_channels(result, path, name, title, unit, value, fit):
    runs = result.get("crowds", {}).get("runs", []) + result.get("ramp", {}).get("runs", [])
    if not runs:
        return None
    figure, axes = _axes(title, "channels of Opus, passed through", unit)
    xs = [r["channels"] for r in runs]
    axes.plot(xs, [value(r) for r in runs], "o", label="measured")
    if fit:
        ends = [0, max(xs)]
        axes.plot(ends, [fit["base"] + fit["slope"] * x for x in ends], "-", alpha=0.6,
                  label=f"line through 1 to 1,000, R² {fit['r2']:.4f}")
    axes.legend()
    return _save(figure, path, name)


def _kinds(result, path):
    """CPU of a channel for each kind, beside its yardsticks."""
    kinds = result["kinds"]
    if not kinds:
        return None
    figure, axes = _axes("CPU of one channel", "", "ms CPU a second")
    series = [("Tutti, 20 channels", lambda f: aims.median(aims.cost_ns(f["runs"]["20"]))),
              ("Tutti, 60 channels", lambda f: aims.median(aims.cost_ns(f["runs"]["60"]))),
              ("bare loop", lambda f: aims.median(r["limit_ns"] for r in f["runs"]["60"])),
              ("one ffmpeg a channel", lambda f: f["ffmpeg"]["cpu_ns"])]
    for i, (label, value) in enumerate(series):
        axes.bar([k + 0.2 * (i - 1.5) for k in range(len(kinds))], [value(f) / 1e6 for f in kinds.values()], 0.19,
                 label=label)
    axes.set_xticks(range(len(kinds)), [aims.NAMES[k] for k in kinds])
    axes.legend()
    return _save(figure, path, "cpu")


def _lateness(result, path):
    runs = [(text, run) for text, run in aims.late_runs(result) if run["channels"] in (1, 60, 1000)]
    if not runs:
        return None
    figure, axes = _axes("Lateness at the socket", "µs (above the earliest)", "share of frames that are later")
    for i, (text, run) in enumerate(runs):
        for who, style in (("received", "-"), ("timer", ":")):
            points = [(max(us, 1), 1 - q / 100) for q, us in run["curve_us"][who] if q < 100]
            axes.plot(*zip(*points), style, color=f"C{i}", label=text if who == "received" else None)
    axes.plot([], [], ":", color="grey", label="bare timer in the same run")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(fontsize="small")
    return _save(figure, path, "lateness")


def _first(result, path):
    found = result.get("first_frame_ms")
    if not found:
        return None
    figure, axes = _axes("Time to the first frame", "", "ms")
    names = {"warm": "Tutti, warm", "cold": "Tutti, cold", "ffmpeg_header": "ffmpeg, first page",
             "ffmpeg_sound": "ffmpeg, first page of sound"}
    for i, (key, label) in enumerate(names.items()):
        at = [k + 0.2 * (i - 1.5) for k in range(len(found))]
        middle = [f[key]["median"] for f in found.values()]
        error = [[m - f[key]["min"] for m, f in zip(middle, found.values())],
                 [f[key]["max"] - m for m, f in zip(middle, found.values())]]
        axes.bar(at, middle, 0.19, yerr=error, label=label, error_kw={"alpha": 0.4})
    axes.set_xticks(range(len(found)), [aims.NAMES[k] for k in found])
    axes.legend(fontsize="small")
    return _save(figure, path, "first-frame")


def draw(result, path):
    """[(title, file name)]"""
    if not pyplot:
        return []
    matplotlib.rcParams["svg.hashsalt"] = "tutti"
    crowds = result.get("crowds", {})
    drawn = [
        ("CPU of one channel", _kinds(result, path)),
        ("CPU against channels", _against_channels(
            result, path, "cpu-channels", "CPU against channels", "ms CPU a second, all processes",
            lambda r: r["cpu_per_channel_ns"]["all"] * r["channels"] / 1e6, crowds.get("cpu_ms"))),
        ("Memory against channels", _against_channels(
            result, path, "memory-channels", "Memory against channels", "MB, all processes",
            aims.scenarios.memory_total, crowds.get("memory_mb"))),
        ("Lateness", _lateness(result, path)),
        ("Time to the first frame", _first(result, path)),
    ]
    return [(title, name) for title, name in drawn if name]
