"""Sources from the network: whatever the server does, the frames are those of an undisturbed run."""
import os
import random
import signal
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from lib import DEADLINE, opus
from lib.client import PLENTY, Client
from lib.media import Recipe
from lib.network import bot, net, server  # noqa: F401
from lib.tunes import RECIPES, SECONDS, check_same, serve, undisturbed, warnings  # noqa: F401


@pytest.mark.parametrize("kind", RECIPES)
def test_undisturbed(bot, serve, server, undisturbed, kind):
    url, _ = serve(kind)
    played = bot.play_through(url)
    check_same(played, undisturbed(kind))
    assert not warnings(bot, played.end["play_id"])
    requests = server.requests(url[url.rindex("/"):])
    assert len(requests) <= (3 if kind == "behind" else 1), requests
    assert played.ready["duration"] == (None if kind == "opus" else pytest.approx(SECONDS, abs=0.2))


@pytest.mark.parametrize("name,path", [(b"/caf\xe9.mp3", "/caf%E9.mp3"),
                                       ("/caf\u00e9 \u266b.mp3".encode(), "/caf%C3%A9%20%E2%99%AB.mp3")],
                         ids=["latin-1", "utf-8"])
def test_a_redirect_to_a_name_in_other_letters(bot, net, server, serve, undisturbed, name, path):
    """It plays, and the fetcher and the other sources are none the worse for it."""
    other_url, _ = serve("opus", rate=60_000)
    _, resource = serve("mp3")
    for written in (path, quote(name).lower()):  # libcurl's own escapes are in small letters
        server.add(written, resource.data, type="audio/any")
    server.add("/moved" + path, redirect=server.url(name.decode("latin-1")))
    server.add("/nowhere" + path, redirect="http://caf\xe9.invalid/")
    with Client(net) as neighbour:
        other = neighbour.start(other_url, credit=PLENTY)
        pid = fetcher_of(net).pid
        check_same(bot.play_through(server.url("/moved" + path)), undisturbed("mp3"))
        end = bot.play_through(server.url("/nowhere" + path)).end
        assert end["type"] == "error" and end["code"] == "source_failed", end
        assert fetcher_of(net).pid == pid
        neighbour.control.terminal(other["play_id"], 3 * DEADLINE)
        assert neighbour.audio.wait_ends(other["channel"], 1).packets == undisturbed("opus")
        assert not warnings(neighbour, other["play_id"])


HOWS = ["cut", "reset", "stall", "chunked cut", "503", "429", "no range"]


@pytest.mark.parametrize("how,kind", [(how, kind) for how in HOWS for kind in ("mp3", "opus")] +
                         [("cut", "m4a"), ("stall", "m4a"), ("cut", "webm"), ("reset", "webm")])
def test_a_lost_connection_is_not_heard(bot, serve, undisturbed, kind, how):
    rng = random.Random(kind + how)
    url, resource = serve(kind, chunked=how == "chunked cut", ranges=how != "no range")
    at = sorted(rng.randrange(3000, len(resource.data)) for _ in range(3))
    resource.script = {
        "cut": [dict(cut=n) for n in at],
        "chunked cut": [dict(cut=n) for n in at],
        "reset": [dict(cut=n, reset=True) for n in at],
        "stall": [dict(stall=at[0]), dict(stall=at[1])],
        "503": [dict(cut=at[0]), dict(status=503), dict(status=502)],
        "429": [dict(cut=at[0]), dict(status=429, headers={"Retry-After": "1"})],
        "no range": [dict(cut=at[0]), dict(cut=at[2])],
    }[how]
    played = bot.play_through(url)
    check_same(played, undisturbed(kind))
    if how != "reset":  # which may take the very first bytes with it: nothing was lost then
        assert "source_reconnected" in warnings(bot, played.end["play_id"])


def test_a_length_that_is_a_lie(bot, serve, undisturbed):
    """More is promised than there is. Asked for the rest, the server names the true length."""
    url, resource = serve("mp3")
    resource.lie = 10000
    check_same(bot.play_through(url), undisturbed("mp3"))


def test_a_server_that_goes_away_ends_the_play_after_what_is_in_hand(bot, serve, undisturbed):
    url, resource = serve("mp3")
    resource.script = [dict(cut=100000)] + [dict(status=500)] * 100
    played = bot.play_through(url)
    assert played.end["type"] == "error" and played.end["code"] == "source_failed", played.end
    packets = undisturbed("mp3")
    n = len(played.packets)
    assert 250 < n < 400 and played.packets == packets[:n]


