"""Position, seek, volume, pause and stop, found again in the audio itself.

Credit flow decides which frame is the last before a command, so nothing depends on time.
"""
import random

import pytest

from lib import FRAME, LOOKAHEAD, frames_of, opus, sound
from lib.catalogue import PASSED, TRANSCODED, sound_of
from lib.client import PLENTY, Client

SECOND = 48000


def finish(client, started):
    """Grant all credit and return the play's frames, once it has finished."""
    client.audio.credit(started["channel"], PLENTY)
    end = client.control.terminal(started["play_id"])
    assert end["type"] == "finished", end
    run = client.audio.wait_ends(started["channel"])
    run.check()
    assert end["frames"] == len(run.frames)
    return run


def after(client, started, frames):
    """Exactly so many frames of a play that has started with that credit."""
    client.audio.wait_frames(started["channel"], frames)
    assert client.audio.count(started["channel"]) == frames


@pytest.mark.parametrize("name", ["wav-16", "flac", "mp3-cbr", "mp3-vbr", "m4a-index-last", "vorbis"])
@pytest.mark.parametrize("position", [0.5, 1.2345])
def test_start_at_a_position(client, media, name, position):
    """Transcoded, a start in the middle is exact to the sample."""
    path = media.make(name, TRANSCODED[name].recipe)
    started = client.start(path, position=position)
    assert started["position"] == pytest.approx(position, abs=0.0015)
    run = finish(client, started)
    source = sound_of(name, path)
    offset = round(position * SECOND)
    assert abs(len(run.frames) - frames_of(len(source) - offset)) <= 1
    sound.check_transcoded(run.packets, source[offset:])


def test_start_at_a_position_passed_through(client, media):
    """A packet boundary, and `ready` names it."""
    path = media.opus(3.0)
    started = client.start(path, position=1.2345)
    assert started["passthrough"] is True
    assert started["position"] == pytest.approx(1.2345, abs=0.0205)
    heard = opus.decode(finish(client, started).packets)
    source = sound.reference(path)[round(started["position"] * SECOND):]
    assert abs(sound.lag_of(heard, source) - LOOKAHEAD) <= 48, "position is told to the millisecond"


def test_start_behind_the_end(client, media):
    """There is nothing to play there: the play ends, without a frame too many."""
    client.audio.credit(4711, PLENTY)
    answer = client.ask("play", 4711, url=media.wav(2.0), position=60)
    end = client.control.terminal(answer["play_id"])
    assert end["type"] in ("finished", "error")
    assert client.audio.count(4711) <= 1


def test_position_counts_delivered_frames(client, media):
    started = client.start(media.wav(2.0), credit=50)
    after(client, started, 50)
    entry = client.session(started["channel"])
    assert entry["position"] == pytest.approx(1.0, abs=0.021)
    assert client.audio.quiet(started["channel"]) == 0
    assert client.session(started["channel"])["position"] == entry["position"], "the clock does not matter"
    paused = client.expect("paused", "pause", started["channel"])
    assert paused["position"] == pytest.approx(1.0, abs=0.021)
    stopped = client.expect("stopped", "stop", started["channel"])
    assert stopped["position"] == pytest.approx(1.0, abs=0.021)
    assert client.audio.wait_ends(started["channel"]).end.sequence == 50


SEEKABLE = ["wav-16", "flac", "mp3-cbr", "mp3-vbr", "m4a-index-last", "vorbis", "mka-ac3"]


@pytest.mark.parametrize("name", SEEKABLE)
@pytest.mark.parametrize("target", [1.3, 0.2])
def test_seek(client, media, name, target):
    """Forwards and backwards, exact to the sample; the sequence goes on."""
    path = media.make(name, TRANSCODED[name].recipe)
    started = client.start(path, credit=30)
    after(client, started, 30)
    tag = client.control.send("seek", channel_id=started["channel_id"], position=target)
    client.drip(started["channel"], 50, until=tag)
    run = finish(client, started)
    seeked = client.control.answer(tag)
    assert seeked["type"] == "seeked", seeked
    assert seeked["position"] == pytest.approx(target, abs=0.0015)
    source, heard = sound_of(name, path), opus.decode(run.packets)
    # The old position may go on for some frames until the new one is ready.
    length = frames_of(len(source) - round(target * SECOND))
    change = len(run.frames) - length
    assert 29 <= change <= 60, f"{change} frames before the change"
    new = heard[change * FRAME:]
    assert sound.lag_of(new, source[round(target * SECOND):]) == LOOKAHEAD
    assert sound.snr(new, source[round(target * SECOND):], LOOKAHEAD, skip=FRAME) > 12
    old = heard[:30 * FRAME]
    assert sound.lag_of(old, source[:30 * FRAME]) == LOOKAHEAD


