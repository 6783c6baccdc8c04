"""A worker in the hands of an enemy: it writes anything at all, at any time, into its ring and its socket.

The daemon survives it, and whoever is served by another worker hears nothing of it. The worst that may
come of it is that the one play ends. Its ring and messages are tried by the million in tests/stress/stress_hostile.c.
"""
import os
import random
import threading
import time
import traceback

import pytest

from house import House, Rule
from lib import DEADLINE
from lib.client import PLENTY, Client, new_channel
from lib.control import TERMINAL
from lib.media import Recipe

SECONDS = float(os.environ.get("TUTTI_FAULTS_SECONDS", "10"))
ENEMIES = 4
COMMANDS = (("pause", {}), ("resume", {}), ("volume", {"level": 0.5}), ("seek", {"position": 1}), ("status", {}))


class Enemy:
    """Plays the source of a hostile worker again and again, and commands it at random."""

    def __init__(self, daemon, path, seed, end):
        self.daemon, self.path, self.dice, self.until = daemon, path, random.Random(seed), end
        self.plays, self.problem = 0, None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            with Client(self.daemon, self.dice.choice(("paced", "credit"))) as client:
                while time.monotonic() < self.until:
                    self._play(client)
                    self.plays += 1
        except BaseException:  # pylint: disable=broad-except
            self.problem = traceback.format_exc()

    def _play(self, client):
        control, channel = client.control, new_channel()
        tag = control.send("play", channel_id=str(channel), url=self.path)
        play = next(p for p, t in control.plays.items() if t == tag)
        if client.flow == "credit":
            client.audio.credit(channel, PLENTY)
        last = time.monotonic() + self.dice.uniform(0.2, 2)

        def ended():
            return any(e["type"] in TERMINAL and e.get("tag") in (None, tag) for e in control.of_play(play))
        while not ended() and time.monotonic() < last:
            kind, fields = self.dice.choice(COMMANDS)
            control.answer(control.send(kind, channel_id=str(channel), **fields), 2 * DEADLINE)
        if not ended():
            control.ask("stop", channel_id=str(channel))
        control.terminal(play, 2 * DEADLINE)


def fight(media, songs, seconds):
    path = media.make("hostile", Recipe("wav", "-c:a pcm_s16le", 2, 30 * 48000 + 77, 9))
    with House(media, songs, "--client-grace", 1, rules=[Rule(path, "open", "hostile")], seats=20,
               victims=2 * ENEMIES) as house:
        end = time.monotonic() + seconds
        enemies = [Enemy(house.daemon, path, seed, end) for seed in range(ENEMIES)]
        for enemy in enemies:
            enemy.thread.join()
        for enemy in enemies:
            assert enemy.problem is None, enemy.problem
        house.check()
        house.check_calm()
        print(f"{house.daemon.mutations} mutations in {sum(e.plays for e in enemies)} plays, "
              f"{house.restarts()} workers ended")
        return house.daemon.mutations


def test_hostile_workers(media, songs):
    assert fight(media, songs, SECONDS) > 10_000


@pytest.mark.long
def test_hostile_workers_for_two_minutes(media, songs):
    assert fight(media, songs, 120) > 100_000
