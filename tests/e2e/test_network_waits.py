"""What is waited for: a source that stalls or runs dry, the next play, the end of a pause."""
import threading
import time
from pathlib import Path

import pytest

from lib import DEADLINE, FRAME, frames_of, opus
from lib.client import PLENTY, Client, new_channel
from lib.media import Recipe
from lib.network import bot, net, server  # noqa: F401
from lib.tunes import RECIPES, SECONDS, paced_bot, serve, undisturbed, warnings  # noqa: F401


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
    resource.script = [dict(cut=20000)]
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
