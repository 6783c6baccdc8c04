"""Paced and credit flow, and consumers that read slowly, late or not at all."""
import json
import socket
import time

import pytest

from lib import frames_of, opus, sound
from lib.audio import Audio
from lib.client import PLENTY, Client, new_channel
from lib.control import Control

TICK = 0.02
QUEUE = 25  # frames a channel that may wait for a slow consumer


# Credit flow

def test_credit_is_exact(client, media):
    started = client.start(media.wav(2.0))
    channel, total = started["channel"], 0
    assert client.audio.quiet(channel) == 0, "a frame without credit"
    for grant in (1, 2, 10, 1, 25):
        client.audio.credit(channel, grant)
        total += grant
        client.audio.wait_frames(channel, total)
    assert client.audio.quiet(channel) == 0
    assert client.audio.count(channel) == total


def test_credit_before_the_play(client, media):
    channel = new_channel()
    client.audio.credit(channel, 7)
    client.start(media.wav(1.0), channel)
    client.audio.wait_frames(channel, 7)
    assert client.audio.quiet(channel) == 0


@pytest.mark.parametrize("frames, wanted", [("0", 0), ("5.0", 5), ("1e1", 10), ("4294967297", 51)])
def test_credit_is_a_whole_number_however_it_is_written(client, media, frames, wanted):
    started = client.start(media.wav(1.0))
    channel = started["channel"]
    client.audio.sock.sendall(f'{{"type":"credit","channel_id":"{channel}","frames":{frames}}}\n'.encode())
    if wanted:
        client.audio.wait_frames(channel, wanted)
    assert client.audio.quiet(channel) == 0 and not client.audio.closed


def test_credit_in_many_lines_of_one_write(client, media):
    started = client.start(media.wav(2.0))
    line = json.dumps({"type": "credit", "channel_id": started["channel_id"], "frames": 1}).encode() + b"\n"
    client.audio.sock.sendall(line * 40)
    client.audio.wait_frames(started["channel"], 40)
    assert client.audio.quiet(started["channel"]) == 0


def test_the_end_needs_no_credit(client, media):
    """As many frames as the play has are enough to see its end."""
    started = client.start(media.wav(1.0), credit=51)
    client.audio.wait_ends(started["channel"])
    assert client.control.terminal(started["play_id"])["frames"] == 51


def test_credit_flow_outruns_the_clock(client, media):
    """20 s of audio come in much less than that."""
    begin = time.monotonic()
    one = client.play_through(media.wav(20.0))
    one.check_complete(frames_of(20 * 48000))
    assert time.monotonic() - begin < 15


def test_nothing_is_dropped_for_a_slow_credit_consumer(client, media):
    """It may have granted all it likes and not read: every frame waits for it."""
    channels = [client.start(media.wav(3.0, seed))["channel"] for seed in range(4)]
    client.audio.hold()
    for channel in channels:
        client.audio.credit(channel, PLENTY)
    time.sleep(1)
    client.control.sync()
    client.audio.go_on()
    for channel in channels:
        run = client.audio.wait_ends(channel)
        run.check()
        assert len(run.frames) == frames_of(3 * 48000)


# Paced flow

def test_paced_keeps_time(paced, media):
    """Never ahead of the clock, and not behind it without bound."""
    started = paced.start(media.wav(2.0))
    run = paced.audio.wait_ends(started["channel"])
    run.check()
    assert len(run.frames) == 101
    first = run.frames[0].at
    for index, frame in enumerate(run.frames):
        late = frame.at - first - index * TICK
        assert -0.2 < late < 3, f"frame {index} came {late:.3f} s after its time"
    assert run.end.at - first < 6


def test_paced_channels_keep_their_order(paced, media):
    """Many channels on one connection: each whole, each in order."""
    channels = [paced.start(media.wav(1.0, seed))["channel"] for seed in range(12)]
    for channel in channels:
        run = paced.audio.wait_ends(channel)
        run.check()
        assert len(run.frames) == 51


# Attachments

def test_confirmation_comes_first(client, media):
    """Channel 0, sequence 0, nothing in it; before any frame, and once."""
    started = client.start(media.wav(1.0), credit=PLENTY)
    client.audio.wait_ends(started["channel"])
    confirmations = [f for f in client.audio.frames if f.channel == 0]
    assert len(confirmations) == 1 and client.audio.frames[0] is confirmations[0]