@pytest.mark.parametrize("status,code", [(404, "not_found"), (500, "source_failed"), (403, None)])
def test_what_cannot_be_opened(bot, serve, status, code):
    url, resource = serve("mp3")
    resource.script = [dict(status=status)] * 100
    played = bot.play_through(url)
    assert played.end["type"] == "error" and played.end["code"] in (code, "source_failed", "forbidden_url")


def test_an_end_that_nobody_vouches_for_is_measured(bot, serve, undisturbed):
    """No length, no chunks: the connection just ends. Half of what the container declares is missing."""
    url, resource = serve("m4a", http10=True, length=False, ranges=False)
    check_same(bot.play_through(url), undisturbed("m4a"))
    url, resource = serve("m4a", http10=True, length=False, ranges=False)
    resource.data = resource.data[:len(resource.data) // 2]
    played = bot.play_through(url)
    assert played.end["type"] == "error" or "source_truncated" in warnings(bot, played.end["play_id"])


def test_a_file_that_changed_is_opened_anew_at_the_place(bot, serve, media, undisturbed):
    url, resource = serve("mp3")
    packets = undisturbed("mp3")
    resource.script = [dict(cut=120000)]
    resource.guard = lambda request: 503 if request.range[0] and resource.etag == '"one"' else None
    ready = bot.start(url, paused=True)
    bot.wait_buffered(ready["channel"], 4.5)
    other = Path(media.make("net-other", RECIPES["mp3"]._replace(seed=7))).read_bytes()
    resource.data, resource.etag = other, '"two"'
    bot.audio.credit(ready["channel"], PLENTY)
    bot.control.expect("resumed", "resume", channel_id=str(ready["channel"]))
    end = bot.control.terminal(ready["play_id"])
    run = bot.audio.wait_ends(ready["channel"])
    assert end["type"] == "finished"
    run.check()
    assert len(run.packets) == len(packets)
    same = [a == b for a, b in zip(run.packets, packets)]
    assert 200 < same.index(False) < 400 and not any(same[450:])
    assert "source_reconnected" in warnings(bot, ready["play_id"])


def fetcher_of(daemon):
    return next(p for p in daemon.processes() if p.name == "tutti-fetch")


def heard_near(packets, other):
    """How alike two runs sound, frame by frame: 1 is the same."""
    import numpy as np
    a, b = opus.decode(packets), opus.decode(other)
    n = min(len(a), len(b))
    a, b = a[:n].astype(float).ravel(), b[:n].astype(float).ravel()
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


@pytest.mark.parametrize("kind", ["mp3", "opus", "m4a"])
def test_the_fetcher_dies(bot, net, serve, undisturbed, kind):
    url, resource = serve(kind, rate=60000)
    ready = bot.start(url)
    bot.audio.credit(ready["channel"], PLENTY)
    bot.audio.wait_frames(ready["channel"], 150)
    old = fetcher_of(net).pid
    os.kill(old, signal.SIGKILL)
    end = bot.control.terminal(ready["play_id"], 30)
    run = bot.audio.wait_ends(ready["channel"])
    assert end["type"] == "finished", end
    run.check()
    assert run.packets == undisturbed(kind)
    assert fetcher_of(net).pid != old


@pytest.mark.parametrize("kind", ["mp3", "opus", "m4a", "webm"])
def test_the_worker_dies(bot, net, serve, undisturbed, kind):
    url, resource = serve(kind, rate=60000)
    ready = bot.start(url)
    bot.audio.credit(ready["channel"], PLENTY)
    bot.audio.wait_frames(ready["channel"], 150)
    net.kill_all()
    end = bot.control.terminal(ready["play_id"], 30)
    run = bot.audio.wait_ends(ready["channel"])
    assert end["type"] == "finished", end
    run.check()
    packets = undisturbed(kind)
    assert len(run.packets) == len(packets)
    assert heard_near(run.packets, packets) > 0.98


@pytest.mark.parametrize("suffix,args", [("mp3", "-c:a libmp3lame -q:a 4 -write_xing 0"), ("aac", "-c:a aac -b:a 160k")])
def test_who_takes_over_reads_on_where_the_music_is(bot, net, server, media, suffix, args):
    """Packets that are found by counting are not counted again from the start of the source."""
    path = Path(media.make(f"net-long-{suffix}", Recipe(suffix, args, samples=40 * 48000)))
    server.add(f"/long.{suffix}", path.read_bytes(), type="audio/any", etag='"one"')
    ready = bot.start(str(path), position=28)
    channel = ready["channel"]
    bot.audio.credit(channel, PLENTY)
    assert bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    packets = bot.audio.wait_ends(channel).packets
    ready = bot.start(server.url(f"/long.{suffix}"), position=28)
    channel = ready["channel"]
    bot.audio.credit(channel, 100)
    bot.audio.wait_frames(channel, 100)
    bot.wait_buffered(channel, 3)
    asked = len(server.requests(f"/long.{suffix}"))
    net.kill_all()
    bot.audio.credit(channel, PLENTY)
    assert bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    assert len(run.packets) == len(packets) and heard_near(run.packets, packets) > 0.98
    requests = server.requests(f"/long.{suffix}")[asked:]
    assert [r for r in requests if r.range[0] > path.stat().st_size * 0.6], requests


def test_a_seek_over_the_network(bot, serve, server, undisturbed):
    """Inside the read-ahead it costs nothing; elsewhere one request."""
    url, resource = serve("m4a")
    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, 50)
    bot.audio.wait_frames(channel, 50)
    path = url[url.rindex("/"):]
    n = len(server.requests(path))
    seeked = bot.control.expect("seeked", "seek", channel_id=str(channel), position=3.0)
    assert seeked["position"] == 3.0
    assert len(server.requests(path)) == n
    seeked = bot.control.expect("seeked", "seek", channel_id=str(channel), position=12.0)
    assert seeked["position"] == 12.0
    assert len(server.requests(path)) <= n + 1
    bot.audio.credit(channel, PLENTY)
    end = bot.control.terminal(ready["play_id"])
    assert end["type"] == "finished"


