"""Tutti's own voice connections: what a stand-in for Discord's voice server hears of plays."""
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from lib import DEADLINE, opus
from lib.client import Client, new_channel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "voice"))

from standin import Standin  # noqa: E402

USER, GUILD = "80351110224678912", "41771983423143937"
TOKEN = "a-token-that-nobody-may-read"


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    server = Standin(tmp_path_factory.mktemp("voice"))
    yield server
    server.stop()
    assert not [p for s in server.sessions for p in s.problems]


@pytest.fixture
def caller(new_daemon, standin):
    """A daemon that may connect to the stand-in, and a client of it in credit flow."""
    daemon = new_daemon("--allow-private-hosts", "--voice-host", "localhost", "--client-grace", "2",
                        env={"SSL_CERT_FILE": str(standin.ca)})
    with Client(daemon) as one:
        yield one


def wait_for(condition, seconds=DEADLINE, what="it"):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)
    return value


def connect(client, standin, channel, session="session", user=USER, guild=GUILD, wait=True, **more):
    """Connects a channel. Returns the session of the stand-in, once it is ready."""
    before, start = len(standin.sessions), len(client.control.events)
    answer = client.expect("voice", "connect", channel, guild_id=guild, user_id=user, session_id=session,
                           token=TOKEN, endpoint=standin.endpoint(), **more)
    assert answer["state"] in ("connecting", "ready", "resuming")
    if not wait:
        return None
    wait_voice(client, channel, "ready", start)
    return standin.sessions[before]


def wait_voice(client, channel, state, start=0):
    return client.control.wait("voice", start=start, channel_id=str(channel), state=state)


def wait_heard(caller, session, n):
    """All frames arrive. What a busy machine makes late by more than two frames is skipped, and each one is counted."""
    def skipped():
        return caller.expect("stats", "stats")["voice"]["skipped"]
    wait_for(lambda: len(session.heard()) + (skipped() if len(session.heard()) < n else 0) == n, what=f"{n} frames")
    assert len(session.heard()) > 0.9 * n


def test_a_play_is_heard_in_the_call_from_its_beginning_to_its_end(caller, standin, media):
    song = media.opus(2.0, 1)
    channel = new_channel()
    session = connect(caller, standin, channel)
    started = caller.start(song, channel)
    end = caller.control.terminal(started["play_id"])
    assert end["type"] == "finished"
    wait_for(lambda: session.speaking[-1][1] == 0, what="op 5 with 0")
    wait_heard(caller, session, end["frames"])
    assert [p.is_silence for p in session.packets[-5:]] == [True] * 5
    assert caller.audio.count(channel) == 0


def test_connect_and_disconnect_in_mid_play_go_on_where_it_was(caller, standin, media):
    song = media.opus(6.0, 2)
    started = caller.start(song, credit=50)
    channel = started["channel"]
    caller.audio.wait_frames(channel, 50)
    session = connect(caller, standin, channel)
    wait_for(lambda: len(session.heard()) >= 50, what="a second of sound in the call")
    answer = caller.expect("voice", "disconnect", channel)
    assert answer["state"] == "disconnected"
    wait_for(lambda: session.socket is None, what="the gateway to be closed")
    count = len(session.heard())
    assert caller.audio.count(channel) == 50  # its credit of before is void
    caller.audio.credit(channel, 1000)
    end = caller.control.terminal(started["play_id"])
    run = caller.audio.wait_ends(channel, 1)
    assert len(session.heard()) == count
    frames = run.packets
    reference = caller.play_through(song).packets
    assert frames[:50] == reference[:50] and frames[50:] == reference[len(reference) - len(frames) + 50:]
    between = reference[50:len(reference) - len(frames) + 50]
    skipped = caller.expect("stats", "stats")["voice"]["skipped"]
    # A frame that is on its way to the wire when the call is left stays there.
    assert 0 <= len(between) - count - skipped <= 2 and session.heard() == [p for p in between if p in set(session.heard())]


def test_a_play_waits_for_its_call_and_keeps_its_place(caller, standin, media):
    channel = new_channel()
    standin.is_mute = True
    try:
        connect(caller, standin, channel, wait=False)
        started = caller.start(media.opus(2.0, 3), channel, credit=1000)
        time.sleep(0.3)  # nothing is waited for: nothing may come
        assert caller.session(channel)["position"] == 0
        assert caller.audio.count(channel) == 0
    finally:
        standin.is_mute = False
    caller.expect("voice", "disconnect", channel)
    caller.audio.credit(channel, 1000)
    assert caller.control.terminal(started["play_id"])["type"] == "finished"


def test_pause_rests_and_resume_talks_again(caller, standin, media):
    channel = new_channel()
    session = connect(caller, standin, channel)
    started = caller.start(media.opus(3.0, 4), channel)
    wait_for(lambda: len(session.heard()) >= 20)
    caller.expect("paused", "pause", channel)
    wait_for(lambda: session.speaking[-1][1] == 0, what="op 5 with 0")
    count = len(session.packets)
    assert [p.is_silence for p in session.packets[-5:]] == [True] * 5
    caller.expect("resumed", "resume", channel)
    wait_for(lambda: len(session.packets) >= count + 10)
    end = caller.control.terminal(started["play_id"])
    wait_heard(caller, session, end["frames"])


