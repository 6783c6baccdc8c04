"""Random commands at many channels at once, and every promise that holds at any time.

The connections check, when they are closed, that each play had one terminal event and none after it, that each
tag was answered once, and that no end marker came without a frame.
"""
import random
import time

import pytest

from lib.client import PLENTY, Client, new_channel

CHANNELS = 20
KINDS = ("play", "next", "cut", "volume", "seek", "pause", "resume", "stop", "status", "failing")
WEIGHTS = (6, 4, 3, 10, 10, 6, 9, 3, 1, 1)


class Chaos:
    """Somebody who cannot leave his channels alone."""

    def __init__(self, client, songs, nowhere, dice):
        self.client, self.songs, self.nowhere, self.dice = client, songs, nowhere, dice
        self.channels = [new_channel() for _ in range(CHANNELS // 2)]
        self.tags = []
        if client.flow == "credit":
            for channel in self.channels:
                client.audio.credit(channel, 400)

    def command(self):
        dice, kind = self.dice, self.dice.choices(KINDS, WEIGHTS)[0]
        fields = {"channel_id": str(dice.choice(self.channels))}
        if kind in ("play", "next", "cut", "failing"):
            fields["url"] = self.nowhere if kind == "failing" else dice.choice(self.songs)
            fields["position"] = dice.choice((0, 0, 0.7, 1.3))
            fields["volume"] = dice.choice((1, 1, 0.5))
            if kind in ("next", "cut"):
                fields[kind] = True
            return "play", fields
        if kind == "volume":
            fields["level"] = dice.choice((0, 0.3, 1, 1, 1.7))
        if kind == "seek":
            fields["position"] = dice.choice((0, 0.4, 1.1, 1.9, 60))
        return kind, fields

    def round(self):
        commands = [self.command() for _ in range(self.dice.randint(1, 12))]
        self.tags += self.client.control.send_together(*commands)
        if self.client.flow == "credit":
            self.client.audio.credit(self.dice.choice(self.channels), self.dice.randint(1, 60))

    def finish(self):
        """Everything goes on to its own end, and every command was answered."""
        control = self.client.control
        for channel in self.channels:
            control.send("resume", channel_id=str(channel))
            if self.client.flow == "credit":
                self.client.audio.credit(channel, PLENTY)
        for tag in self.tags:
            control.answer(tag)
        for play in list(control.plays):
            control.terminal(play)
        control.sync()
        control.check_all_ended()

    def check_frames(self):
        """What was heard of each channel is what its plays say of themselves, in their order."""
        audio, events = self.client.audio, list(self.client.control.events)
        for channel in self.channels:
            runs = audio.runs.get(channel, [])
            if runs:
                audio.wait_ends(channel, len(runs))
            for run in runs:
                run.check()
            frames = [e["frames"] for e in events if e.get("channel_id") == str(channel)
                      and e["type"] == "finished" and e["frames"] > 0]
            heard = iter([run.end.sequence for run in runs])
            missing = [n for n in frames if n not in heard]
            assert not missing, f"channel {channel}: no run of {missing} frames, in that order"


def unusual(daemon):
    """What the daemon said beside the failing plays that were asked for."""
    said = daemon.stderr_path.read_text(errors="replace").splitlines()
    return "\n".join(line for line in said if "not_found" not in line)[-4000:]


def soak(daemon, media, seconds, seed):
    """Returns the number of commands. What the daemon said is in the message when a worker was lost."""
    songs = [media.wav(2.0, 1), media.wav(1.0, 2), media.opus(2.0, 1), media.opus(1.0, 2)]
    nowhere, dice = str(media.root / "nowhere.mp3"), random.Random(seed)
    with Client(daemon, "paced") as paced, Client(daemon, "credit") as credit:
        everybody = [Chaos(one, songs, nowhere, dice) for one in (paced, credit)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for chaos in everybody:
                chaos.round()
            time.sleep(dice.uniform(0, 0.1))
        for chaos in everybody:
            chaos.finish()
            chaos.check_frames()
        assert paced.expect("status", "status")["sessions"] == []
        workers = paced.expect("stats", "stats")["workers"]
        assert (workers["busy"], workers["restarts"]) == (0, 0), f"a worker was lost: {workers}; {unusual(daemon)}"
        return sum(len(chaos.tags) for chaos in everybody)


def test_soak(new_daemon, media):
    assert soak(new_daemon(), media, 5, 4) > 100


@pytest.mark.long
@pytest.mark.parametrize("depth", [0.2, 5, 30])
def test_soak_for_a_minute(new_daemon, media, depth):
    assert soak(new_daemon("--buffer", depth), media, 60, 44 + int(depth)) > 1000