def test_playlists(bot, server, serve, undisturbed):
    song, _ = serve("mp3")
    name = song[song.rindex("/"):]
    server.add("/list.m3u", f"#EXTM3U\nhttp://127.0.0.1:1/nobody\n{name}\n".encode(), type="audio/x-mpegurl")
    server.add("/list.pls", f"[playlist]\nFile1={song}\n".encode(), type="audio/x-scpls")
    for path in ("/list.m3u", "/list.pls"):
        check_same(bot.play_through(server.url(path)), undisturbed("mp3"))


def test_radio(bot, server, media):
    data = Path(media.make("net-mp3", RECIPES["mp3"])).read_bytes()
    sent = []

    def live(at):
        sent.append(at)
        if len(sent) > 4:
            time.sleep(0.1)  # well below the stall time-out
        return (data + data)[at % len(data):][:8192]
    server.add("/radio", type="audio/mpeg", live=live, icy=8192, titles=[(8192, "A song"), (5 * 8192, "Another")])
    ready = bot.start(server.url("/radio"))
    channel = str(ready["channel"])
    assert ready["duration"] is None
    bot.audio.credit(ready["channel"], PLENTY)
    # The station's name until its first title has come.
    assert ready.get("title") in ("Radio Test", "A song", "Another")
    if ready["title"] != "Another":
        bot.control.wait("title", play_id=ready["play_id"], title="Another")
    bot.audio.wait_frames(ready["channel"], 150)
    assert bot.control.expect("error", "seek", channel_id=channel, position=100)["code"] == "not_seekable"
    bot.control.expect("stopped", "stop", channel_id=channel)


@pytest.mark.parametrize("who", ["tutti-worker", "tutti-fetch"])
def test_radio_goes_on_when_a_process_dies(bot, net, server, media, who):
    """It is joined anew; positions and frames go on counting."""
    data = Path(media.make("net-mp3", RECIPES["mp3"])).read_bytes()

    def live(at):
        time.sleep(0.05)
        return (data + data)[at % len(data):][:8192]
    path = f"/radio-{who}"
    server.add(path, type="audio/mpeg", live=live)
    ready = bot.start(server.url(path))
    channel = ready["channel"]
    bot.audio.credit(channel, 200)
    bot.audio.wait_frames(channel, 200)
    net.kill_all(who)
    bot.audio.credit(channel, 600)
    bot.wait_frames_or_end(channel, ready["play_id"], 800)
    stopped = bot.control.expect("stopped", "stop", channel_id=str(channel))
    assert stopped["position"] == pytest.approx(16.0, abs=0.1)
    bot.audio.wait_ends(channel).check()
