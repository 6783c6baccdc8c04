"""Measures two builds or more in turn, so that what the machine does meanwhile meets them alike.

    /usr/bin/python3 bench/compare.py --build OLD/build --build build [--rounds 5] [--cases opus:60,opus:1000,mp3:20]

Each round plays every case (a kind and so many channels) with every build, in real time. Prints a Markdown table of
medians over the rounds: how late frames were at the receiver, CPU of a second and memory of a channel, all processes
counted, and frames that were missing.
"""
import argparse
import os
import statistics
from pathlib import Path

import media
import scenarios

ROOT = Path(__file__).resolve().parents[1]
SONG_S = 180


def row(run):
    late, channels = run["lateness_us"], run["channels"]
    return {
        "late p50": late["received"]["p50"],
        "late p99": late["received"]["p99"],
        "by the daemon p99": late["daemon"]["p99"],
        "CPU ms": run["cpu_per_channel_ns"]["all"] / 1e6,
        "memory MB": scenarios.memory_total(run) / channels,
        "missing": run["frames"]["underruns"] + run["gaps"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default="opus:60,opus:1000,mp3:20")
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    builds = [build.resolve() for build in arguments.build or [ROOT / "build"]]
    cases = [(kind, int(n)) for kind, n in (case.split(":") for case in arguments.cases.split(","))]
    found = {(case, build): [] for case in cases for build in builds}
    for _ in range(arguments.rounds):
        for ((kind, n), build), rows in found.items():
            song = media.make(builds[0] / "bench-media", kind, SONG_S)
            rows.append(row(scenarios.play(build, song, n, arguments.seconds, min(8, 3 + n / 250))))
    names = list(next(iter(found.values()))[0])
    print("| case | build | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for ((kind, n), build), rows in found.items():
        medians = (statistics.median(one[name] for one in rows) for name in names)
        print(f"| {n} × {kind} | {os.path.relpath(build)} | " + " | ".join(f"{m:.3g}" for m in medians) + " |", flush=True)


main()
