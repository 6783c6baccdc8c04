"""A daemon with sixty channels, of which most must notice nothing of what is done to a few."""
import array
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import pytest

import figures
import lib.daemon
from lib import BUILD, DEADLINE, procs
from lib.audio import Audio
from lib.client import Client, new_channel
from lib.daemon import Daemon
from lib.media import Recipe

SEATS = 60
DOOMED = BUILD / "tests" / "faults" / "tutti-worker"
BESIDE = (BUILD / "tutti-fetch", BUILD / "tutti-voice", BUILD / "tutti-confine", BUILD / "tutti_extract.py")
OPENS = re.compile(r"worker \d+ \(process (\d+)\) opens play (\d+)")

# Sixty channels on two cores that others use as well: most of them pass Opus on.
LONG_LOOPS = 6
WITNESSES = {"opus": 8, "mp3": 1, "flac": 1}  # of ten


def songs_in(media):
    """kind → path of a song of six minutes."""
    songs = {}
    for kind, args in (("opus", "-c:a libopus -b:a 64k -compression_level 2"), ("mp3", "-c:a libmp3lame -b:a 96k"),
                       ("flac", "-c:a flac -ar 44100")):
        minute = media.make("minute", Recipe(kind, args, 2, 60 * 48000, 5))
        whole = media.root / f"minutes.{kind}"
        if not whole.exists():
            made = whole.with_name("making-" + whole.name)
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", str(LONG_LOOPS - 1), "-i", minute,
                            "-c", "copy" if kind != "flac" else "flac", str(made)], check=True)
            made.rename(whole)
        songs[kind] = str(whole)
    return songs


class Rule(NamedTuple):
    """What befalls the worker that opens this file, see doomed_worker.c."""
    path: str
    when: object  # "open", or a position in samples at 48 kHz
    action: str
    times: int = 1000000

    def line(self):
        return f"{os.path.getsize(self.path)} {self.when} {self.action} {self.times}\n"


class DoomedDaemon(Daemon):
    """A copy of tuttid beside the workers that come to grief by rule."""

    def __init__(self, *options, rules=(), **more):
        super().__init__("--log-level", "debug", *options, **more)
        sizes = [os.path.getsize(rule.path) for rule in rules]
        assert len(sizes) == len(set(sizes)), "sources are told apart by their size"
        self.bin = Path(tempfile.mkdtemp(prefix="tfaults-"))
        for program in (lib.daemon.TUTTID, *BESIDE, DOOMED):
            shutil.copy(program, self.bin)
        (self.bin / "mutations").write_bytes(bytes(8))
        (self.bin / "refusals").write_bytes(bytes(8))
        (self.bin / "rules").write_text("".join(rule.line() for rule in rules))

    def start(self):
        real, lib.daemon.TUTTID = lib.daemon.TUTTID, self.bin / "tuttid"
        try:
            return super().start()
        finally:
            lib.daemon.TUTTID = real

    @property
    def mutations(self):
        return int.from_bytes((self.bin / "mutations").read_bytes(), "little")

    def refuse_processes(self, times):
        """So many times the zygote is told that there may be no more processes."""
        with open(self.bin / "refusals", "r+b") as file:
            file.write(times.to_bytes(8, "little"))

    def kill(self):
        super().kill()
        shutil.rmtree(self.bin, ignore_errors=True)


class Witness:
    """One channel that must lose nothing: what came is counted, not kept."""

    def __init__(self, song):
        self.song = song
        self.count = 0
        self.missed = 0  # frames that are not the next one of the song
        self.times = array.array("d")


class Witnesses(Audio):
    """The ear of many channels. Those that play the same must hear the same, frame by frame."""

    def __init__(self, *args):
        self.witness = {}
        self.heard = {}  # (song, sequence) → hash of the first packet that came for it
        # Whose own worker dies goes on with another encoder: the same sound, in other packets.
        self.passed_only = False
        super().__init__(*args)

    def _take(self, frame):
        one = self.witness.get(frame.channel)
        if one is None:
            super()._take(frame)
            return
        if frame.data:
            same = self.heard.setdefault((one.song, frame.sequence), hash(frame.data)) == hash(frame.data)
            same = same or (self.passed_only and one.song != "opus")
            one.missed += frame.sequence != one.count or not same
            one.count = frame.sequence + 1
            one.times.append(frame.at)

    def missed(self):
        return sum(one.missed for one in self.witness.values())


