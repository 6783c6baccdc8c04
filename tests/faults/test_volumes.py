"""Forty channels whose volumes are turned twice a second: no frame is missing, and a change that comes alone is heard
at once."""
import time

import numpy as np
import pytest

from lib import FRAME, seams
from lib.client import Client, new_channel
from lib.daemon import Daemon
from lib.media import Recipe

CHANNELS, ROUNDS, EVERY_S = 40, 12, 0.5
LEVELS = (0.5, 0.8, 0.3, 1.0)
SECOND = 48000
KINDS = {"opus": "-c:a libopus -b:a 96k", "mp3": "-c:a libmp3lame -b:a 128k"}
WITHIN_FRAMES = 5  # 100 ms
USUAL = 0.3 * np.sqrt(0.5)


@pytest.fixture(scope="module", params=KINDS)
def crowd(request, media):
    """Channels that all have something in hand."""
    url = media.make(f"crowd-{request.param}", Recipe(request.param, KINDS[request.param], 2, 60 * SECOND, 4))
    with Daemon(media=[media.root]) as daemon, Client(daemon, "paced") as client:
        client.channels = [new_channel() for _ in range(CHANNELS)]
        tags = [client.control.send("play", channel_id=str(channel), url=url) for channel in client.channels]
        assert {client.control.answer(tag)["type"] for tag in tags} == {"ready"}
        for channel in client.channels:
            client.wait_buffered(channel, 2)
        yield client


def turn_all(client, level):
    return client.control.send_together(*(
        ("volume", {"channel_id": str(channel), "level": level}) for channel in client.channels))


def test_no_frame_is_missing(crowd):
    """What lies ready is played until enough of the change is there to go on with."""
    before, begun, tags = crowd.expect("stats", "stats")["frames"], time.monotonic(), []
    for n in range(ROUNDS):
        time.sleep(max(0.0, begun + n * EVERY_S - time.monotonic()))
        tags += turn_all(crowd, LEVELS[n % len(LEVELS)])
    assert {crowd.control.answer(tag)["type"] for tag in tags} == {"volume"}
    after = crowd.expect("stats", "stats")["frames"]
    assert after["sent"] - before["sent"] > CHANNELS * ROUNDS * EVERY_S * 40
    assert after["underruns"] == before["underruns"]


def test_a_change_alone_is_heard_at_once(crowd, media):
    """Of one channel, while the others play."""
    tone = media.of("volumes.wav", seams.tone(20 * SECOND))
    channel, audio, late = crowd.start(tone)["channel"], crowd.audio, []
    for level, before in ((0.4, 1.0), (0.9, 0.4), (0.3, 0.9)):
        audio.wait_frames(channel, audio.count(channel) + 100)
        told = audio.count(channel)
        crowd.expect("volume", "volume", channel, level=level)
        audio.wait_frames(channel, told + 20)
        loud = seams.loudness(seams.aligned(audio.runs[channel][0].packets)) / USUAL
        per_frame = FRAME // seams.WINDOW
        way = (loud[told * per_frame:] - before) / (level - before)
        late.append(int(np.argmax(way > 0.5)) / per_frame)
    crowd.expect("stopped", "stop", channel)
    assert max(late) <= WITHIN_FRAMES, late
