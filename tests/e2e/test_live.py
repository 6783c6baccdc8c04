"""Stations: they are joined at now, and what is heard stays near it."""
import time
from pathlib import Path

import pytest

from lib import DEADLINE
from lib.client import Client
from lib.media import Recipe
from lib.network import bot, net, server  # noqa: F401
from lib.tunes import RECIPES
from station import Station

RATE, FRAME_BYTES = 16000, 384  # [bytes/s], [bytes] of the MP3 that is on air


@pytest.fixture
def radio(server, media):
    def add(path, **options):
        data = Path(media.make("net-mp3", RECIPES["mp3"])).read_bytes()
        data = data[data.index(b"\xff\xfb"):]
        data = data[:len(data) // FRAME_BYTES * FRAME_BYTES]
        server.add(path, type="audio/mpeg", live=Station(data, RATE, grid=FRAME_BYTES, **options).send)
        return server.url(path)
    return add


def status(client, channel):
    return client.control.expect("status", "status", channel_id=str(channel))["sessions"][0]


def test_it_is_joined_at_now_whatever_place_is_asked_for(bot, radio):
    """As by a client that plays again what a daemon that is no more had played."""
    ready = bot.start(radio("/joined", burst=32000), position=321.5)
    assert ready["live"] and ready["duration"] is None and ready["duration_kind"] == "unknown"
    assert ready["position"] == pytest.approx(321.5, abs=0.03)
    bot.audio.credit(ready["channel"], 100)
    bot.audio.wait_frames(ready["channel"], 100)
    stopped = bot.control.expect("stopped", "stop", channel_id=str(ready["channel"]))
    assert stopped["position"] == pytest.approx(323.5, abs=0.03)


@pytest.mark.parametrize("burst", [16384, 0])
@pytest.mark.parametrize("name,args,type", [("bare.mp3", "-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0", "audio/mpeg"),
                                            ("bare.aac", "-c:a aac -b:a 128k -f adts", "audio/aacp")])
def test_it_is_heard_soon_though_it_is_joined_in_mid_frame(bot, server, media, name, args, type, burst):
    """It took the time of two hundred frames, four seconds."""
    data = Path(media.make(name, Recipe(name[-3:], args, samples=20 * 48000))).read_bytes()
    data = data[len(data) // 3:]
    assert data[:1] != b"\xff"
    station = Station(data, RATE, burst=burst, piece=200)
    server.add(f"/{burst}{name}", type=type, live=station.send)
    begun = time.monotonic()
    ready = bot.start(server.url(f"/{burst}{name}"), credit=200)
    bot.audio.wait_frames(ready["channel"], 1)
    assert time.monotonic() - begun < 1.5
    bot.audio.wait_frames(ready["channel"], 100)
    bot.control.expect("stopped", "stop", channel_id=str(ready["channel"]))


def test_it_does_not_fall_behind_in_a_pause(net, server, radio):
    url = radio("/paused", burst=32000)
    with Client(net, "paced") as paced:
        ready = paced.start(url)
        channel = ready["channel"]
        paced.audio.wait_frames(channel, 50)
        at_first = status(paced, channel)["lag"]
        assert 1 < at_first < 3, "two seconds of it came at once"
        paced.control.expect("paused", "pause", channel_id=str(channel))
        time.sleep(6)  # longer than what is put up with
        assert status(paced, channel)["lag"] > 6 and len(server.requests("/paused")) == 1
        before = len(paced.audio.frames)
        resumed = paced.control.expect("resumed", "resume", channel_id=str(channel))
        deadline = time.monotonic() + DEADLINE
        while status(paced, channel)["lag"] > 3:
            assert time.monotonic() < deadline, status(paced, channel)
            time.sleep(0.05)
        assert len(server.requests("/paused")) == 2
        paced.audio.wait_frames(channel, before + 100)
        now = status(paced, channel)
        assert now["lag"] < 3 and now["underruns"] == 0 and now["position"] > resumed["position"] + 1.5
        paced.control.expect("stopped", "stop", channel_id=str(channel))
        paced.audio.wait_ends(channel).check()
