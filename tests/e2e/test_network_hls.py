"""HLS from the network: a recording and a live stream, whatever happens to their segments."""
import re
import time

import pytest

from lib.client import PLENTY
from lib.hls import LIST_TYPE, SECONDS, alike, in_order, segments  # noqa: F401
from lib.network import bot, net, server  # noqa: F401

_folders = iter(range(10**6))


@pytest.fixture
def serve(server, segments):
    """serve(kind) puts the stream on the server anew: (URL of its list, {name: resource})."""
    def serve(kind):
        folder = f"/hls{next(_folders)}"
        names = {p.name: server.add(f"{folder}/{p.name}", p.read_bytes(), type="video/mp2t")
                 for p in segments(kind).iterdir()}
        names["list.m3u8"].type = LIST_TYPE
        return server.url(f"{folder}/list.m3u8"), names
    return serve


_undisturbed = {}


@pytest.fixture
def undisturbed(bot, serve):
    def undisturbed(kind):
        if kind not in _undisturbed:
            played = bot.play_through(serve(kind)[0])
            assert played.end["type"] == "finished", played.end
            played.run.check()
            assert abs(len(played.packets) - SECONDS * 50) <= 4
            assert played.ready["duration"] == pytest.approx(SECONDS, abs=0.3)
            _undisturbed[kind] = played.packets
        return _undisturbed[kind]
    return undisturbed


def media_of(names):
    """The resource with sound in it that is played in the middle."""
    found = in_order(names)
    return names[found[len(found) // 2]]


@pytest.mark.parametrize("kind,how", [("ts", "cut"), ("ts", "stall"), ("ts", "503"), ("fmp4", "cut"),
                                      ("ranges", "stall"), ("encrypted", "cut")])
def test_a_lost_segment_is_not_heard(bot, serve, undisturbed, kind, how):
    want = undisturbed(kind)
    url, names = serve(kind)
    media_of(names).script = {
        "cut": [dict(cut=5001), dict(cut=3003)],
        "stall": [dict(stall=5001)],
        "503": [dict(status=503), dict(status=503)],
    }[how]
    played = bot.play_through(url)
    assert played.end["type"] == "finished", played.end
    played.run.check()
    assert played.packets == want


def rounded(text):
    """Durations as some write them: the packets before a segment cannot be told."""
    return re.sub(r"#EXTINF:[0-9.]+", "#EXTINF:2.0", text)


def torn(text):
    """Times may start over, so that the durations tell nothing."""
    return text.replace("#EXTINF", "#EXT-X-DISCONTINUITY\n#EXTINF")


@pytest.mark.parametrize("kind,change", [("ts", str), ("fmp4", str), ("mp3", str), ("mp3", rounded),
                                         ("fmp4", rounded), ("fmp4", torn), ("opus-fmp4", torn)])
def test_a_seek(bot, serve, undisturbed, kind, change):
    """What is heard after it is what is heard there in one go."""
    want = undisturbed(kind)
    url, names = serve(kind)
    names["list.m3u8"].data = change(names["list.m3u8"].data.decode()).encode()
    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, 50)
    bot.audio.wait_frames(channel, 50)
    for position in (10.0, 4.0):
        assert bot.control.expect("seeked", "seek", channel_id=str(channel), position=position)["position"] == position
    bot.audio.credit(channel, PLENTY)
    assert bot.control.terminal(ready["play_id"])["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    after = run.packets[50:]
    assert len(after) == len(want) - 200
    assert alike(after[10:], want[210:]) > 0.99


@pytest.mark.parametrize("kind", ["ts", "fmp4", "opus-fmp4", "mp3", "mp3-encrypted", "adts"])
def test_a_seek_leaves_out_what_lies_between(bot, net, server, serve, undisturbed, kind):
    """So does a worker that takes over; both are heard as if all had been read."""
    want = undisturbed(kind)
    url, names = serve(kind)
    folder = url[url.index("/hls"):].removesuffix("list.m3u8")

    def asked():
        return [name for name in in_order(names) if server.requests(folder + name)]

    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, 50)
    bot.audio.wait_frames(channel, 50)
    assert bot.control.expect("seeked", "seek", channel_id=str(channel), position=13.0)["position"] == 13.0
    bot.audio.credit(channel, 50)
    bot.audio.wait_frames(channel, 100)
    early = asked()
    net.kill_all("tutti-worker")
    bot.audio.credit(channel, PLENTY)
    assert bot.control.terminal(ready["play_id"])["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    media = in_order(names)
    assert media[5] not in asked() and media[6] in early, asked()
    after = run.packets[50:]
    assert len(after) == len(want) - 650
    assert alike(after[10:], want[660:]) > 0.99


@pytest.mark.parametrize("who", ["tutti-worker", "tutti-fetch"])
def test_a_process_dies(bot, net, serve, undisturbed, who):
    want = undisturbed("ts")
    url, names = serve("ts")
    for resource in names.values():
        resource.rate = 60000
    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, PLENTY)
    bot.audio.wait_frames(channel, 150)
    net.kill_all(who)
    assert bot.control.terminal(ready["play_id"], 40)["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    assert len(run.packets) == len(want)
    assert run.packets == want if who == "tutti-fetch" else alike(run.packets, want) > 0.98


def test_a_list_of_variants(bot, server, serve, undisturbed):
    """The one with sound only is taken; only that one is asked for."""
    url, _ = serve("ts")
    sound = url[url.index("/hls"):]
    text = ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360\n/nothing.m3u8\n"
            f"#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\n{sound}\n")
    server.add("/master.m3u8", text.encode(), type=LIST_TYPE)
    played = bot.play_through(server.url("/master.m3u8"))
    assert played.end["type"] == "finished" and played.packets == undisturbed("ts")
    assert not server.requests("/nothing.m3u8")


def test_a_live_stream(bot, serve, undisturbed):
    """It grows while it is played, has no duration and cannot be sought; commands are heard meanwhile."""
    url, names = serve("ts")
    root = names["list.m3u8"]
    lines = root.data.decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "").replace(
        "TARGETDURATION:2", "TARGETDURATION:1").splitlines()
    ends = [i for i, line in enumerate(lines) if line.endswith(".ts")]

    def up_to(i, last=False):
        root.data = ("\n".join(lines[:ends[i] + 1]) + ("\n#EXT-X-ENDLIST\n" if last else "\n")).encode()
    up_to(2)
    ready = bot.start(url)
    channel = ready["channel"]
    assert ready["duration"] is None
    bot.audio.credit(channel, PLENTY)
    bot.audio.wait_frames(channel, 250)
    started = time.monotonic()
    assert bot.control.expect("error", "seek", channel_id=str(channel), position=1)["code"] == "not_seekable"
    bot.control.expect("volume", "volume", channel_id=str(channel), level=0.5)
    assert time.monotonic() - started < 3
    for i in range(3, len(ends)):
        up_to(i, i == len(ends) - 1)
        time.sleep(0.7)
    assert bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    want = undisturbed("ts")
    assert len(run.packets) == len(want)
    assert alike(run.packets, want) > 0.9
