"""Sources from the network: whatever the server does, the frames are those of an undisturbed run."""
import os
import random
import signal
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from lib import DEADLINE, FRAME, frames_of, opus
from lib.client import PLENTY, Client, new_channel
from lib.media import Recipe
from lib.network import bot, net, server  # noqa: F401

SECONDS = 14
RECIPES = {
    "mp3": Recipe("mp3", "-c:a libmp3lame -b:a 128k", samples=SECONDS * 48000),
    "opus": Recipe("opus", "-c:a libopus -b:a 96k", samples=SECONDS * 48000),
    "m4a": Recipe("m4a", "-c:a aac -aac_pns 0 -b:a 128k -movflags +faststart", samples=SECONDS * 48000),
    "behind": Recipe("m4a", "-c:a aac -aac_pns 0 -b:a 128k", samples=SECONDS * 48000, seed=1),
    "webm": Recipe("webm", "-c:a libopus -b:a 96k", samples=SECONDS * 48000),
    "flac": Recipe("flac", "-c:a flac", samples=SECONDS * 48000),
}


@pytest.fixture
def paced_bot(net):
    with Client(net, "paced") as one:
        yield one


_names = iter(range(10**6))


@pytest.fixture
def serve(server, media):
    """serve(kind, **facts) puts such a file on the server: (URL, resource)."""
    def serve(kind, **facts):
        recipe = RECIPES[kind]
        path = f"/{next(_names)}.{recipe.suffix}"
        facts.setdefault("etag", '"one"')
        data = Path(media.make(f"net-{kind}", recipe)).read_bytes()
        return server.url(path), server.add(path, data, type=facts.pop("type", "audio/any"), **facts)
    return serve


_undisturbed = {}


@pytest.fixture
def undisturbed(bot, media):
    """The packets of a kind when it is played from a file, as they are."""
    def undisturbed(kind):
        if kind not in _undisturbed:
            played = bot.play_through(media.make(f"net-{kind}", RECIPES[kind]))
            assert played.end["type"] == "finished" and played.packets
            _undisturbed[kind] = played.packets
        return _undisturbed[kind]
    return undisturbed


def warnings(client, play_id):
    return [e["code"] for e in client.control.events if e["type"] == "warning" and e.get("play_id") == play_id]


def check_same(played, packets):
    assert played.end["type"] == "finished", played.end
    played.run.check()
    assert played.packets == packets


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


@pytest.mark.parametrize("command", ["stop", "volume", "seek"])
def test_a_command_in_a_stall_takes_effect_at_once(bot, serve, command):
    url, resource = serve("mp3")
    resource.script = [dict(stall=60000)] * 50  # always there again, and no byte more
    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, 100)
    bot.audio.wait_frames(channel, 100)
    started = time.monotonic()
    if command == "stop":
        bot.control.expect("stopped", "stop", channel_id=str(channel))
    elif command == "volume":
        bot.control.expect("volume", "volume", channel_id=str(channel), level=0.5)
    else:
        assert bot.control.expect("seeked", "seek", channel_id=str(channel), position=1.0)["position"] == 1.0
    assert time.monotonic() - started < 2
    if command != "stop":
        bot.control.expect("stopped", "stop", channel_id=str(channel))


@pytest.mark.long
def test_a_dry_source_is_said_and_waited_for(paced_bot, serve, undisturbed):
    url, resource = serve("mp3")
    resource.script = [dict(cut=50000)]
    back = time.monotonic() + 5
    resource.guard = lambda request: 503 if request.range[0] and time.monotonic() < back else None
    ready = paced_bot.start(url)
    end = paced_bot.control.terminal(ready["play_id"], 40)
    run = paced_bot.audio.wait_ends(ready["channel"])
    assert end["type"] == "finished", end
    run.check()
    assert run.packets == undisturbed("mp3")
    said = warnings(paced_bot, ready["play_id"])
    assert said.count("source_stalled") == 1 and "source_reconnected" in said