def test_seek_while_paused(client, media):
    """It is answered when it is ready, without a resume, and heard after it."""
    path = media.wav(2.0)
    started = client.start(path, credit=30)
    after(client, started, 30)
    client.expect("paused", "pause", started["channel"])
    seeked = client.expect("seeked", "seek", started["channel"], position=1.0)
    assert seeked["position"] == pytest.approx(1.0, abs=0.0015)
    client.audio.credit(started["channel"], PLENTY)
    assert client.audio.quiet(started["channel"]) == 0
    client.expect("resumed", "resume", started["channel"])
    run = finish(client, started)
    assert len(run.frames) == 30 + frames_of(SECOND)
    heard = opus.decode(run.packets)[30 * FRAME:]
    assert sound.lag_of(heard, sound.reference(path)[SECOND:]) == LOOKAHEAD


def test_seek_passed_through(client, media):
    path = media.opus(3.0)
    started = client.start(path, credit=30)
    after(client, started, 30)
    client.expect("paused", "pause", started["channel"])
    seeked = client.expect("seeked", "seek", started["channel"], position=2.0)
    assert seeked["position"] == pytest.approx(2.0, abs=0.0205)
    client.expect("resumed", "resume", started["channel"])
    run = finish(client, started)
    heard = opus.decode(run.packets)[30 * FRAME:]
    source = sound.reference(path)[round(seeked["position"] * SECOND):]
    assert abs(sound.lag_of(heard, source) - LOOKAHEAD) <= 48


def test_seek_behind_the_end_finishes(client, media):
    started = client.start(media.wav(2.0), credit=30)
    after(client, started, 30)
    client.control.send("seek", channel_id=started["channel_id"], position=3600)
    client.audio.credit(started["channel"], PLENTY)
    end = client.control.terminal(started["play_id"])
    assert end["type"] == "finished"
    assert end["frames"] == client.audio.wait_ends(started["channel"]).end.sequence <= 101