BAD_LINES = {
    "words": b"attach me\n", "unknown-type": b'{"type":"subscribe"}\n', "array": b"[]\n", "nul": b"\0\n",
    "unknown-client": b'{"type":"attach","client":"nobody","flow":"paced"}\n',
    "no-client": b'{"type":"attach","flow":"paced"}\n',
    "client-number": b'{"type":"attach","client":5,"flow":"paced"}\n',
    "invalid-utf8": b'{"type":"attach","client":"\xff","flow":"paced"}\n',
    "too-long": b"x" * 70000, "deep": b"[" * 30000 + b"\n",
}
BAD_WITH_CLIENT = {
    "no-flow": '{"type":"attach","client":"%s"}',
    "flow-unknown": '{"type":"attach","client":"%s","flow":"fast"}',
    "flow-number": '{"type":"attach","client":"%s","flow":1}',
    "credit-without": '{"type":"attach","client":"%s","flow":"credit"}\n{"type":"credit","channel_id":"5"}',
    "credit-negative": '{"type":"attach","client":"%s","flow":"credit"}\n'
                       '{"type":"credit","channel_id":"5","frames":-1}',
    "credit-float": '{"type":"attach","client":"%s","flow":"credit"}\n'
                    '{"type":"credit","channel_id":"5","frames":1.5}',
    "credit-string": '{"type":"attach","client":"%s","flow":"credit"}\n'
                     '{"type":"credit","channel_id":"5","frames":"1"}',
    "credit-channel": '{"type":"attach","client":"%s","flow":"credit"}\n'
                      '{"type":"credit","channel_id":"0","frames":1}',
    "credit-channel-number": '{"type":"attach","client":"%s","flow":"credit"}\n'
                             '{"type":"credit","channel_id":5,"frames":1}',
}


@pytest.mark.parametrize("name", [*BAD_LINES, *BAD_WITH_CLIENT])
def test_bad_lines_close_the_audio_connection(daemon, name):
    with Control(daemon) as control, Audio(daemon) as audio:
        line = BAD_LINES.get(name) or (BAD_WITH_CLIENT[name] % control.client).encode() + b"\n"
        try:
            audio.sock.sendall(line)
        except (BrokenPipeError, ConnectionResetError):
            pass
        audio.wait_closed()
        control.sync()


def test_bad_lines_harm_nobody_else(client, daemon, media):
    """The one that misbehaves is closed; the client's session goes on with a new one."""
    started = client.start(media.wav(2.0), credit=10)
    client.audio.wait_frames(started["channel"], 10)
    client.audio.sock.sendall(b"nonsense\n")
    client.audio.wait_closed()
    assert client.session(started["channel"])["play_id"] == started["play_id"]
    client.audio.close()
    client.audio = Audio(daemon, client.control.client, "credit")
    client.audio.credit(started["channel"], PLENTY)
    run = client.audio.wait_ends(started["channel"])
    run.check(first=10)
    assert run.end.sequence == 101


def test_frames_wait_for_an_audio_connection(daemon, media):
    """No consumer: the session holds at its first frame, and loses nothing."""
    path = media.wav(1.0)
    with Client(daemon, flow=None) as client:
        # Attached once, so that its frames go to nobody else.
        Audio(daemon, client.control.client, "paced").close()
        started = client.start(path)
        time.sleep(0.3)
        assert client.session(started["channel"])["position"] == 0
        client.audio = Audio(daemon, client.control.client, "paced")
        run = client.audio.wait_ends(started["channel"])
        run.check()
        sound.check_transcoded(run.packets, sound.reference(path))
        client.control.terminal(started["play_id"])


def test_audio_connection_lost_and_found(daemon, media):
    """Paced: a cut connection holds the session, a new one goes on."""
    with Client(daemon, "paced") as client:
        started = client.start(media.wav(2.0))
        client.audio.wait_frames(started["channel"], 20)
        client.audio.close()
        heard = client.audio.count(started["channel"])
        time.sleep(0.2)
        held = client.session(started["channel"])["position"]
        time.sleep(0.2)
        assert client.session(started["channel"])["position"] == held
        client.audio = Audio(daemon, client.control.client, "paced")
        run = client.audio.wait_ends(started["channel"])
        first = run.sequences[0]
        # What lay in the closed socket is gone, nothing else.
        assert heard <= first <= heard + QUEUE
        run.check(first=first)
        assert run.end.sequence == 101
        client.control.terminal(started["play_id"])


@pytest.mark.parametrize("flow", ["credit", "paced"])
def test_a_new_attachment_replaces_the_old(daemon, media, flow):
    with Client(daemon, "credit") as client:
        started = client.start(media.wav(2.0), credit=20)
        channel, old = started["channel"], client.audio
        old.wait_frames(channel, 20)
        client.audio = Audio(daemon, client.control.client, flow)
        if flow == "credit":
            client.audio.credit(channel, PLENTY)
        run = client.audio.wait_ends(channel)
        run.check(first=20)
        assert run.end.sequence == 101
        assert old.count(channel) == 20, "the replaced connection got more"
        old.close()


def test_credit_ends_with_the_attachment(daemon, media):
    with Client(daemon, "credit") as client:
        channel = new_channel()
        client.audio.credit(channel, 1000)
        old, client.audio = client.audio, Audio(daemon, client.control.client, "credit")
        client.start(media.wav(1.0), channel)
        assert client.audio.quiet(channel) == 0, "credit of an earlier attachment was used"
        client.audio.credit(channel, 5)
        client.audio.wait_frames(channel, 5)
        old.close()


