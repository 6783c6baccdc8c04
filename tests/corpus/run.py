#!/usr/bin/python3
"""Plays real files of public packages through a worker, and compares them with ffmpeg's decoding.

    tests/corpus/run.py FOLDER [MINUTES]     fetches the packages into FOLDER, or finds them there

Each file must be right: as long as ffmpeg says, to the sample (or one, where rounding to 48 kHz differs), at the same place
and of the same sound; from two places within it as from its start; or be refused where ffmpeg decodes nothing. Where the
two differ, a second decoder is asked: what that one says is right too. Any other difference must stand in listed.txt with
its reason. A place is told as far as Opus keeps it: to the sample, save in the deepest tones.
Prints a line for each file that is not as ffmpeg says, and the figures.

Not part of script/test: it wants the registries (apt-get, pip, npm, cargo, go), half a gigabyte while it fetches, and
minutes. It stops after MINUTES (30 if not given); the next run goes on from there, as long as worker and script are the
same. It wants Debian's ffmpeg, mpg123, opus-tools, flac, vorbis-tools and faad. TUTTI_BUILD: the programs. JOBS: how many
files at once.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "media"))
import fetch  # noqa: E402
import lib  # noqa: E402

BUILD = Path(os.environ.get("TUTTI_BUILD", HERE.parents[1] / "build")).resolve()
TOOLS = SimpleNamespace(play=BUILD / "tests/media/worker_play", worker=BUILD / "tutti-worker")
FILES_MIN, LISTED_MAX = 300, 10
COMPARED = 60 * lib.RATE  # samples whose place is looked for
SAME_DB = 28  # between two that Opus made of one sound; a sample's shift is heard as more above 300 Hz
SETTLED = 5 * lib.FRAME  # by then an encoder has forgotten how it began
SECOND = {
    "mp3": ["mpg123", "-q", "-w", "{out}", "{file}"],
    "mp2": ["mpg123", "-q", "-w", "{out}", "{file}"],
    "opus": ["opusdec", "--quiet", "{file}", "{out}"],
    "flac": ["flac", "-s", "-d", "-f", "-o", "{out}", "{file}"],
    "vorbis": ["oggdec", "-Q", "-o", "{out}", "{file}"],
    "aac": ["faad", "-q", "-o", "{out}", "{file}"],
}


def choose(root):
    """Yields (name, path): of each package so many, spread over its kinds."""
    for name, folder, n_files in fetch.packages(root):
        kinds = {}
        for path in fetch.media(folder):
            kinds.setdefault(path.suffix.lower(), []).append(path)
        turns = [path for turn in range(n_files) for kind in kinds.values() for path in kind[turn:turn + 1]]
        for path in turns[:n_files]:
            yield f"{name}/{path}", folder / path


def told(path, what):
    return subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", f"stream={what}", "-of",
                           "default=nk=1:nw=1", str(path)], capture_output=True, text=True, timeout=60).stdout.strip()


def codec_of(path):
    return told(path, "codec_name")


def rate_of(path):
    return int(told(path, "sample_rate"))


def by_ffmpeg(path, codec):
    """Its samples at 48 kHz, on two channels; None where it has none."""
    try:
        channels = min(lib.channels_of(path), 2)
    except (subprocess.CalledProcessError, IndexError, ValueError):
        return None
    if not channels:
        return None
    decoder = ["-c:a", "libopus"] if codec == "opus" else []

    def decode(*rate):
        raw = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *decoder, "-i", str(path), "-map", "0:a:0", "-f", "s16le", "-ac",
                              str(channels), *rate, "-"], capture_output=True, timeout=120).stdout
        return np.frombuffer(raw[:len(raw) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)

    pcm = decode("-ar", str(lib.RATE))
    if len(pcm):
        return np.repeat(pcm.astype(np.float32) / 32768, 2 // channels, axis=1)
    # Its resampler gives nothing for a few samples: then their number tells the length.
    n_samples = len(decode())
    return np.zeros((-(-n_samples * lib.RATE // rate_of(path)), 2), np.float32) if n_samples else None


def by_another(path, codec):
    """The same of a second decoder, which may say that there are no samples; None where it gives no answer."""
    command = SECOND.get(codec)
    if not command:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.wav"
        subprocess.run([word.format(out=out, file=path) for word in command], capture_output=True, timeout=120)
        if not os.path.exists(out):
            return None
        pcm = by_ffmpeg(out, "pcm")
        return np.zeros((0, 2), np.float32) if pcm is None else pcm


def alike(want, heard, lag):
    """By how many samples `heard` lies elsewhere than `lag`; None: too quiet or short to say."""
    n = min(len(want), len(heard) - lag, COMPARED)
    if n < 2400 or np.abs(want[:n]).max() < 0.01:
        return None
    return lib.find_lag(want[:n], heard[:n + lag]) - lag


def as_opus(pcm):
    """The same samples out of the worker: what Opus makes of a sound that lies right."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        lib.write_wav(file.name, pcm)
        played = lib.play(TOOLS, file.name, "--depth", 50, timeout=120)
    return lib.shifted(played.pcm(), played.lag)


