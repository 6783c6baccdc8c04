"""script/bench: measures everything in one go and writes bench/results/. See --help."""
import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path

import aims
import crowd
import figures
import host
import media
import report
import scenarios

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
from httpd import Server  # noqa: E402

QUICK = {"kinds": ["mp3", "opus"], "repeats": 1, "window_s": 10, "ffmpegs": 10, "ffmpeg_s": 5, "first": 8, "storm_s": 2,
         "crowds": [100], "crowd_s": 5, "ramp": [], "busy": {"opus": [60]}, "http": []}
FULL = {"kinds": ["mp3", "aac", "flac", "opus"], "repeats": 3, "window_s": 10, "ffmpegs": 20, "ffmpeg_s": 15,
        "first": 40, "storm_s": 10, "crowds": [1, 10, 60, 200, 500, 1000], "crowd_s": 10,
        "ramp": [2000, 4096], "busy": {"opus": [1, 60, 1000], "mp3": [20]}, "http": ["mp3", "opus"]}
SIZES = (20, 60)
SONG_S = 60  # of what is played in tens of channels; a crowd takes longer to start
SECTIONS = ("micro", "kinds", "http", "crowds", "busy", "first", "storm", "ramp")
ENOUGH_S = 16 * 60  # what is not begun by then is left out


def say(*words):
    print(f"{time.strftime('%H:%M:%S')}", *words, flush=True)


