"""script/bench: measures everything in one go and writes bench/results/. See --help."""
import argparse
import json
import sys
import time
from pathlib import Path

import figures
import host
import media
import report
import scenarios

ROOT = Path(__file__).resolve().parents[1]
QUICK = {"seconds": 18, "repeats": 1, "kinds": ["mp3", "opus"], "first": 8, "storm_s": 3, "ffmpeg_s": 8}
FULL = {"seconds": 60, "repeats": 3, "kinds": ["mp3", "aac", "flac", "opus"], "first": 50, "storm_s": 15,
        "ffmpeg_s": 30}
FFMPEGS = 20


def say(*words):
    print(f"{time.strftime('%H:%M:%S')}", *words, flush=True)


class Bench:
    def __init__(self, build, plan):
        self.build, self.plan, self.folder = build, plan, build / "bench-media"
        self.result = {"machine": host.describe(), "plan": plan, "when": time.strftime("%Y-%m-%d"),
                       "load_before": host.load(), "kinds": {}}

    def loops(self, kind):
        """The bare loops' CPU time for a second of media [ns], and that of the pipeline alone."""
        def run(way, kind):
            path = media.make(self.folder, kind, self.plan["seconds"])
            return scenarios.yardstick(self.build, way, path, self.plan["seconds"])
        way = "demux" if kind == "opus" else "decode"
        return {"limit_ns": run(way, kind), "pipeline_ns": run("pipeline", kind),
                "bare_mp3_ns": run("decode", "mp3")}

    def sizes(self, kind):
        return [20, 60]

    def once(self, kind, channels):
        """A play, with the bare loops before and after."""
        seconds = self.plan["seconds"]
        before = self.loops(kind)
        run = scenarios.play(self.build, media.make(self.folder, kind, seconds), channels, seconds)
        after = self.loops(kind)
        run.update({key: (before[key] + after[key]) / 2 for key in before})
        run["ratio_to_limit"] = run["cpu_per_channel_ns"]["all"] / run["limit_ns"]
        run["ratio_to_bare_mp3"] = run["cpu_per_channel_ns"]["all"] / run["bare_mp3_ns"]
        say(f"{kind} × {channels}: {run['cpu_per_channel_ns']['all'] / 1e6:.2f} ms CPU a second and channel,",
            f"{run['ratio_to_bare_mp3']:.3f} of the bare MP3 loop; load {host.load():.1f}")
        return run

    def run_kind(self, kind):
        runs = {n: [self.once(kind, n) for _ in range(self.plan["repeats"])] for n in self.sizes(kind)}
        small, large = runs[20], runs[60]
        self.result["kinds"][kind] = {
            "runs": {str(n): r for n, r in runs.items()},
            "memory_per_further_channel_mb": figures.spread(
                [scenarios.memory_slope(a, b) for a, b in zip(small, large)]),
        }
        say(f"{kind}: {FFMPEGS} ffmpeg processes")
        path = media.make(self.folder, kind, self.plan["seconds"])
        self.result["kinds"][kind]["ffmpeg"] = scenarios.ffmpeg(path, FFMPEGS, self.plan["ffmpeg_s"])

    def run_first_frame(self):
        found = self.result["first_frame_ms"] = {}
        for kind in self.plan["kinds"]:
            path = media.make(self.folder, kind, self.plan["seconds"])
            n = self.plan["first"]
            pages = [scenarios.ffmpeg_first_page(path) for _ in range(n)]
            found[kind] = {
                "warm": figures.spread(scenarios.first_frame(self.build, path, n)),
                "cold": figures.spread(scenarios.first_frame(self.build, path, max(3, n // 5), cold=True)),
                "ffmpeg_header": figures.spread([p["header_ms"] for p in pages]),
                "ffmpeg_sound": figures.spread([p["sound_ms"] for p in pages]),
            }
            say(f"{kind}: first frame after {found[kind]['warm']['median']:.1f} ms,",
                f"ffmpeg's after {found[kind]['ffmpeg_sound']['median']:.1f} ms")

    def run_storm(self):
        found = self.result["storm"] = {}
        for kind in ("mp3", "opus"):
            path = media.make(self.folder, kind, self.plan["seconds"])
            found[kind] = scenarios.storm(self.build, path, 20, self.plan["storm_s"])
            say(f"storm of {kind}: {found[kind]['plays_per_s']:.0f} plays a second")

    def run(self):
        for kind in self.plan["kinds"]:
            self.run_kind(kind)
        self.run_first_frame()
        self.run_storm()
        self.result["load_after"] = host.load()
        return self.result


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures Tutti beside its yardsticks.")
    parser.add_argument("--quick", action="store_true", help="under two minutes: two formats, one repetition")
    parser.add_argument("--seconds", type=int, help="length of a play, at least 18")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--kinds", help="of mp3, aac, flac and opus, separated by commas")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results", help="where results go")
    arguments = parser.parse_args()
    plan = dict(QUICK if arguments.quick else FULL)
    plan.update((k, v) for k, v in {"seconds": arguments.seconds, "repeats": arguments.repeats,
                                    "kinds": arguments.kinds and arguments.kinds.split(",")}.items() if v)
    started = time.monotonic()
    result = Bench(arguments.build, plan).run()
    result["took_s"] = round(time.monotonic() - started)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{host.label()}{'-quick' if arguments.quick else ''}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    table = report.markdown(result)
    path.with_suffix(".md").write_text(table)
    print(table)
    say(f"took {result['took_s']} s; written: {path} and {path.with_suffix('.md').name}")


if __name__ == "__main__":
    sys.exit(main())