class Victim:
    """A play that something will be done to, from its own client."""

    def __init__(self, house, path, flow="paced", **fields):
        self.house, self.path = house, path
        self.client = Client(house.daemon, flow)
        with house.starting:
            mark = house.log_size()
            self.started = self.client.start(path, **fields)
            # The newest play; whoever takes over from a dead worker opens an older one.
            self.pid, self.serial = max(house.opened(mark), key=lambda opened: opened[1])
        self.channel = self.started["channel"]

    @property
    def count(self):
        return self.client.audio.count(self.channel)

    def wait(self, frames):
        self.client.audio.wait_frames(self.channel, frames)

    def wait_full(self, seconds):
        """Or as full as it gets in the first two seconds, where the machine is busy."""
        self.wait_session(lambda s: s["buffered"] >= seconds - 0.1 or self.count > 100, "full ring")

    def wait_session(self, accept, what):
        self.house.until(lambda: accept(self.client.session(self.channel)), what)

    def signal(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def next_worker(self):
        """The process that has opened the play after the one that is known."""
        def found():
            pids = [pid for pid, serial in self.house.opened(0) if serial == self.serial]
            return pids[-1] if pids[-1] != self.pid else None
        self.pid = self.house.until(found, "another worker")
        return self.pid

    def codes(self):
        return [e["code"] for e in self.client.control.of_play(self.started["play_id"])
                if e["type"] == "warning"]

    def end(self, seconds=4 * DEADLINE):
        """Its terminal event, when its last frame has come too."""
        end = self.client.control.terminal(self.started["play_id"], seconds)
        self.run = self.client.audio.wait_ends(self.channel)
        self.client.close()
        return end


class Scene:
    """One victim, hurt in a thread of its own."""

    def __init__(self, house, path, hurt):
        self.house, self.path, self.hurt = house, path, hurt
        self.victim = self.end = self.problem = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            self.victim = self.house.victim(self.path)
            self.hurt(self.victim)
            self.end = self.victim.end()
        except BaseException:  # pylint: disable=broad-except
            self.problem = traceback.format_exc()

    def judge(self, kind):
        """Its figures; whatever became of it, the sequence has no gap."""
        assert self.problem is None, self.problem
        self.victim.run.check()
        return figures.of(self.victim.run, self.path, kind)


def play_scenes(house, scenes):
    """All of them at once, as it happens when a machine is in trouble: name → (path, what hurts it)."""
    playing = {name: Scene(house, path, hurt) for name, (path, hurt) in scenes.items()}
    for scene in playing.values():
        scene.thread.join()
    return playing


class House:
    """Witnesses in most channels, room for victims in the others."""

    def __init__(self, media, songs, *options, rules=(), victims=14, flow="paced", seats=SEATS):
        self.media, self.songs = media, songs
        self.daemon = DoomedDaemon("--max-workers", seats, *options, rules=rules, media=[media.root])
        self.n_witnesses, self.flow = seats - victims, flow
        self.starting = threading.Lock()

    def __enter__(self):
        self.daemon.__enter__()
        try:
            self._fill()
        except BaseException:
            self.daemon.kill()
            raise
        return self

    def _fill(self):
        self.client = Client(self.daemon, None)
        self.ear = Witnesses(self.daemon, self.client.control.client, self.flow)
        kinds = [kind for kind, n in WITNESSES.items() for _ in range(n)]
        tags = []
        for n in range(self.n_witnesses):
            channel, kind = new_channel(), kinds[n % len(kinds)]
            self.ear.witness[channel] = Witness(kind)
            tags.append(self.client.control.send("play", channel_id=str(channel), url=self.songs[kind]))
        for tag in tags:
            answer = self.client.control.answer(tag, 4 * DEADLINE)
            assert answer["type"] == "ready", answer
        self.settle()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.check()
                self.client.close()
                self.ear.close()
                self.ear.check()
        finally:
            self.daemon.__exit__(kind, value, trace)

    def settle(self):
        """Until every ring holds much of what it may: only then is nobody in need of its worker. On a
        machine with other things to do that may never be so; then it is enough to have waited."""
        depth = max(s["buffered"] for s in self.sessions())
        if depth < 2:
            return  # such a ring goes up and down all the time
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and min(s["buffered"] for s in self.sessions()) < 0.6 * depth:
            time.sleep(0.1)

    def sessions(self):
        return self.client.expect("status", "status")["sessions"]

    def underruns(self):
        """Of the witnesses."""
        return sum(s["underruns"] for s in self.sessions() if int(s["channel_id"]) in self.ear.witness)

    def restarts(self):
        return self.client.expect("stats", "stats")["workers"]["restarts"]

    def check(self):
        """No witness has missed a frame, and all of them still play."""
        self.check_ear()
        missed = {c: w.missed for c, w in self.ear.witness.items() if w.missed}
        assert not missed, f"channels that were left alone missed frames: {missed}"
        before = {channel: one.count for channel, one in self.ear.witness.items()}
        self.until(lambda: all(one.count > before[c] for c, one in self.ear.witness.items()), "frames for all")
        codes = {e.get("code") for e in self.client.control.events if e["type"] in ("warning", "error")}
        assert codes <= {"worker_restarted"}, codes

    def check_ear(self):
        """Frames are dropped for a listener who does not read, and a worker that has made less than half
        a second between two deaths died twice at a place. Where the machine has that much else to do,
        nothing can be said of the others."""
        codes = {e.get("code") for e in self.client.control.events}
        if codes & {"slow_consumer", "span_skipped"} and os.getloadavg()[0] > 2 * os.cpu_count():
            pytest.skip("listener or workers did not get the processor in time")

    def check_calm(self):
        """Nobody who was left alone had to be silent; on a machine that is not overloaded anyway."""
        if os.getloadavg()[0] < 4 * os.cpu_count():
            assert self.underruns() == 0

    def victim(self, path, **fields):
        return Victim(self, path, **fields)

    def log_size(self):
        return self.daemon.stderr_path.stat().st_size

    def opened(self, mark):
        """(process, play) of every source that was opened since."""
        with open(self.daemon.stderr_path, "rb") as file:
            file.seek(mark)
            text = file.read().decode(errors="replace")
        return [(int(pid), int(play)) for pid, play in OPENS.findall(text)]

    @staticmethod
    def until(found, what, seconds=3 * DEADLINE):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.02)
        raise AssertionError(f"no {what} in time")

    def alive(self):
        return [p for p in self.daemon.processes() if procs.alive(p)]