class Bench:
    def __init__(self, build, plan):
        self.build, self.plan, self.folder = build, plan, build / "bench-media"
        self.result = {"machine": host.describe(), "plan": plan, "when": time.strftime("%Y-%m-%d"),
                       "load_before": host.load(), "kinds": {}, "failed": {}}

    def song(self, kind):
        return media.make(self.folder, kind, SONG_S)

    def loops(self, kind):
        """The bare loop's CPU time for a second of media [ns], and that of the pipeline alone."""
        way = "demux" if kind == "opus" else "decode"
        return {"limit_ns": scenarios.yardstick(self.build, way, self.song(kind), SONG_S),
                "pipeline_ns": scenarios.yardstick(self.build, "pipeline", self.song(kind), SONG_S)}

    def once(self, kind, channels):
        """A play, with the bare loops before and after."""
        before = self.loops(kind)
        run = scenarios.play(self.build, self.song(kind), channels, self.plan["window_s"], calls=True)
        after = self.loops(kind)
        run.update({key: (before[key] + after[key]) / 2 for key in before})
        cost = run["cpu_per_channel_ns"]["all"]
        run["ratio_to_limit"] = cost / run["limit_ns"]
        say(f"{kind} × {channels}: {cost / 1e6:.2f} ms CPU a second and channel, {run['ratio_to_limit']:.3f} of the bare",
            f"loop; underruns {run['frames']['underruns']}; load {host.load():.1f}")
        return run

    def run_kinds(self):
        for kind in self.plan["kinds"]:
            runs = {n: [self.once(kind, n) for _ in range(self.plan["repeats"])] for n in SIZES}
            n = self.plan["ffmpegs"]
            say(f"{kind}: {n} ffmpeg processes")
            self.result["kinds"][kind] = {
                "runs": {str(size): r for size, r in runs.items()},
                "memory_per_further_channel_mb": figures.spread(
                    [scenarios.memory_slope(a, b) for a, b in zip(runs[20], runs[60])]),
                "ffmpeg": scenarios.ffmpeg(self.song(kind), n, self.plan["ffmpeg_s"]),
            }

    def run_http(self):
        """The same songs from a web server on loopback and from the file, in turn."""
        found = self.result["http"] = {}
        for kind in self.plan["http"]:
            path = self.song(kind)
            with Server() as server:
                server.add(f"/{path.name}", path.read_bytes(), type=media.TYPES[kind])
                for _ in range(self.plan["repeats"]):
                    for way, url in (("file", None), ("http", server.url(f"/{path.name}"))):
                        run = scenarios.play(self.build, path, 20, self.plan["window_s"], url=url)
                        found.setdefault(kind, {}).setdefault(way, []).append(run)
            file, http = (aims.median(aims.cost_ns(found[kind][way])) for way in ("file", "http"))
            say(f"{kind} × 20 by HTTP: {http / 1e6:.2f} ms CPU a second and channel, {http / file:.3f} of the file's")

    def run_micro(self):
        self.result["micro"] = scenarios.micro(self.build)
        say("inner pieces:", ", ".join(f"{m['piece']} {m['ns']:.0f} ns" for m in self.result["micro"]))

    def run_crowds(self):
        self.result["crowds"] = crowd.line(self.build, self.folder, self.plan["crowds"], self.plan["crowd_s"], say)

    def run_busy(self):
        self.result["busy"] = crowd.busy(self.build, self.folder, self.plan["busy"], self.plan["crowd_s"], say)

    def run_ramp(self):
        if self.plan["ramp"]:
            self.result["ramp"] = crowd.ramp(self.build, self.folder, self.plan["ramp"], self.plan["crowd_s"], say)

    def run_first(self):
        found = self.result["first_frame_ms"] = {}
        for kind in self.plan["kinds"]:
            path, n = self.song(kind), self.plan["first"]
            pages = [scenarios.ffmpeg_first_page(path) for _ in range(n)]
            found[kind] = {
                "warm": figures.spread(scenarios.first_frame(self.build, path, n)),
                "cold": figures.spread(scenarios.first_frame(self.build, path, max(3, n // 4), cold=True)),
                "ffmpeg_header": figures.spread([p["header_ms"] for p in pages]),
                "ffmpeg_sound": figures.spread([p["sound_ms"] for p in pages]),
            }
            say(f"{kind}: first frame after {found[kind]['warm']['median']:.1f} ms,",
                f"ffmpeg's first page after {found[kind]['ffmpeg_header']['median']:.1f} ms")

    def run_storm(self):
        found = self.result["storm"] = {}
        for kind in ("mp3", "opus"):
            found[kind] = scenarios.storm(self.build, self.song(kind), 20, self.plan["storm_s"])
            say(f"storm of {kind}: {found[kind]['plays_per_s']:.0f} plays a second")

    def run(self, sections):
        """One section that fails takes no other with it; what failed is in the result."""
        started = time.monotonic()
        for name in sections:
            began = time.monotonic()
            if began - started > ENOUGH_S:
                self.result["failed"][name] = "left out: there was no time"
                continue
            try:
                getattr(self, f"run_{name}")()
            except Exception as problem:  # noqa: BLE001
                traceback.print_exc()
                self.result["failed"][name] = f"{type(problem).__name__}: {problem}"
                say(f"{name} failed")
            say(f"{name}: took {time.monotonic() - began:.0f} s")
        self.result["load_after"] = host.load()
        return self.result


def parse():
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures Tutti beside its yardsticks.")
    parser.add_argument("--quick", action="store_true", help="under two minutes: a part, and fewer repetitions")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--kinds", help="of mp3, aac, flac and opus, separated by commas")
    parser.add_argument("--only", help=f"of {', '.join(SECTIONS)}, separated by commas; the rest is left out")
    parser.add_argument("--table", type=Path, metavar="JSON", help="measures nothing: draws table and plots anew from it")
    parser.add_argument("--readme", action="store_true", help="puts the short table into README.md (the full run does)")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results", help="where results go")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.table:
        report.write(json.loads(arguments.table.read_text()), arguments.table, ROOT if arguments.readme else None)
        return 0
    plan = dict(QUICK if arguments.quick else FULL)
    plan.update((k, v) for k, v in {"repeats": arguments.repeats,
                                    "kinds": arguments.kinds and arguments.kinds.split(",")}.items() if v)
    sections = arguments.only.split(",") if arguments.only else SECTIONS
    started = time.monotonic()
    result = Bench(arguments.build.resolve(), plan).run(sections)
    result["took_s"] = round(time.monotonic() - started)
    arguments.out.mkdir(parents=True, exist_ok=True)
    kind = "-quick" if arguments.quick else "-part" if arguments.only or arguments.kinds else ""
    path = arguments.out / f"{host.label()}{kind}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    whole = not kind and not result["failed"]
    print(report.write(result, path, ROOT if whole or arguments.readme else None))
    say(f"took {result['took_s']} s; written: {os.path.relpath(path)}, its .md and its plots")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
