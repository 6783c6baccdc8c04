"""Measures voice connections: channels of passed-through Opus that are heard by the stand-in of tests/voice.

    /usr/bin/python3 bench/calls.py [--build build] [--channels 20,60] [--seconds 10] [--rounds 3]

For each number of channels, as medians over the rounds: CPU of a frame from the ring to the UDP socket (tuttid, workers
and tutti-voice, kernel included; the stand-in is not counted), how far apart packets of a call arrived by the kernel's
stamps, packets that never came, and memory of a further connection (tutti-voice alone, share plus page tables).
"""
import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import host
import media
from daemon import Daemon

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "voice"))

from standin import Standin  # noqa: E402

SONG_S, LEAD_S, FRAME_MS = 180, 3, 20


def start(daemon, server, song, channels):
    for channel in range(1, channels + 1):
        daemon.control.send("connect", channel_id=str(channel), guild_id=str(channel), user_id="7",
                            session_id=f"s{channel}", token="t", endpoint=server.endpoint())
    ready = set()
    while len(ready) < channels:
        event = daemon.control.wait(lambda e: e["type"] == "voice" and e["state"] in ("ready", "closed"))
        assert event["state"] == "ready", event
        ready.add(event["channel_id"])
    for channel in range(1, channels + 1):
        daemon.control.send("play", channel_id=str(channel), url=str(song))
    for _ in range(channels):
        daemon.control.wait(lambda e: e["type"] == "ready")


def cpu_ns(daemon):
    return sum(host.cpu_ns(pid) for pid in [daemon.pid, *host.children(daemon.pid)])


def voice_mb(daemon):
    pid = next(pid for pid in host.children(daemon.pid) if host.name(pid) == "tutti-voice")
    memory = host.memory_kb(pid)
    return (memory["pss"] + memory["tables"]) / 1024


def run(build, song, channels, seconds):
    with tempfile.TemporaryDirectory() as folder:
        server = Standin(folder)
        os.environ["SSL_CERT_FILE"] = str(server.ca)
        with Daemon(build, song.parent, channels, ("--allow-private-hosts", "--voice-host", "localhost")) as daemon:
            start(daemon, server, song, channels)
            time.sleep(LEAD_S)
            counts, before = [len(s.packets) for s in server.sessions], cpu_ns(daemon)
            time.sleep(seconds)
            used = cpu_ns(daemon) - before
            packets = [s.packets[n:] for s, n in zip(server.sessions, counts)]
            memory = voice_mb(daemon)
        server.stop()
    gaps = np.concatenate([np.diff([p.at for p in one]) for one in packets]) * 1000
    steps = sum((b.sequence - a.sequence) % 65536 - 1 for one in packets for a, b in zip(one, one[1:]))
    frames = sum(map(len, packets))
    problems = [p for s in server.sessions for p in s.problems]
    assert not problems, problems[:3]
    return {"frames": frames, "CPU µs a frame": used / frames / 1000,
            "|gap − 20 ms| p50": np.percentile(abs(gaps - FRAME_MS), 50), "p99": np.percentile(abs(gaps - FRAME_MS), 99),
            "longest gap ms": gaps.max(), "skipped": steps, "voice MB": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--channels", default="20,60")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    song = media.make(build / "bench-media", "opus", SONG_S)
    sizes = [int(n) for n in arguments.channels.split(",")]
    found = {n: [] for n in sizes}
    for _ in range(arguments.rounds):
        for n, rows in found.items():
            rows.append(run(build, song, n, arguments.seconds))
    names = list(found[sizes[0]][0])
    median = {n: {name: statistics.median(one[name] for one in rows) for name in names} for n, rows in found.items()}
    print("| calls | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for n in sizes:
        print(f"| {n} | " + " | ".join(f"{median[n][name]:.3g}" for name in names) + " |")
    if len(sizes) > 1:
        small, large = min(sizes), max(sizes)
        kb = (median[large]["voice MB"] - median[small]["voice MB"]) * 1024 / (large - small)
        print(f"\nA further connection: {kb:.0f} KiB of tutti-voice")


main()
