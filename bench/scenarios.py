"""What is measured, one function a scenario. Each returns plain figures."""
import json
import os
import statistics
import subprocess
import time

import numpy as np

import figures
import host
from daemon import Daemon

SYSCALLS_S = 3
LEAD_S = 4  # rings are full by then
LOOKED_AT = 600  # workers whose memory is read: it takes a millisecond each


def yardstick(build, way, path, seconds):
    """CPU time of a bare loop, or of the pipeline alone, for a second of media, start-up taken out [ns]."""
    program = ["pipeline"] if way == "pipeline" else ["yardstick", way]
    out = subprocess.run([build / "bench" / program[0], *program[1:], path, str(seconds)],
                         check=True, capture_output=True, text=True).stdout
    found = json.loads(out)
    return (found["cpu_ns"] - found["cpu_1s_ns"]) / (found["media_s"] - 1)


def micro(build):
    """What the inner pieces cost, each in a loop of its own."""
    return [json.loads(subprocess.run([build / "bench" / "micro", piece], check=True, capture_output=True,
                                      text=True, timeout=60).stdout)
            for piece in ("ring", "pacer", "frames", "deliver", "cold", "commands")]


class Timer:
    """The bare timerfd loop, at work while the daemon is; as "wire", when a reader of its socket has heard of it."""

    def __init__(self, build, folder, seconds, way="timer"):
        self.out = folder / way
        self.process = subprocess.Popen([build / "bench" / "yardstick", way, "5000", str(seconds), self.out],
                                        stdout=subprocess.DEVNULL)

    def late_ns(self):
        self.process.wait()
        return np.fromfile(self.out, "<u4")


def _start(daemon, path, channels):
    """Plays it in all channels; {channel: time from play to the first frame [ms]}."""
    sent = {c: daemon.control.send("play", channel_id=str(c), url=str(path)) for c in range(1, channels + 1)}
    first = {}
    for _ in sent:
        channel, at_ns = daemon.listener.wait("first")
        first[channel] = (at_ns - sent[channel]) / 1e6
    return first


class Hogs:
    """As many busy processes as there are cores, at the usual priority; they end by themselves, too."""

    def __init__(self, n, seconds):
        self.running = [subprocess.Popen(["timeout", str(seconds + 30), "sh", "-c", "while :; do :; done"])
                        for _ in range(n)]
        if n:
            time.sleep(1)

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()


def _count_calls(daemon, channels):
    """System calls and wake-ups of tuttid and of one worker, for three seconds."""
    pids = daemon.processes()
    busy = max(pids["worker"], key=host.cpu_ns)
    watched = {"tuttid": pids["tuttid"][0], "worker": busy}
    before = {role: host.wakeups(pid) for role, pid in watched.items()}
    started = time.monotonic()
    counters = {role: host.SystemCalls(pid, SYSCALLS_S) for role, pid in watched.items()}
    calls = {role: counter.count() for role, counter in counters.items()}
    seconds = time.monotonic() - started
    frames = {"tuttid": channels * 50, "worker": 50}
    return {
        "syscalls_per_frame": {r: n and n / (SYSCALLS_S * frames[r]) for r, n in calls.items()},
        "wakeups_per_frame": {r: (host.wakeups(watched[r]) - n) / (seconds * frames[r]) for r, n in before.items()},
    }