def test_a_dry_source_is_said_with_credit_too(bot, serve, undisturbed):
    url, resource = serve("mp3")
    resource.script = [dict(cut=50000)]
    told = threading.Event()
    resource.guard = lambda request: 503 if request.range[0] and not told.is_set() else None
    ready = bot.start(url)
    bot.audio.credit(ready["channel"], PLENTY)
    bot.control.wait("warning", play_id=ready["play_id"], code="source_stalled")
    told.set()
    assert bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    run = bot.audio.wait_ends(ready["channel"])
    run.check()
    assert run.packets == undisturbed("mp3")
    assert warnings(bot, ready["play_id"]).count("source_stalled") == 1


def test_credit_flow_begins_while_a_source_is_waited_for(paced_bot, serve, undisturbed):
    """Paced, a dry ring is filled a little before it is heard; with credit what comes leaves as it comes."""
    url, resource = serve("mp3")
    resource.script = [dict(cut=50000)]
    resource.guard = lambda request: 503 if request.range[0] else None
    ready = paced_bot.start(url)
    channel = ready["channel"]
    paced_bot.control.wait("warning", play_id=ready["play_id"], code="source_stalled")
    refused = threading.Event()

    def let_one_through(request):
        resource.guard = lambda request: 503 if refused.is_set() else None

    refused.set()
    resource.script = [dict(cut=4000)]  # a quarter of a second
    resource.guard = let_one_through
    paced_bot.wait_buffered(channel, 0.1)
    paced_bot.audio.send(type="attach", client=paced_bot.control.client, flow="credit")
    paced_bot.audio.credit(channel, PLENTY)
    dry = paced_bot.audio.count(channel)
    refused.clear()
    paced_bot.audio.wait_frames(channel, dry + 30)
    assert paced_bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    run = paced_bot.audio.wait_ends(channel)
    run.check()
    assert run.packets == undisturbed("mp3")


def test_a_volume_stays_when_a_seek_is_refused_before_the_first_frame(new_daemon, server, media, undisturbed):
    data = Path(media.make("net-mp3", RECIPES["mp3"])).read_bytes()
    told = threading.Event()

    def live(at):
        if at >= 8192:
            told.wait(10)
        return data[at:at + 8192]
    server.add("/slow.mp3", type="audio/mpeg", live=live)
    with Client(new_daemon("--allow-private-hosts")) as client:
        channel = new_channel()
        tag = client.control.send("play", channel_id=str(channel), url=server.url("/slow.mp3"))
        end = time.monotonic() + DEADLINE
        while not client.expect("stats", "stats")["workers"]["busy"]:
            assert time.monotonic() < end, "no worker opens it"
        client.expect("volume", "volume", channel, level=0.3)
        refused = client.control.send("seek", channel_id=str(channel), position=10)
        client.control.sync()
        told.set()
        assert client.control.answer(refused)["code"] == "not_seekable"
        assert client.control.answer(tag)["position"] == 0
        assert client.session(channel)["volume"] == pytest.approx(0.3)
        client.audio.credit(channel, 100)
        client.audio.wait_frames(channel, 100)
        packets = client.audio.runs[channel][-1].packets[:100]
        client.expect("stopped", "stop", channel)
    rms = [float((opus.decode(p)[10 * FRAME:].astype(float) ** 2).mean()) ** 0.5
           for p in (packets, undisturbed("mp3")[:100])]
    assert rms[0] / rms[1] == pytest.approx(0.3, rel=0.05)