def differs(want, played):
    """In what way, in words; "" in none."""
    if want is None or played.failed:
        if want is None and (played.failed or not played.end):
            return ""
        return f"refused: {played.failed}" if played.failed else f"{played.end} samples where it has none"
    if abs(played.end - len(want)) > 1:
        return f"ends at {played.end}, not {len(want)}"
    n = min(played.end, len(want))
    heard = lib.shifted(played.pcm(), played.lag)
    off = alike(want, played.pcm(), played.lag)
    another = n > 4800 and np.abs(want).max() > 0.01 and lib.snr(want[:n], heard[:n]) < 3
    # Opus turns the phase of low tones, and of loud noise little is left: then what it makes of the right sound decides.
    if (not off and not another) or lib.snr(as_opus(want), heard) >= SAME_DB:
        return ""
    return f"{off} samples away" if off else "another sound"


def starts_elsewhere(path, played):
    """Whether a start within the file is not the place of its whole play, in words."""
    whole = lib.shifted(played.pcm(), played.lag)
    for part in (0.37, 0.71) if played.end and played.end > 4 * lib.RATE else ():
        pos = int(played.end * part)
        there = lib.play(TOOLS, path, "--depth", 50, "--pos", pos, "--stop-after", 45, timeout=120)
        if not there.frames:
            return f"a start at {pos} gives nothing"
        first = there.frames[0][0]
        here, heard = whole[first:first + 40 * lib.FRAME], lib.shifted(there.pcm(), there.lag)
        off = alike(here, there.pcm(), there.lag)
        if off and lib.snr(here[SETTLED:], heard[SETTLED:]) < SAME_DB:
            return f"a start at {pos} is {off} samples off"
    return ""


def check(path):
    """("ffmpeg" or the second decoder, what is wrong with it or "")."""
    try:
        codec = codec_of(path)
        played = lib.play(TOOLS, path, "--depth", 50, timeout=120)
        wrong, judge = differs(by_ffmpeg(path, codec), played), "ffmpeg"
        another = by_another(path, codec) if wrong else None
        if another is not None:
            if differs(another, played):
                wrong += f"; by {SECOND[codec][0]}: {differs(another, played)}"
            else:
                wrong, judge = "", f"{SECOND[codec][0]} (ffmpeg: {wrong})"
        return judge, wrong or ("" if played.failed else starts_elsewhere(path, played))
    except Exception as e:  # noqa: BLE001 - a file that breaks the check is one more that is wrong
        return "nothing", f"{type(e).__name__}: {str(e)[:100]}"


def check_all(files, root, until):
    """{name: what check says of it}, of as many as there is time for; what is right is kept in a file for the next run."""
    both = hashlib.sha256(TOOLS.worker.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    kept = root / f"right-{both}.jsonl"
    known = dict(map(json.loads, kept.read_text().splitlines())) if kept.exists() else {}

    def one(file):
        name, path = file
        return (name, check(path)) if time.monotonic() < until else None

    with ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool, kept.open("a") as out:
        for verdict in pool.map(one, [f for f in files if f[0] not in known]):
            if verdict:
                known[verdict[0]] = verdict[1]
                if not verdict[1][1]:
                    print(json.dumps(verdict), file=out, flush=True)
    return {name: known[name] for name, _ in files if name in known}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for program in sorted({"ffmpeg", "ffprobe", *(command[0] for command in SECOND.values())}):
        shutil.which(program) or sys.exit(f"{program} is missing: apt-get install ffmpeg mpg123 opus-tools flac vorbis-tools faad")
    until = time.monotonic() + 60 * float(sys.argv[2] if len(sys.argv) > 2 else 30)
    root = Path(sys.argv[1]).resolve()
    files = list(choose(root))
    listed = dict(line.split("  ", 1) for line in (HERE / "listed.txt").read_text().splitlines() if not line.startswith("#"))
    verdicts = check_all(files, root, until)
    wrong = {name: what for name, (_, what) in verdicts.items() if what}
    unlisted = [name for name in wrong if name not in listed]
    for name, (judge, what) in verdicts.items():
        if what:
            print(f"{name}: {what}" + (f" (listed: {listed[name]})" if name in listed else ""))
        elif judge != "ffmpeg":
            print(f"{name}: as {judge}")
    stale = [name for name in listed if name in verdicts and name not in wrong]
    for name in stale:
        print(f"{name}: right by now, and still listed")
    kinds = Counter(Path(name).suffix.lower()[1:] for name in verdicts)
    print("of " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    print(f"{len(verdicts)} files of {len(files)}, {len(verdicts) - len(wrong)} right to the sample, "
          f"{len(wrong) - len(unlisted)} listed, {len(unlisted)} wrong")
    sys.exit(bool(unlisted or stale) or len(verdicts) < max(FILES_MIN, len(files)) or len(listed) > LISTED_MAX)


if __name__ == "__main__":
    main()