def test_only_ones_own_frames(daemon, media):
    with Client(daemon) as one, Client(daemon) as other:
        mine, theirs = one.start(media.wav(1.0), credit=100), other.start(media.wav(1.0), credit=100)
        one.audio.wait_ends(mine["channel"])
        other.audio.wait_ends(theirs["channel"])
        assert set(one.audio.runs) == {0, mine["channel"]}
        assert set(other.audio.runs) == {0, theirs["channel"]}


def test_credit_for_a_strangers_channel_is_nothing(daemon, media):
    with Client(daemon) as one, Client(daemon) as other:
        mine = one.start(media.wav(1.0))
        other.audio.credit(mine["channel"], 100)
        other.control.sync()
        assert one.audio.quiet(mine["channel"]) == 0 == other.audio.count(mine["channel"])


def test_unattached_connection(new_daemon, media):
    """It gets, paced, the frames of all clients that never attached, and of no other."""
    daemon = new_daemon()
    with Audio(daemon) as everything, Client(daemon, None) as one, Client(daemon, None) as two, \
            Client(daemon, "credit") as attached:
        a, b = one.start(media.wav(1.0, 1)), two.start(media.opus(1.0))
        c = attached.start(media.wav(1.0, 2), credit=PLENTY)
        attached.audio.wait_ends(c["channel"])
        for started in (a, b):
            run = everything.wait_ends(started["channel"])
            run.check()
            assert len(run.frames) == 51
            assert run.frames[-1].at - run.frames[0].at > 0.8, "paced"
        assert c["channel"] not in everything.runs and 0 not in everything.runs
        one.control.terminal(a["play_id"])
        two.control.terminal(b["play_id"])


# Consumers that do not read

@pytest.mark.long
def test_slow_paced_consumer(new_daemon, media):
    """Oldest frames go, the gap shows, end markers come; others feel nothing."""
    daemon = new_daemon()
    songs = [media.opus(4.0, seed) for seed in range(4)]
    with Client(daemon, "paced") as slow, Client(daemon, "paced") as quick:
        steady = quick.start(media.wav(4.0))
        slow.audio.hold()
        started = [slow.start(songs[n % 4]) for n in range(16)]
        for one in started:
            slow.control.terminal(one["play_id"])
        slow.audio.go_on()
        runs = [slow.audio.wait_ends(one["channel"]) for one in started]
        dropped = 0
        for one, run in zip(started, runs):
            end = slow.control.terminal(one["play_id"])
            assert run.end.sequence == end["frames"] == 201, "dropped frames count as frames of the play"
            gaps = [(a, b) for a, b in zip(run.sequences, run.sequences[1:]) if b != a + 1]
            assert all(b > a for a, b in gaps), "sequences go backwards"
            behind = [s for s in run.sequences if not gaps or s >= gaps[-1][1]]
            assert not gaps or len(behind) <= QUEUE + 1, f"{len(behind)} frames waited"
            assert run.sequences[-1] == 200 or not gaps, "the newest frames are kept"
            dropped += 201 - len(run.frames)
        assert dropped > 0, "the test did not make it slow enough"
        stats = slow.expect("stats", "stats")
        assert stats["frames"]["dropped"] == dropped
        warnings = [e for e in slow.control.events if e.get("code") == "slow_consumer"]
        assert warnings and all(e["type"] == "warning" for e in warnings)
        per_play = {}
        for e in warnings:
            per_play.setdefault(e.get("channel_id"), []).append(e["at"])
        for times in per_play.values():
            assert all(b - a > 0.8 for a, b in zip(times, times[1:])), "more than one warning a second"
        whole = quick.audio.wait_ends(steady["channel"])
        whole.check()
        assert len(whole.frames) == 201
        quick.control.terminal(steady["play_id"])
        assert not [e for e in quick.control.events if e["type"] == "warning"]


@pytest.mark.long
def test_control_connection_that_does_not_read(new_daemon, media):
    """It is closed when more than 1 MiB waits for it; others feel nothing."""
    daemon = new_daemon()
    with Client(daemon) as client:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(1)
        sock.connect(daemon.control)
        sock.sendall(b'{"type":"watch","on":true}\n')
        started = client.start(media.wav(1.0), credit=20)
        closed = False
        for _ in range(400):
            base = {"channel_id": started["channel_id"], "level": 1}
            tags = client.control.send_together(*[("volume", base)] * 50)
            client.control.answer(tags[-1])
            try:
                sock.sendall(b'{"type":"stats"}\n')
            except OSError:
                closed = True
                break
        assert closed, "the daemon keeps everything for it"
        sock.close()
        client.audio.credit(started["channel"], PLENTY)
        assert client.control.terminal(started["play_id"])["type"] == "finished"
        client.audio.wait_ends(started["channel"]).check()
        assert all(opus.samples(f.data) == 960 for f in client.audio.runs[started["channel"]][0].frames)
