"""Measures whether those who watch make frames late: channels of passthrough whose volume changes all the time.

    /usr/bin/python3 bench/watched.py [--build build]... [--rounds 5] [--channels 40] [--watchers 400] [--seconds 10]

Each round plays every case with every build in turn: without and with watchers, without and with a volume in each
channel twice a second, all of them in one breath. Prints a Markdown table of medians over the rounds: how late frames
left after their deadlines, by the daemon's own count since its start, and how many lines the watchers read.
"""
import argparse
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import media
from daemon import Daemon

ROOT = Path(__file__).resolve().parents[1]
SONG_S = 180
LEAD_S = 3  # rings are full by then
CASES = [(watchers, volumes) for watchers in (False, True) for volumes in (False, True)]


def watch(path, count):
    """What runs as a process of its own: so many connections that watch and read; says how many lines there were."""
    chosen, lines = selectors.DefaultSelector(), 0
    for _ in range(count):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        sock.sendall(b'{"type":"watch","on":true}\n')
        while b'"watching"' not in sock.recv(1 << 16):
            pass
        chosen.register(sock, selectors.EVENT_READ)
    chosen.register(sys.stdin, selectors.EVENT_READ)
    print("watching", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is sys.stdin:
                print(lines, flush=True)
                return
            lines += key.fileobj.recv(1 << 18).count(b"\n")


def case(build, song, arguments, with_watchers, with_volumes):
    """{p50, p99, max [µs], underruns, lines}"""
    n = arguments.channels
    with Daemon(build, song.parent, n) as daemon:
        for channel in range(1, n + 1):
            daemon.control.send("play", channel_id=str(channel), url=str(song))
        for channel in range(1, n + 1):
            daemon.listener.wait("first", channel)
        watchers = subprocess.Popen(
            [sys.executable, __file__, "--watch", daemon.dir / "run" / "control.sock",
             "--watchers", str(arguments.watchers if with_watchers else 0)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        watchers.stdout.readline()
        time.sleep(LEAD_S)
        daemon.control.events.clear()
        end, level = time.monotonic() + arguments.seconds, 0.5
        while time.monotonic() < end:
            level = 1.5 - level
            for channel in range(1, n + 1) if with_volumes else ():
                daemon.control.send("volume", channel_id=str(channel), level=level)
            then = time.monotonic() + 0.5
            while time.monotonic() < then:
                daemon.control.poll(then - time.monotonic())
            daemon.control.events.clear()
        stats = daemon.control.stats()
        lines = watchers.communicate("\n")[0]
    return {**stats["lateness_us"], "underruns": stats["frames"]["underruns"], "lines": int(lines)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, default=40)
    parser.add_argument("--watchers", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        watch(arguments.watch, arguments.watchers)
        return
    builds = arguments.build or [ROOT / "build"]
    song = media.make(builds[0].resolve() / "bench-media", "opus", SONG_S)
    found = {(build, one): [] for build in builds for one in CASES}
    for _ in range(arguments.rounds):
        for (build, one), runs in found.items():
            runs.append(case(build.resolve(), song, arguments, *one))
    print("| build | watchers | volumes | late p50 | p99 | max | underruns | lines read |\n|---|---|---|---|---|---|---|---|")
    for (build, (watchers, volumes)), runs in found.items():
        row = [f"{statistics.median(run[key] for run in runs):.0f}"
               for key in ("p50", "p99", "max", "underruns", "lines")]
        print(f"| {os.path.relpath(build)} | {arguments.watchers if watchers else 0} | {'yes' if volumes else 'no'} |",
              " | ".join(row), "|")


main()
