"""Marks: the daemon says within the stream of frames whose they are, and from which place."""
import numpy as np
import pytest

from lib import opus, seams
from lib.audio import Audio
from lib.client import PLENTY, Client
from lib.control import Control

SECOND = 48000


@pytest.fixture(params=["credit", "paced"])
def marked(daemon, request):
    client = Client(daemon, request.param, marks=True)
    yield client
    client.close()


def test_every_play_is_named_before_its_first_frame(marked, media):
    """Those that replace, and those that follow."""
    first = marked.start(media.wav(0.5), play_id="ä \"1\"", credit=PLENTY)
    channel = first["channel"]
    marked.control.send("play", channel_id=str(channel), url=media.wav(0.3, 2), play_id="2", next=True)
    marked.audio.wait_ends(channel, 2)
    marked.start(media.wav(10.0), channel, play_id="3", position=2)
    marked.audio.wait_frames(channel, 50)
    marked.start(media.wav(10.0), channel, play_id="4")
    marked.audio.wait_ends(channel, 3)
    marked.audio.wait_frames(channel, marked.audio.count(channel) + 3)
    marked.control.expect("stopped", "stop", channel_id=str(channel))
    marked.audio.wait_ends(channel, 4)
    told = [(m.play_id, m.sequence, m.position) for run in marked.audio.runs[channel] for m in run.marks]
    joined = told[1][2]
    assert 0 <= joined <= 960, "the second begins in the frame that the two share"
    assert told == [("ä \"1\"", 0, 0), ("2", 0, joined), ("3", 0, 2 * SECOND), ("4", 0, 0)]


def test_a_seek_says_from_which_frame_on_it_is_heard(marked, media):
    started = marked.start(media.wav(30.0), credit=PLENTY)
    channel = started["channel"]
    marked.audio.wait_frames(channel, 10)
    seeked = marked.control.expect("seeked", "seek", channel_id=str(channel), position=25)
    marked.audio.wait_frames(channel, seeked["sequence"] + 10)
    marked.control.expect("stopped", "stop", channel_id=str(channel))
    run = marked.audio.wait_ends(channel)
    run.check()
    assert [(m.sequence, m.position) for m in run.marks] == [(0, 0), (seeked["sequence"], 25 * SECOND)]


def test_a_new_connection_is_told_anew(client, media):
    started = client.start(media.wav(30.0), credit=10, play_id="p")
    channel = started["channel"]
    client.audio.wait_frames(channel, 10)
    assert client.audio.runs[channel][0].marks == [], "only who asked for marks gets them"
    for first in (10, 20):
        audio = Audio(client.daemon, client.control.client, "credit", marks=True)
        audio.credit(channel, 10)
        audio.wait_frames(channel, 10)
        [mark] = audio.runs[channel][0].marks
        assert mark == (channel, first, "p", first * 960)
        audio.runs[channel][0].check(first)
    last = Audio(client.daemon, client.control.client, "credit", marks=True)
    client.control.expect("stopped", "stop", channel_id=str(channel))
    last.wait_ends(channel)
    assert [m.play_id for m in last.runs[channel][0].marks] == ["p"], "an end alone has a name, too"


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_a_kept_volume_holds_at_the_joint(client, media, kind):
    """What the worker has made of the next play before the volume came is made anew."""
    tone = media.of(f"keeps.{kind}", seams.tone(3 * SECOND), {"wav": "-c:a pcm_s16le", "opus": "-c:a libopus"}[kind])
    started = client.start(tone, credit=20)
    channel = started["channel"]
    client.audio.wait_frames(channel, 20)
    tag = client.control.send("play", channel_id=str(channel), url=str(tone), next=True, play_id="next")
    client.control.expect("paused", "pause", channel_id=str(channel))
    client.control.expect("resumed", "resume", channel_id=str(channel))
    level = client.control.expect("volume", "volume", channel_id=str(channel), level=0.1, keep=True)
    assert level["play_id"] == started["play_id"] and level["keep"] is True
    client.audio.credit(channel, PLENTY)
    assert client.control.answer(tag)["type"] == "ready"
    client.control.terminal("next")
    client.audio.wait_ends(channel, 2)
    packets = [p for run in client.audio.runs[channel] for p in run.packets]
    heard = opus.decode(packets)
    loud = [np.sqrt(np.mean(np.square(heard[at:at + 4800]))) for at in range(0, len(heard) - 4800, 4800)]
    assert max(loud[8:]) < 0.15 * loud[1], f"louder than a tenth after the change: {np.round(loud, 3)}"
    assert min(loud[8:-1]) > 0.07 * loud[1], f"lower than a tenth: {np.round(loud, 3)}"
    later = client.start(tone, channel)
    assert later["type"] == "ready"
    [session] = client.control.expect("status", "status", channel_id=str(channel))["sessions"]
    assert session["volume"] == 0.1


def test_a_next_play_is_offered_again_while_it_is_opened(client, media):
    """The worker's answer to the first offer is not taken for one to the second."""
    url = str(media.wav(1.0))
    for i in range(3):
        channel = str(client.start(url, play_id=f"a{i}")["channel"])
        tag = client.control.send("play", channel_id=channel, url=url, play_id=f"b{i}", next=True)
        for level in np.linspace(0.1, 1, 15):  # one of them meets the offer
            client.control.send("volume", channel_id=channel, level=level, keep=True)
            client.control.expect("stats", "stats")
        client.audio.credit(int(channel), PLENTY)
        assert client.control.answer(tag)["type"] == "ready"
        assert client.control.terminal(f"b{i}")["type"] == "finished"
    assert client.control.expect("stats", "stats")["workers"]["restarts"] == 0
    assert not [e for e in client.control.events if e["type"] == "warning"]


def test_what_waits_is_listed(client, media):
    started = client.start(media.wav(5.0), play_id="a")
    channel = str(started["channel"])
    client.control.send("play", channel_id=channel, url=str(media.wav(6.0)), play_id="b", next=True)
    [session] = client.control.expect("status", "status", channel_id=channel)["sessions"]
    assert session["next"] == {"play_id": "b", "url": str(media.wav(6.0))}
    assert "pending" not in session and session["seekable"] is True
    client.control.expect("stopped", "stop", channel_id=channel, play_id="b")
    [session] = client.control.expect("status", "status", channel_id=channel)["sessions"]
    assert (session["play_id"], "next" in session) == ("a", False)


def test_the_older_of_two_processes_is_told(client, media):
    client.start(media.wav(5.0))
    newer = Control(client.daemon)
    assert newer.expect("hello", "hello", client=client.control.client)["client"] == client.control.client
    told = client.control.wait("error")
    assert told["code"] == "client_replaced"
    client.control.wait_closed()
    newer.close()
