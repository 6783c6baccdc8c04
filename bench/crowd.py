"""Passthrough in one channel and in thousands: what it costs, whether it holds, and where it breaks."""
import os
import time

import figures
import host
import media
import scenarios

SONG_S = 180  # thousands take the better part of a minute to start
LATE_US = 20_000  # a frame that is later than the one after it is due
MB_A_CHANNEL = 1.3  # what must be free before more are tried
SPARE_MB = 1500


def _song(folder, kind):
    return media.make(folder, kind, SONG_S)


def _short(run):
    late = run["lateness_us"]["received"]
    return (f"{run['cpu_per_channel_ns']['all'] * run['channels'] / 1e9:.2f} cores, "
            f"underruns {run['frames']['underruns']}, dropped {run['frames']['dropped']}, "
            f"late p50 {late['p50']:.0f} p99 {late['p99']:.0f} max {late['max']:.0f} µs "
            f"(timer p99 {run['lateness_us']['timer_above_own_earliest']['p99']:.0f})")


def _room_for(channels):
    free = host.available_mb()
    return None if free >= channels * MB_A_CHANNEL + SPARE_MB else f"{free} MB of memory are free, too little"


def _play(build, folder, kind, channels, window_s, say, hogs=0):
    began = time.monotonic()
    run = scenarios.play(build, _song(folder, kind), channels, window_s, min(8, 3 + channels / 250), hogs)
    say(f"{kind} × {channels}{f' beside {hogs} busy processes' if hogs else ''}: {_short(run)};",
        f"{time.monotonic() - began:.0f} s")
    return run


def line(build, folder, sizes, window_s, say):
    """{"runs": [...], "cpu": fit, "memory": fit}: cost against work."""
    runs = []
    for n in sizes:
        lack = _room_for(n)
        if lack:
            say(f"opus × {n} left out: {lack}")
            continue
        runs.append(_play(build, folder, "opus", n, window_s, say))
    found = {"runs": runs}
    if len(runs) > 2:
        counts = [r["channels"] for r in runs]
        found["cpu_ms"] = figures.line(counts, [r["cpu_per_channel_ns"]["all"] * r["channels"] / 1e6 for r in runs])
        found["memory_mb"] = figures.line(counts, [scenarios.memory_total(r) for r in runs])
    return found


def busy(build, folder, sizes, window_s, say):
    """Beside as many busy processes as there are cores. [run]"""
    return [{"kind": kind, **_play(build, folder, kind, n, window_s, say, hogs=os.cpu_count())}
            for kind, counts in sizes.items() for n in counts if not _room_for(n)]


def _what_broke(run):
    frames, late = run["frames"], run["lateness_us"]["received"]
    cores = run["cpu_per_channel_ns"]["all"] * run["channels"] / 1e9
    if frames["dropped"] or run["gaps"]:
        return f"{frames['dropped']} frames were dropped: the receiver did not take them in time"
    if frames["underruns"]:
        return f"{frames['underruns']} frames were missing: workers did not fill their rings in time"
    if late["p99"] > LATE_US:
        return f"one frame in a hundred is more than {late['p99'] / 1000:.0f} ms late"
    if cores > 0.95 * os.cpu_count():
        return "the processors are busy all the time"
    return None


def ramp(build, folder, sizes, window_s, say):
    """More and more, until something gives. {"runs", "held": the largest that held, "broke": (n, why)}"""
    found = {"runs": [], "held": None, "broke": None}
    for n in sizes:
        why = _room_for(n)
        if not why:
            try:
                run = _play(build, folder, "opus", n, window_s, say)
                found["runs"].append(run)
                why = _what_broke(run)
            except (RuntimeError, TimeoutError) as problem:
                why = str(problem)
        if why:
            found["broke"] = [n, why]
            say(f"opus × {n} does not hold: {why}")
            break
        found["held"] = n
    return found