def test_a_volume_when_nothing_is_left_to_hear(bot, serve, undisturbed):
    """It is in force for what comes next, and says so before that comes."""
    url, resource = serve("mp3")
    told = threading.Event()
    resource.script = [dict(cut=60000)]
    resource.guard = lambda request: 503 if request.range[0] and not told.is_set() else None
    ready = bot.start(url)
    channel = ready["channel"]
    bot.audio.credit(channel, PLENTY)
    bot.control.wait("warning", play_id=ready["play_id"], code="source_stalled")
    dry = bot.audio.count(channel)
    for level in (1.5, 0.5, 0.25, 0.25):
        assert bot.control.expect("volume", "volume", channel_id=str(channel), level=level)["level"] == level
    told.set()
    assert bot.control.terminal(ready["play_id"], 30)["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    want = undisturbed("mp3")
    assert len(run.packets) == len(want) and run.packets[:dry] == want[:dry]
    rms = [float((opus.decode(p)[(dry + 10) * FRAME:].astype(float) ** 2).mean()) ** 0.5 for p in (run.packets, want)]
    assert rms[0] / rms[1] == pytest.approx(0.25, rel=0.05)


def test_next_over_the_network_joins(bot, serve, server, undisturbed):
    """Gapless from one network source to another, though the second answers late."""
    first, _ = serve("opus")
    second, resource = serve("opus")
    resource.script = [dict(delay=0.7)]
    ready = bot.start(first)
    channel = ready["channel"]
    tag = bot.control.send("play", channel_id=str(channel), url=second, next=True)
    bot.audio.credit(channel, PLENTY)
    follows = bot.control.answer(tag)
    assert follows["type"] == "ready", follows
    assert bot.control.terminal(ready["play_id"])["type"] == "finished"
    assert bot.control.terminal(follows["play_id"])["type"] == "finished"
    packets = undisturbed("opus")
    assert bot.audio.wait_ends(channel, 1).packets == packets
    assert bot.audio.wait_ends(channel, 2).packets == packets


def test_a_next_that_never_answers_holds_nothing_up(paced_bot, serve, undisturbed):
    first, _ = serve("opus")
    second, resource = serve("opus")
    resource.script = [dict(stall=3000)] + [dict(stall=0)] * 50
    ready = paced_bot.start(first, position=SECONDS - 4)
    tag = paced_bot.control.send("play", channel_id=str(ready["channel"]), url=second, next=True)
    assert paced_bot.control.terminal(ready["play_id"])["type"] == "finished"
    assert paced_bot.control.answer(tag, 30)["type"] == "error"


def test_the_last_frames_wait_a_second_for_the_next_play(bot, serve, media):
    """However often the client asks for them; not for ever, though it asks no more."""
    second, resource = serve("opus")
    resource.script = [dict(stall=0)] * 50
    samples = 200 * FRAME - 100
    ready = bot.start(media.make("net-short", Recipe("wav", "-c:a pcm_s16le", samples=samples)))
    channel = ready["channel"]
    tag = bot.control.send("play", channel_id=str(channel), url=second, next=True)
    bot.control.sync()
    begun = time.monotonic()
    bot.audio.credit(channel, 200)
    bot.audio.wait_frames(channel, 199)
    for _ in range(30):
        bot.audio.credit(channel, 1)
        bot.control.sync()
    held = bot.audio.count(channel)
    assert held == 199 or time.monotonic() - begun > 0.9
    end = bot.control.terminal(ready["play_id"])
    assert end["type"] == "finished" and end["frames"] == frames_of(samples) == 201
    assert not [e for e in bot.control.events if e.get("tag") == tag], "the next play had failed by then"


def test_a_long_pause_holds_no_connection(bot, serve, server, undisturbed):
    url, resource = serve("mp3")
    ready = bot.start(url, paused=True)
    channel = ready["channel"]
    server.drop_all(reset=True)
    bot.audio.credit(channel, PLENTY)
    bot.control.expect("resumed", "resume", channel_id=str(channel))
    assert bot.control.terminal(ready["play_id"])["type"] == "finished"
    assert bot.audio.wait_ends(channel).packets == undisturbed("mp3")


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
    assert ready.get("title") in ("A song", "Another")
    if ready["title"] == "A song":
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