def _memory(daemon):
    """{role: {pss, tables, private [MB], processes}}. Of thousands of workers every so manieth is looked at."""
    memory = {}
    for role, members in daemon.processes().items():
        step = max(1, len(members) // LOOKED_AT)
        each = [host.memory_kb(pid) for pid in members[::step]]
        scale = len(members) / max(1, len(each)) / 1024
        memory[role] = {key: sum(m[key] for m in each) * scale for key in ("pss", "tables", "private")}
        memory[role]["processes"] = len(members)
    return memory


def play(build, path, channels, window_s, lead_s=LEAD_S, hogs=0, calls=False, url=None):
    """Plays one file (or what is at `url`, on loopback) in so many channels at once and looks at `window_s` seconds
    of it, in real time.

    The window begins when rings are full. Its length should be a multiple of ten seconds, in which every worker,
    woken each time a fixed part of its ring is empty, has done whole runs of work.
    """
    frames_max = int(channels * 50 * (window_s + lead_s + 40 + channels / 50)) + 100_000
    options = ("--allow-private-hosts",) if url else ()
    with Daemon(build, path.parent, channels, options, frames_max) as daemon:
        first = _start(daemon, url or path, channels)
        time.sleep(lead_s)
        noise = Hogs(hogs, window_s)
        try:
            found, ticks, wire, span_ns = _look(build, daemon, channels, window_s, calls)
        finally:
            noise.end()
        found["memory_mb"] = _memory(daemon)
        notes, sleeper = daemon.listener.notes()
    late = figures.lateness_ns(notes[(notes["at_ns"] >= span_ns[0]) & (notes["at_ns"] <= span_ns[1])])
    ticks_above = ticks - ticks.min()
    found.update(
        channels=channels, hogs=hogs, first_frame_ms=figures.spread(list(first.values())), gaps=figures.gaps(notes[notes["at_ns"] <= span_ns[1]]),
        lateness_us={"received": figures.quantiles_us(late), "harness": figures.quantiles_us(sleeper),
                     "daemon": found.pop("daemon_us"), "timer": figures.quantiles_us(ticks),
                     "timer_above_own_earliest": figures.quantiles_us(ticks_above),
                     "wire_above_own_earliest": figures.quantiles_us(wire - wire.min())},
        curve_us={"received": figures.curve_us(late), "timer": figures.curve_us(ticks_above)})
    return found


def _look(build, daemon, channels, window_s, calls):
    """The window itself: what is to be known of it, how late timer and wire were, and when it was."""
    ready_s, earlier = daemon.control.buffered_s(), daemon.control.stats()
    at_begin, begin_ns = daemon.sum(host.cpu_ns), time.monotonic_ns()
    timer, wire = (Timer(build, daemon.dir, window_s, way) for way in ("timer", "wire"))
    found = _count_calls(daemon, channels) if calls else {}
    _sleep_until(begin_ns / 1e9 + window_s)
    at_end, end_ns = daemon.sum(host.cpu_ns), time.monotonic_ns()
    stats = daemon.control.stats()
    frames = {key: n - earlier["frames"][key] for key, n in stats["frames"].items()}
    # What was made, not what was heard: rings may hold more than before, or less.
    made_s = frames["sent"] / 50 + daemon.control.buffered_s() - ready_s
    cost = {role: (n - at_begin[role]) / made_s for role, n in at_end.items()}
    found.update(
        load=host.load(), cpu_per_channel_ns={**cost, "all": sum(cost.values())},
        frames=frames, made_s=made_s, start_frames=earlier["frames"], daemon_us=stats["lateness_us"], scheduling=host.scheduling(daemon.pid))
    return found, timer.late_ns(), wire.late_ns(), (begin_ns, end_ns)


def _sleep_until(then):
    time.sleep(max(0, then - time.monotonic()))


def memory_total(run):
    """Share of memory plus page tables of all processes [MB]."""
    return sum(m["pss"] + m["tables"] for m in run["memory_mb"].values())


def memory_slope(small, large):
    """Memory of a further channel [MB], everything counted."""
    return (memory_total(large) - memory_total(small)) / (large["channels"] - small["channels"])


def _ffmpeg(path, seconds, start=0.0):
    return ["ffmpeg", "-v", "error", "-nostdin", "-re", "-ss", str(start), "-i", str(path), "-t", str(seconds), "-vn",
            "-c:a", "libopus", "-b:a", "128k", "-compression_level", "10", "-frame_duration", "20",
            "-page_duration", "20000", "-flush_packets", "1", "-f", "ogg", "pipe:1"]


def _ffmpeg_cpu(path, channels, seconds):
    """CPU time of so many ffmpeg processes at once, everything counted [ns]; memory midway [MB]."""
    sink = os.open("/dev/null", os.O_WRONLY)
    running = [subprocess.Popen(_ffmpeg(path, seconds), stdout=sink, stderr=subprocess.DEVNULL)
               for _ in range(channels)]
    time.sleep(seconds / 2)
    each = [host.memory_kb(process.pid) for process in running]
    memory = statistics.median((m["pss"] + m["tables"]) / 1024 for m in each)
    total = 0
    for process in running:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError("ffmpeg failed")
        total += (used.ru_utime + used.ru_stime) * 1e9
    os.close(sink)
    return total, memory


def ffmpeg(path, channels, seconds):
    """One ffmpeg process a channel, in real time: CPU for a second of one, memory of one."""
    long, memory = _ffmpeg_cpu(path, channels, seconds)
    short, _ = _ffmpeg_cpu(path, channels, 1)
    return {"cpu_ns": (long - short) / channels / (seconds - 1), "memory_mb": memory}


def ffmpeg_first_page(path):
    """From the start of the process to the first page of headers, and to the first of sound [ms]."""
    started = time.monotonic_ns()
    process = subprocess.Popen(_ffmpeg(path, 1), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    data, pages, at = b"", [], 0
    while len(pages) < 3:
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            raise RuntimeError("ffmpeg gave nothing")
        data += piece
        while len(data) >= at + 27 and len(data) >= at + 27 + data[at + 26]:
            table = data[at + 27:at + 27 + data[at + 26]]
            size = 27 + len(table) + sum(table)
            if len(data) < at + size:
                break
            pages.append((time.monotonic_ns() - started) / 1e6)
            at += size
    process.kill()
    process.wait()
    process.stdout.close()
    return {"header_ms": pages[0], "sound_ms": pages[2]}


def forget(path):
    """Lets the system forget the file, so that it has to be read again."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def first_frame(build, path, repeats, cold=False):
    """From `play` to the first frame on the socket [ms], one channel after another.

    Warm: an idle worker is there and the file in memory. Cold: the daemon has just started and the
    file must be read.
    """
    found = []
    if cold:
        for _ in range(repeats):
            with Daemon(build, path.parent, 1) as daemon:
                forget(path)
                found += _start(daemon, path, 1).values()
        return found
    with Daemon(build, path.parent, 1) as daemon:
        for i in range(repeats + 1):
            first = _start(daemon, path, 1)
            _stop(daemon, 1)
            if i > 0:
                found += first.values()
            time.sleep(0.013)
    return found


def _stop(daemon, channel):
    daemon.control.send("stop", channel_id=str(channel))
    daemon.control.wait(lambda e: e["type"] == "stopped" and e["channel_id"] == str(channel))
    daemon.listener.wait("end", channel)


def storm(build, path, channels, seconds):
    """Play, first frame, stop, and at once the next, in so many channels for a while."""
    with Daemon(build, path.parent, channels) as daemon:
        before = sum(daemon.sum(host.cpu_ns).values())
        started, took, sent = time.monotonic(), [], {}
        for c in range(1, channels + 1):
            sent[c] = daemon.control.send("play", channel_id=str(c), url=str(path))
        while sent:
            channel, at_ns = daemon.listener.wait("first")
            took.append((at_ns - sent.pop(channel)) / 1e6)
            daemon.control.send("stop", channel_id=str(channel))
            if time.monotonic() - started < seconds:
                sent[channel] = daemon.control.send("play", channel_id=str(channel), url=str(path))
            daemon.control.poll(0)
            if any(e["type"] == "error" for e in daemon.control.events):
                raise RuntimeError("the daemon refused a play of the storm")
            daemon.control.events.clear()
        lasted = time.monotonic() - started
        cpu = sum(daemon.sum(host.cpu_ns).values()) - before
    return {"channels": channels, "plays": len(took), "plays_per_s": len(took) / lasted,
            "first_frame_ms": {"p50": float(np.percentile(took, 50)), "p99": float(np.percentile(took, 99))},
            "cpu_ms_per_play": cpu / 1e6 / len(took)}