def test_next_and_replacement_go_on_in_the_call(caller, standin, media):
    channel = new_channel()
    session = connect(caller, standin, channel)
    first = caller.start(media.wav(1.5, 5), channel)
    caller.control.send("play", channel_id=str(channel), url=str(media.wav(1.0, 6)), next=True, play_id="second")
    assert caller.control.terminal(first["play_id"])["type"] == "finished"
    wait_for(lambda: caller.session(channel)["play_id"] == "second", what="the next play")
    third = caller.start(media.wav(1.0, 7), channel)
    caller.control.terminal(third["play_id"])
    wait_for(lambda: session.speaking[-1][1] == 0)
    # A machine that is so busy that a frame is missing makes a break, and says so.
    underruns = caller.expect("stats", "stats")["frames"]["underruns"]
    assert len([v for _, v in session.speaking if v]) == 1 or underruns, "one talk, without a break"


def test_the_call_outlives_its_owner_by_the_grace_time(caller, standin, media):
    channel = new_channel()
    other = Client(caller.daemon, None)
    session = connect(other, standin, channel)
    other.control.expect("ready", "play", channel_id=str(channel), url=str(media.opus(60.0, 8)))
    wait_for(lambda: len(session.heard()) >= 10)
    other.control.sock.shutdown(socket.SHUT_RDWR)
    gone = time.monotonic()
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 50, what="sound through the grace time")
    wait_for(lambda: session.socket is None, what="the end of the call")
    assert 1.5 < time.monotonic() - gone < 6
    assert caller.expect("status", "status")["calls"] == []


def test_a_bot_is_in_one_call_of_a_guild_at_a_time(caller, standin):
    one, other = new_channel(), new_channel()
    first = connect(caller, standin, one)
    second = connect(caller, standin, other, session="moved")
    wait_voice(caller, one, "disconnected")
    wait_for(lambda: first.socket is None)
    calls = caller.expect("status", "status")["calls"]
    assert [c["channel_id"] for c in calls] == [str(other)] and calls[0]["state"] == "ready"
    third = connect(caller, standin, other, session="another", user="123")
    wait_for(lambda: second.socket is None)
    assert third.identify["user_id"] == "123"
    caller.expect("voice", "disconnect", other)
    assert caller.expect("error", "disconnect", other)["code"] == "no_session"


def test_a_kick_is_told_with_its_code_and_the_play_waits(caller, standin, media):
    channel = new_channel()
    session = connect(caller, standin, channel)
    caller.start(media.opus(30.0, 9), channel)
    wait_for(lambda: len(session.heard()) >= 10)
    standin.close(session, 4014)
    event = wait_voice(caller, channel, "closed")
    assert event["code"] == 4014 and event["message"]
    place = caller.session(channel)["position"]
    again = connect(caller, standin, channel, session="again")
    wait_for(lambda: len(again.heard()) >= 10)
    assert caller.session(channel)["position"] >= place
    assert session.late_packets == 0


def test_another_tutti_voice_takes_all_calls_over(caller, standin, media):
    channels = [new_channel() for _ in range(5)]
    sessions = [connect(caller, standin, c, session=f"s{i}", guild=str(1000 + i)) for i, c in enumerate(channels)]
    for channel in channels:
        caller.start(media.opus(60.0, 8), channel)
    wait_for(lambda: all(len(s.heard()) >= 25 for s in sessions))
    before = [s.identify for s in sessions]
    identifies = standin.identifies
    voice = next(p for p in caller.daemon.processes() if p.name == "tutti-voice")
    os.kill(voice.pid, signal.SIGKILL)
    wait_for(lambda: all(s.resumed >= 1 for s in sessions), what="all resumptions")
    counts = [len(s.packets) for s in sessions]
    wait_for(lambda: all(len(s.packets) >= n + 25 for s, n in zip(sessions, counts)))
    assert standin.identifies == identifies and [s.identify for s in sessions] == before
    gaps = [max(b.at - a.at for a, b in zip(s.packets, s.packets[1:])) for s in sessions]
    assert max(gaps) < 0.4, gaps
    stats = caller.expect("stats", "stats")["voice"]
    assert stats["restarts"] == 1 and stats["ready"] == 5
    for channel in channels:
        caller.expect("stopped", "stop", channel)


def test_a_dying_worker_is_unheard_in_the_call(caller, standin, media):
    channel = new_channel()
    session = connect(caller, standin, channel)
    started = caller.start(media.wav(6.0, 10), channel)
    wait_for(lambda: len(session.heard()) >= 100)
    caller.daemon.kill_all()
    end = caller.control.terminal(started["play_id"])
    wait_heard(caller, session, end["frames"])
    wait_for(lambda: session.speaking[-1][1] == 0)
    underruns = caller.expect("stats", "stats")["frames"]["underruns"]
    assert [value for _, value in session.speaking] == [1, 0] or underruns, "one talk, without a break"


def test_an_endpoint_that_is_no_voice_server_is_refused(caller):
    for endpoint in ("example.org:443", "localhost.evil.com", "localhost:0", "x"):
        error = caller.expect("error", "connect", new_channel(), guild_id=GUILD, user_id=USER, session_id="s",
                              token=TOKEN, endpoint=endpoint)
        assert error["code"] == "invalid_command" and "endpoint" in error["message"]


def test_secrets_are_nowhere_to_be_read(caller, standin):
    channel = new_channel()
    session = connect(caller, standin, channel, session="a-session-id-nobody-may-read")
    said = repr([caller.expect(kind, kind) for kind in ("status", "stats", "hello")]) + repr(caller.control.events)
    said += caller.daemon.stderr()
    assert TOKEN not in said and "nobody-may-read" not in said and session.key.hex() not in said
    caller.expect("voice", "disconnect", channel)
