"""Measures what a command costs: frames from command to ear, and CPU of a volume change.

    /usr/bin/python3 bench/command_latency.py [--build build] [--rounds 40]

Prints a Markdown table. A tone of one pitch or loudness tells the listener which frame is the first of the change;
frames are counted from the last one that had been read when the command was written (paced flow, so one is 20 ms).
"""
import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "bench"))

import host  # noqa: E402
from lib import FRAME, LOOKAHEAD, opus, procs, sound  # noqa: E402
from lib.client import Client, new_channel  # noqa: E402
from lib.daemon import Daemon  # noqa: E402

KINDS = {"transcode": ("wav", ["-c:a", "pcm_s16le"]), "passthrough": ("opus", ["-c:a", "libopus", "-b:a", "128k"])}
SONG_S = 600
COMMANDS = ("volume", "seek", "pause", "resume", "stop", "replace", "cut")


def make(folder, kind, pitch):
    """Ten minutes: a tone whose pitch changes in the middle, so that a seek across it is heard."""
    suffix, options = KINDS[kind]
    path = folder / f"latency-{pitch}.{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        source = f"aevalsrc=0.3*sin(2*PI*t*{pitch}*(1+gte(t\\,{SONG_S // 2}))):s=48000:d={SONG_S}:c=stereo"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options, path], check=True,
                       stdin=subprocess.DEVNULL)
    return str(path)


def pitch_and_loudness(packets):
    """For each frame without the lag: the pitch that is loudest in it, and its RMS."""
    wave = opus.decode(packets)[LOOKAHEAD:, 0]
    n = len(wave) // FRAME
    frames = wave[:n * FRAME].reshape(n, FRAME).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1))
    return np.argmax(spectrum, 1) * (sound.RATE / FRAME), np.sqrt(np.mean(frames ** 2, 1))


def first(matches, begin, most=60):
    found = np.nonzero(matches[begin:begin + most])[0]
    return int(found[0]) if len(found) else most


class Ear:
    """One channel that plays, in paced flow."""

    def __init__(self, client, url, dice):
        self.client, self.dice, self.channel = client, dice, new_channel()
        self.marks = []  # (run, command, frame, what is to be heard)
        self.play(url)

    def play(self, url, **fields):
        self.client.start(url, self.channel, **fields)

    def run(self):
        return self.client.audio.runs[self.channel][-1]

    def settle(self, frames=8):
        """Some frames later, at a random time of the frame."""
        self.client.audio.wait_frames(self.channel, self.client.audio.count(self.channel) + frames)
        time.sleep(self.dice.uniform(0, 0.02))

    def tell(self, kind, answer, **fields):
        """Returns the frames read before the command and when its answer had come."""
        before = len(self.run().frames)
        self.client.expect(answer, kind, self.channel, **fields)
        return before, len(self.run().frames)


def volume_and_seek(client, url, rounds, dice):
    """Frames from the command and from its answer to the change, from the decoded sound."""
    ear, marks = Ear(client, url, dice), []
    ear.settle(20)
    for number in range(rounds):
        level = 0.3 if number % 2 == 0 else 1.0
        marks.append(("volume", *ear.tell("volume", "volume", level=level), level))
        ear.settle()
    ear.tell("volume", "volume", level=1)
    ear.settle(20)
    for number in range(rounds):
        half = (number + 1) % 2
        place = half * SONG_S / 2 + dice.uniform(20, SONG_S / 2 - 20)
        marks.append(("seek", *ear.tell("seek", "seeked", position=place), half))
        ear.settle()
    packets = ear.run().packets
    client.expect("stopped", "stop", ear.channel)
    pitch, loud = pitch_and_loudness(packets)
    usual, low = np.median(loud[5:18]), np.median(pitch[5:18])
    out = {"volume": [], "seek": []}
    for kind, told, answered, what in marks:
        if kind == "volume":
            changed = abs(loud / usual - what) < 0.15
        else:
            changed = abs(pitch - low * (1 + what)) < low / 4
        out[kind].append((first(changed, told), max(0, first(changed, answered))))
    return out


def pause_and_resume(client, url, rounds, dice):
    """Frames that still come after the command, and frames of time until the next one comes."""
    ear, out = Ear(client, url, dice), {"pause": [], "resume": []}
    for _ in range(rounds):
        ear.settle(5)
        before, answered = ear.tell("pause", "paused")
        time.sleep(0.06)
        paused = len(ear.run().frames)
        out["pause"].append((paused - before, paused - answered))
        told = time.monotonic()
        client.expect("resumed", "resume", ear.channel)
        came = time.monotonic()
        client.audio.wait_frames(ear.channel, client.audio.count(ear.channel) + 1)
        heard = ear.run().frames[paused].at
        out["resume"].append(((heard - told) / 0.02, (heard - came) / 0.02))
    client.expect("stopped", "stop", ear.channel)
    return out


def ending(client, urls, rounds, dice):
    """Frames of the old play that still come after stop, replace and cut."""
    ear, out = Ear(client, urls[0], dice), {"stop": [], "replace": [], "cut": []}
    for number in range(rounds):
        for kind in out:
            ear.settle(5)
            run = ear.run()
            before = len(run.frames)
            if kind == "stop":
                client.expect("stopped", "stop", ear.channel)
            else:
                ear.play(urls[number % 2], **({"cut": True} if kind == "cut" else {}))
            answered = len(run.frames)
            client.audio.wait_for(lambda: run.end, "the old play's end")
            out[kind].append((len(run.frames) - before, len(run.frames) - answered))
            if kind == "stop":
                ear.play(urls[number % 2])
    client.expect("stopped", "stop", ear.channel)
    return out


def worker_cpu(daemon):
    return sum(host.cpu_ns(worker.pid) for worker in daemon.workers())


def volume_cpu(daemon, client, url, changes, pause_s, levels):
    """CPU of the workers [ms] a change, beyond that of a play left alone for as long."""
    started = client.start(url, new_channel())
    client.audio.wait_frames(started["channel"], 100)

    def spent(change):
        before, begin = worker_cpu(daemon), time.monotonic()
        for number in range(changes):
            if change:
                client.expect("volume", "volume", started["channel"], level=levels[number % 2])
            time.sleep(max(0, begin + (number + 1) * pause_s - time.monotonic()))
        return (worker_cpu(daemon) - before) / 1e6

    client.expect("volume", "volume", started["channel"], level=levels[1])
    time.sleep(2)
    alone = spent(False)
    disturbed = spent(True)
    client.expect("stopped", "stop", started["channel"])
    return (disturbed - alone) / changes, alone / (changes * pause_s)


def spread(values):
    return " / ".join(f"{np.percentile(values, q, method='higher'):.1f}".removesuffix(".0") for q in (50, 99, 100))


def measure(build_media, daemon, kind, rounds):
    dice = random.Random(1)
    urls = [make(build_media, kind, pitch) for pitch in (1000, 1400)]
    with Client(daemon, "paced") as client:
        out = volume_and_seek(client, urls[0], rounds, dice)
        out |= pause_and_resume(client, urls[0], rounds, dice)
        out |= ending(client, urls, rounds, dice)
        alone = volume_cpu(daemon, client, urls[0], 6, 2.0, (0.5, 0.8))
        slider = volume_cpu(daemon, client, urls[0], 100, 0.05, (0.5, 0.8))
    return out, alone, slider


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    procs.become_subreaper()
    folder = (arguments.build / "bench-media").resolve()
    found = {}
    for kind in KINDS:
        make(folder, kind, 1000)
        with Daemon("--warm-workers", 1, media=[folder]) as daemon:
            found[kind] = measure(folder, daemon, kind, arguments.rounds)
    print(f"Frames (20 ms) from a command to the ear, and from its answer: median / 99 % / most of "
          f"{arguments.rounds}; load {host.load():.1f}\n")
    print("| command | " + " | ".join(f"{kind}: from the command | from the answer" for kind in KINDS) + " |")
    print("|---|" + "---|" * 2 * len(KINDS))
    for command in COMMANDS:
        cells = [spread([pair[i] for pair in found[kind][0][command]]) for kind in KINDS for i in (0, 1)]
        print(f"| {command} | " + " | ".join(cells) + " |")
    print("\nCPU of a change of volume, and beside it that of a second of play:\n")
    print("| | one change, left alone for 2 s | one of 20 a second | a second of play |\n|---|---|---|---|")
    for kind in KINDS:
        (alone, usual), (slider, _) = found[kind][1:]
        print(f"| {kind} | {alone:.1f} ms | {slider:.1f} ms | {usual:.1f} ms |")


if __name__ == "__main__":
    sys.exit(main())
