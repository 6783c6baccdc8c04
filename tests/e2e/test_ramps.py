"""Every change of volume is a ramp of 10 ms, whenever it comes: none is a step.

The ramp lies in one frame. It must not be lost because that frame had left before its new version was made.
"""
import random
import time

import numpy as np
import pytest

from lib import FRAME, seams
from lib.client import Client

SECOND = 48000
LEVELS = (0.3, 0.8, 0.2, 1.0, 0.45, 1.0)
USUAL = 0.3 * np.sqrt(0.5)
PER_FRAME = FRAME // seams.WINDOW
TONES = {"wav": "-c:a pcm_s16le", "opus": "-c:a libopus -b:a 128k"}


def check_ramps(packets, changes):
    """Each change is heard before the next, and takes 10 ms: changes are (frame, level, new level)."""
    loud = seams.loudness(seams.aligned(packets)) / USUAL
    steps, ends = [], [frame for frame, _, _ in changes[1:]] + [len(packets)]
    for (frame, before, after), end in zip(changes, ends):
        way = (loud[frame * PER_FRAME - 2:end * PER_FRAME] - before) / (after - before)
        there = int(np.argmax(way > 0.9))
        assert way[there] > 0.9, f"{before} -> {after} is not heard: {np.round(way, 2)}"
        # In windows of 5 ms: a quarter, three quarters, there. A step is there in one.
        if there < 2 or way[there - 2] > 0.6:
            steps.append((before, after, np.round(way[max(0, there - 4):there + 2], 2)))
    assert not steps, f"{len(steps)} of {len(changes)} changes are steps: {steps}"


class Turning:
    """A tone that plays, and somebody at its volume."""

    def __init__(self, client, url, **fields):
        self.client, self.level, self.changes = client, 1.0, []
        self.channel = client.start(url, **fields)["channel"]

    def listen(self, frames):
        self.client.audio.wait_frames(self.channel, self.client.audio.count(self.channel) + frames)

    def turn(self, level):
        frame = self.client.audio.count(self.channel)
        self.client.expect("volume", "volume", self.channel, level=level)
        self.changes.append((frame, self.level, level))
        self.level = level

    def stop(self):
        self.client.expect("stopped", "stop", self.channel)
        run = self.client.audio.wait_ends(self.channel)
        run.check()
        return run.packets


@pytest.fixture(params=TONES)
def tone(media, request):
    return media.of(f"ramps.{request.param}", seams.tone(20 * SECOND), TONES[request.param])


def test_each_change_ramps(paced, tone):
    """Paced flow, at any time of the frame."""
    one, dice = Turning(paced, tone), random.Random(5)
    for n in range(24):
        one.listen(9)
        time.sleep(dice.uniform(0, 0.02))
        one.turn(LEVELS[n % len(LEVELS)])
    one.listen(9)
    check_ramps(one.stop(), one.changes)


def test_each_change_ramps_in_credit_flow(client, tone):
    """A client that takes a frame now and then."""
    one, dice = Turning(client, tone), random.Random(6)
    for n in range(24):
        client.audio.credit(one.channel, 10)
        client.audio.wait_frames(one.channel, 12 * n + 10)
        level = LEVELS[n % len(LEVELS)]
        tag = client.control.send("volume", channel_id=str(one.channel), level=level)
        for _ in range(2):  # while the change is being made, perhaps
            time.sleep(dice.uniform(0, 0.002))
            client.audio.credit(one.channel, 1)
        client.control.answer(tag)
        one.changes.append((12 * n + 10, one.level, level))
        one.level = level
    client.audio.credit(one.channel, 10)
    client.audio.wait_frames(one.channel, 12 * 24 + 10)
    check_ramps(one.stop(), one.changes)


def test_pause_and_resume_meet_a_change(paced, tone):
    """The change need not wait for its frame when none leaves; it ramps all the same."""
    one, dice = Turning(paced, tone), random.Random(7)
    for n in range(12):
        one.listen(9)
        frame, level = paced.audio.count(one.channel), LEVELS[n % len(LEVELS)]
        tag = paced.control.send("volume", channel_id=str(one.channel), level=level)
        time.sleep(dice.uniform(0, 0.002))
        paced.expect("paused", "pause", one.channel)
        assert paced.control.answer(tag)["level"] == level
        paced.expect("resumed", "resume", one.channel)
        one.changes.append((frame, one.level, level))
        one.level = level
    one.listen(9)
    check_ramps(one.stop(), one.changes)


def renders(daemon):
    """How often a worker has begun to decode from another place."""
    return daemon.stderr_path.read_text(errors="replace").count("settled at packet")


@pytest.mark.parametrize("n_commands", [20, 200])
def test_slider(new_daemon, media, n_commands):
    """Commands all over a second: the last one wins, no change is a step, and the cost stays bounded."""
    daemon = new_daemon("--log-level", "debug")
    path = media.of("ramps.wav", seams.tone(20 * SECOND), TONES["wav"])
    with Client(daemon, "paced") as client:
        one = Turning(client, path)
        client.audio.wait_frames(one.channel, 20)
        before, begin, tags = renders(daemon), time.monotonic(), []
        levels = [round(1 - 0.8 * (n + 1) / n_commands, 4) for n in range(n_commands)]
        for n, level in enumerate(levels):
            time.sleep(max(0, begin + n / n_commands - time.monotonic()))
            tags.append(client.control.send("volume", channel_id=str(one.channel), level=level))
        for tag, level in zip(tags, levels):
            assert client.control.answer(tag)["level"] == level
        heard = client.audio.count(one.channel)
        n_renders, seconds = renders(daemon) - before, time.monotonic() - begin
        assert n_renders <= min(n_commands, 20 * seconds) + 2, f"{n_renders} renders of {n_commands} commands"
        client.audio.wait_frames(one.channel, heard + 10)
        loud = seams.loudness(seams.aligned(one.stop())) / USUAL
    assert loud[(heard + 3) * PER_FRAME:-8] == pytest.approx(0.2, abs=0.03), "the last one wins"
    sliding = loud[18 * PER_FRAME:(heard + 3) * PER_FRAME]
    # On a busy machine changes may come closer together than the codec likes: a window may be a quarter louder.
    assert (sliding < np.minimum.accumulate(sliding) * 1.4 + 0.02).all(), "it only goes down"