def test_many_seeks(client, media):
    """Each is answered, and the last one wins."""
    path = media.wav(2.0)
    started = client.start(path, credit=10)
    after(client, started, 10)
    commands = [("seek", {"channel_id": started["channel_id"], "position": p / 10}) for p in range(1, 16)]
    tags = client.control.send_together(*commands)
    client.drip(started["channel"], 50, until=tags[-1])
    run = finish(client, started)
    assert {client.control.answer(tag)["type"] for tag in tags} == {"seeked"}
    last = sound.reference(path)[SECOND * 3 // 2:]
    tail = opus.decode(run.packets)[-frames_of(len(last)) * FRAME:]
    assert sound.lag_of(tail, last) == LOOKAHEAD


@pytest.mark.parametrize("level", [0.25, 0.5, 1.5, 2.0])
@pytest.mark.parametrize("codec", ["pcm_s16le", "libopus"])
def test_volume_at_the_start(client, media, codec, level):
    """The source is quiet enough for the limiter to have no work."""
    path = media.make(f"quiet-{codec}", TRANSCODED["wav-16"].recipe._replace(
        suffix="mka", args=f"-c:a {codec} -b:a 128k -af volume=0.4"))
    one = client.play_through(path, volume=level)
    assert one.ready["passthrough"] is False
    source = sound.reference(path)
    one.check_complete(frames_of(len(source)))
    sound.check_transcoded(one.packets, source, gain=level)


def test_silence(client, media):
    one = client.play_through(media.wav(2.0), volume=0)
    one.check_complete(101)
    assert abs(one.heard()).max() < 1e-3


@pytest.mark.parametrize("kind", ["wav", "opus"])
@pytest.mark.parametrize("level", [0.25, 0.0])
def test_volume_changes(client, media, kind, level):
    """No frame more or less, no shift; loud before, at the new level soon after."""
    path = getattr(media, kind)(3.0)
    started = client.start(path, credit=50)
    after(client, started, 50)
    client.expect("volume", "volume", started["channel"], level=level)
    client.drip(started["channel"])
    run = finish(client, started)
    source, heard = sound.reference(path), opus.decode(run.packets)
    assert len(run.frames) == frames_of(len(source))
    loud, quiet = slice(0, 48 * FRAME), slice(58 * FRAME, None)
    shifted = source[:len(heard) - LOOKAHEAD]
    heard = heard[LOOKAHEAD:LOOKAHEAD + len(shifted)]
    assert sound.gain_of(heard[loud], shifted[loud], 0) == pytest.approx(1, abs=0.05)
    assert sound.gain_of(heard[quiet], shifted[quiet], 0) == pytest.approx(level, abs=0.02)
    if level:
        assert sound.lag_of(heard[quiet], shifted[quiet]) == 0


def test_volume_while_paused(client, media):
    """In force from the very next frame on, but for the codec's memory."""
    path = media.wav(3.0)
    started = client.start(path, credit=50)
    after(client, started, 50)
    client.expect("paused", "pause", started["channel"])
    client.expect("volume", "volume", started["channel"], level=0.1)
    client.expect("resumed", "resume", started["channel"])
    client.drip(started["channel"])
    run = finish(client, started)
    source, heard = sound.reference(path), opus.decode(run.packets)
    assert len(run.frames) == frames_of(len(source))
    assert sound.gain_of(heard[56 * FRAME:], source[56 * FRAME:], LOOKAHEAD) == pytest.approx(0.1, abs=0.01)


def test_loud_is_limited(client, media):
    """Twice as loud as full scale: neither wrapped nor far beyond full scale."""
    path = media.make("loud", TRANSCODED["wav-16"].recipe._replace(args="-af volume=1.9"))
    one = client.play_through(path, volume=2)
    one.check_complete(frames_of(len(sound.reference(path))))
    heard = one.heard()
    assert sound.lag_of(heard, sound.reference(path)) == LOOKAHEAD
    assert abs(heard).max() < 1.3


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_pauses_lose_nothing(client, media, kind):
    """Pausing at many places changes not one packet."""
    path = getattr(media, kind)(2.0)
    undisturbed = client.play_through(path)
    started, dice, granted = client.start(path), random.Random(5), 0
    while granted < 90:
        client.expect("paused", "pause", started["channel"])
        step = dice.randint(1, 9)
        granted += step
        client.audio.credit(started["channel"], step)
        client.expect("resumed", "resume", started["channel"])
        if dice.random() < 0.7:
            after(client, started, granted)
    run = finish(client, started)
    assert run.packets == undisturbed.packets


def test_pause_stops_paced_frames(paced, media):
    path = media.wav(2.0)
    started = paced.start(path)
    channel = started["channel"]
    for place in (10, 20, 30):
        paced.audio.wait_frames(channel, place)
        paused = paced.expect("paused", "pause", channel)
        paced.control.sync()
        assert paced.audio.quiet(channel, 0.2) <= 1, "frames after the pause"
        sent = paced.audio.count(channel)
        assert paused["position"] == pytest.approx(sent * 0.02, abs=0.021)
        paced.expect("resumed", "resume", channel)
    end = paced.control.terminal(started["play_id"])
    run = paced.audio.wait_ends(channel)
    run.check()
    assert end["frames"] == len(run.frames) == 101
    sound.check_transcoded(run.packets, sound.reference(path))


@pytest.mark.parametrize("flow", ["client", "paced"])
def test_stop_ends_in_band(request, media, flow):
    """The end marker counts the frames; nothing follows it."""
    client = request.getfixturevalue(flow)
    started = client.start(media.wav(2.0), credit=25 if flow == "client" else 0)
    client.audio.wait_frames(started["channel"], 25)
    stopped = client.expect("stopped", "stop", started["channel"])
    run = client.audio.wait_ends(started["channel"])
    run.check()
    assert stopped["position"] == pytest.approx(len(run.frames) * 0.02, abs=0.021)
    assert client.audio.quiet(started["channel"]) == 0


def test_stopped_before_a_frame_leaves_no_marker(client, media):
    started = client.start(media.wav(2.0))
    client.expect("stopped", "stop", started["channel"])
    client.control.sync()
    assert client.audio.quiet(started["channel"]) == 0
    assert started["channel"] not in client.audio.runs


def test_playing_again_starts_anew(client, media):
    """A channel and a worker are used again and again; each play counts from 0."""
    path, channel = media.wav(1.0), None
    for turn in range(1, 6):
        started = client.start(path, channel, credit=1000)
        channel = started["channel"]
        assert client.control.terminal(started["play_id"])["frames"] == 51
        run = client.audio.wait_ends(channel, turn)
        run.check()
        assert len(run.frames) == 51


@pytest.mark.parametrize("depth", [0.2, 30])
def test_buffer_depths(new_daemon, media, depth):
    """Whatever the depth of the ring, the same commands give the same audio."""
    path = media.wav(3.0)
    with Client(new_daemon("--buffer", depth)) as client:
        started = client.start(path, credit=50)
        after(client, started, 50)
        assert client.session(started["channel"])["buffered"] <= depth + 0.1
        client.expect("paused", "pause", started["channel"])
        client.expect("seeked", "seek", started["channel"], position=0.5)
        client.expect("volume", "volume", started["channel"], level=0.5)
        client.expect("resumed", "resume", started["channel"])
        client.drip(started["channel"])
        run = finish(client, started)
        assert len(run.frames) == 50 + frames_of(len(sound.reference(path)) - 24000)
        heard = opus.decode(run.packets)[50 * FRAME:]
        assert sound.lag_of(heard, sound.reference(path)[24000:]) == LOOKAHEAD
        tail = heard[20 * FRAME:], sound.reference(path)[24000 + 20 * FRAME:]
        assert sound.gain_of(*tail, LOOKAHEAD) == pytest.approx(0.5, abs=0.03)


def test_opus_mono_is_made_loud_and_seeks(client, media):
    """Mono Opus leaves passthrough and keeps its place."""
    path = media.make("opus-mono", PASSED["opus-mono"])
    started = client.start(path, credit=30)
    after(client, started, 30)
    client.expect("volume", "volume", started["channel"], level=0.5)
    client.drip(started["channel"])
    run = finish(client, started)
    source, heard = sound.reference(path), opus.decode(run.packets)
    assert len(run.frames) == frames_of(len(source))
    assert sound.lag_of(heard, source) == LOOKAHEAD
    assert sound.gain_of(heard[40 * FRAME:], source[40 * FRAME:], LOOKAHEAD) == pytest.approx(0.5, abs=0.03)
