"""Hostile media through the real daemon: it never dies, hangs or leaks, and nobody else misses a frame.

TUTTI_FAULTS_FILES says how many files are played, from number TUTTI_FAULTS_FIRST on.
"""
import collections
import os
import shutil
import time
from pathlib import Path

import pytest

import corpus
from house import House
from lib import BUILD, DEADLINE
from lib.client import PLENTY, Client, new_channel
from lib.control import TERMINAL

FILES = int(os.environ.get("TUTTI_FAULTS_FILES", "1500"))
FIRST = int(os.environ.get("TUTTI_FAULTS_FIRST", "0"))
KNOWN = (11749, 14588)  # killed a worker once: sound out of no packet, a duration of centuries
AT_ONCE = 24
BATCH = 240  # plays of one client: the tests' own lists grow
LONGEST = 3 * DEADLINE  # for one file: the watchdog gives a worker ten seconds to find a start
GROWN_MB = 100 if "asan" in BUILD.name else 12  # memory of the daemon; a sanitizer keeps what was freed


class Player:
    """Plays the files with a few in flight, and counts how they ended."""

    def __init__(self, house, made, where):
        self.house, self.made, self.where = house, made, where
        self.ends = collections.Counter()
        self.crashes, self.slow = [], []

    def _start(self, client, number):
        name, suffix, data = corpus.make(self.made, number)
        path = self.where / f"{number}-{name}.{suffix}"
        path.write_bytes(data)
        channel = new_channel()
        tag = client.control.send("play", channel_id=str(channel), url=str(path))
        client.audio.credit(channel, PLENTY)
        return tag, (number, path, channel, time.monotonic())

    def _take_ends(self, client, playing, seen):
        """Events from `seen` on; returns how far it looked."""
        events, ids = client.control.events, client.control.plays
        until = len(events)  # it grows while we look
        for event in events[seen:until]:
            tag = ids.get(event.get("play_id"))
            if event["type"] not in TERMINAL or tag not in playing:
                continue
            number, path, _, _ = playing.pop(tag)
            self.ends[event.get("code", event["type"])] += 1
            if event.get("code") == "worker_crashed":
                self.crashes.append((number, event["message"]))
                shutil.copy(path, self.keep())
            path.unlink()
        return until

    def keep(self):
        """What has killed a worker is kept, to be looked at."""
        kept = BUILD / "results" / "crashers"
        kept.mkdir(parents=True, exist_ok=True)
        return kept

    def _stop_slow(self, client, playing):
        for tag, (number, _, channel, since) in playing.items():
            if time.monotonic() - since > LONGEST and number not in self.slow:
                self.slow.append(number)
                client.control.send("stop", channel_id=str(channel))

    def play(self, numbers):
        numbers = iter(numbers)
        with Client(self.house.daemon) as client:
            playing, seen, more = {}, 0, True
            while playing or more:
                while more and len(playing) < AT_ONCE:
                    number = next(numbers, None)
                    more = number is not None
                    if more:
                        tag, one = self._start(client, number)
                        playing[tag] = one
                seen = self._take_ends(client, playing, seen)
                assert not client.control.closed, "the daemon has closed the connection"
                self._stop_slow(client, playing)
                time.sleep(0.002)


def memory_mb(pid):
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text[text.index("VmRSS:"):].split()[1]) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def check_corpus(media, songs, n_files):
    made = corpus.seeds(media)
    where = media.root / "corpus"
    where.mkdir(exist_ok=True)
    with House(media, songs, "--client-grace", 1, seats=12 + AT_ONCE, victims=AT_ONCE) as house:
        player = Player(house, made, where)
        pid, started = house.daemon.process.pid, time.monotonic()
        player.play(range(FIRST, FIRST + min(n_files, BATCH)))
        before = (memory_mb(pid), descriptors(pid))
        for start in range(FIRST + BATCH, FIRST + n_files, BATCH):
            player.play(range(start, min(start + BATCH, FIRST + n_files)))
        player.play(KNOWN)
        took = time.monotonic() - started
        house.until(lambda: len(house.sessions()) == house.n_witnesses, "end of all sessions")
        after = (memory_mb(pid), descriptors(pid))
        print(f"\n{n_files} files in {took:.0f} s: {dict(player.ends)}; {house.restarts()} workers ended; "
              f"memory {before[0]:.1f} → {after[0]:.1f} MB, descriptors {before[1]} → {after[1]}")
        print(f"crashes: {player.crashes}; too long: {player.slow}")
        assert sum(player.ends.values()) == n_files + len(KNOWN)
        assert not player.slow, f"files that would not end: {player.slow}"
        assert after[0] < before[0] + GROWN_MB, "the daemon's memory grows"
        assert after[1] <= before[1] + 2 * AT_ONCE, "descriptors are left open"
        house.check()
        house.check_calm()


def test_corpus(media, songs):
    check_corpus(media, songs, FILES)


@pytest.mark.long
def test_twenty_thousand_files(media, songs):
    check_corpus(media, songs, max(FILES, 20000))
