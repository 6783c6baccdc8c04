"""Commands are heard at once, exactly, and without a click or a hole, at any depth of the ring.

Credit flow decides which frame is the last before a command; all that was granted is heard before
its answer, so that what comes after the answer is what the listener hears next.
"""
import os
import shutil
import time

import numpy as np
import pytest

from lib import FRAME, LOOKAHEAD, frames_of, ogg, seams, sound
from lib.client import PLENTY, Client
from lib.daemon import Daemon

SECOND = 48000
AT_ONCE = 5  # frames after the answer in which a change must be heard


@pytest.fixture(scope="module", params=[0.2, 5, 30])
def deep(request, media):
    """A daemon of each depth of the ring."""
    with Daemon("--buffer", request.param, media=[media.root]) as running:
        yield running


@pytest.fixture
def heard(deep):
    with Client(deep) as one:
        yield one


class Listening:
    """One play, of which exactly the frames that are asked for are heard."""

    def __init__(self, client, url, **fields):
        self.client = client
        self.started = client.start(url, **fields)
        self.channel, self.taken = self.started["channel"], 0

    def take(self, frames):
        self.client.audio.credit(self.channel, frames)
        self.taken += frames
        self.client.audio.wait_frames(self.channel, self.taken)
        assert self.client.audio.count(self.channel) == self.taken

    def tell(self, answer, kind, **fields):
        """The command takes effect though nothing is taken: the ring does not matter."""
        return self.client.expect(answer, kind, self.channel, **fields)

    def position(self):
        return self.client.session(self.channel)["position"]

    def finish(self):
        self.client.audio.credit(self.channel, PLENTY)
        end = self.client.control.terminal(self.started["play_id"])
        assert end["type"] == "finished", end
        run = self.client.audio.wait_ends(self.channel)
        run.check()
        assert end["frames"] == len(run.frames)
        return run


def sample(seconds):
    return round(seconds * SECOND)


TONES = {"wav": "-c:a pcm_s16le", "opus": "-c:a libopus -b:a 128k"}


@pytest.mark.parametrize("kind", TONES)
def test_volume_steps(heard, media, kind):
    """Heard within 5 frames of the answer and not before it; no click, no hole, no shift."""
    n = 6 * SECOND
    path = media.of(f"tone.{kind}", seams.tone(n), TONES[kind])
    one = Listening(heard, path)
    one.take(23)
    steps, level = [(0, 1.0)], 1.0
    for new in (0.5, 1.0, 0.25, 0.7, 1.0, 1.5, 1.0, 0.0, 1.0):
        one.tell("volume", "volume", level=new)
        assert heard.session(one.channel)["volume"] == new
        steps.append((one.taken, new))
        one.take(24)
    if kind == "opus":
        assert heard.session(one.channel)["passthrough"] is True, "at volume 1 packets are passed again"
    run = one.finish()
    assert len(run.frames) == frames_of(n)
    wave = seams.aligned(run.packets)
    usual = np.sqrt(0.5) * 0.3
    loud, high = seams.loudness(wave) / usual, seams.clicks(wave[:n])
    ends = [frame for frame, _ in steps[1:]] + [n // FRAME - 3]
    for (begin, level), (_, before), end in zip(steps[1:], steps, ends[1:]):
        settled = loud[(begin + AT_ONCE - 1) * 4:end * 4 - 3]
        assert abs(settled - level).max() < 0.08, f"volume {level} is not heard at frame {begin}"
        change = loud[begin * 4 - 4:(begin + AT_ONCE) * 4]
        assert change.min() > min(before, level) - 0.08, f"a hole at frame {begin}: {change}"
        assert change.max() < max(before, level) + 0.08, f"a bang at frame {begin}: {change}"
        assert high[begin * 4 - 4:(begin + AT_ONCE) * 4].max() < -50, f"a click at frame {begin}"
        if level:
            like = seams.likeness(wave, seams.tone(n))[begin + AT_ONCE:end - 1]
            assert like.min() > 0.98, f"a shift behind frame {begin}"
    if kind == "opus":
        own = set(ogg.read(path).packets)
        passed = [packet in own for packet in run.packets]
        assert all(passed[:23]) and all(passed[ends[-2] + AT_ONCE:-1]), "not the file's own packets"


def tour(one, source_of):
    """Seeks here and there, with pauses and volumes between; returns what ought to be heard."""
    pieces, place = [], 0

    def take(frames):
        nonlocal place
        one.take(frames)
        pieces.append((place, frames))
        place += frames * FRAME
        assert one.position() == pytest.approx(place / SECOND, abs=0.0015), "position"

    take(20)
    for target in (2.5, 0.3, 4.0017, 3.9, 0.0):
        seeked = one.tell("seeked", "seek", position=target)
        place = source_of(seeked["position"], target)
        take(12)
        paused = one.tell("paused", "pause")
        assert paused["position"] == pytest.approx(place / SECOND, abs=0.0015)
        assert one.tell("resumed", "resume")["position"] == paused["position"]
        take(5)
        one.tell("volume", "volume", level=0.6)
        take(9)
        one.tell("volume", "volume", level=1)
        take(11)
    return pieces


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_a_tour(heard, media, kind):
    """Whatever is told: each frame is the one that belongs there, and position says so."""
    path = getattr(media, kind)(5.0, 8)
    source = sound.reference(path)

    def exact(told, target):
        assert told == pytest.approx(target, abs=0.0015)
        return sample(target)

    def to_the_packet(told, target):
        """The packet that holds the sample: a multiple of 20 ms."""
        assert target - 0.0215 < told <= target + 0.0015
        return round(told * 50) * FRAME

    one = Listening(heard, path)
    pieces = tour(one, exact if kind == "wav" else to_the_packet)
    one.tell("stopped", "stop")
    run = heard.audio.wait_ends(one.channel)
    run.check()
    assert run.end.sequence == one.taken
    wave = seams.aligned(run.packets)
    like = seams.likeness(wave, seams.expected(source, pieces))
    seeks = np.cumsum([frames for _, frames in pieces])
    # The codec's window joins both sides of a seek: that frame, and the one before it, are of both.
    jumps = {f for i, f in enumerate(seeks[:-1]) if pieces[i + 1][0] != pieces[i][0] + pieces[i][1] * FRAME}
    both = {f - 1 for f in jumps} | jumps
    wrong = [i for i, a in enumerate(like) if a < 0.85 and i not in both]
    assert not wrong, f"frames {wrong} are not what belongs there: {like[wrong]}; seeks at {sorted(jumps)}"


@pytest.mark.parametrize("cut_at", [70001, 50 * FRAME])
def test_chirp_joined(heard, media, cut_at):
    """A chirp cut anywhere and joined again is the uncut chirp, as well as libopus can."""
    whole = seams.chirp(3 * SECOND + 77)
    a = media.of(f"chirp-{cut_at}-a.wav", whole[:cut_at])
    b = media.of(f"chirp-{cut_at}-b.wav", whole[cut_at:])
    one = Listening(heard, a)
    tag = heard.control.send("play", channel_id=str(one.channel), url=b, next=True)
    one.take(30)
    assert heard.session(one.channel)["play_id"] == one.started["play_id"]
    first = one.finish()
    ready = heard.control.answer(tag)
    assert ready["type"] == "ready"
    # The frame that both share is the first play's last.
    assert 0 <= ready["position"] <= (FRAME + LOOKAHEAD) / SECOND
    end = heard.control.terminal(ready["play_id"])
    second = heard.audio.wait_ends(one.channel, 2)
    second.check()
    assert end["frames"] == len(second.frames) and end["position"] == pytest.approx(
        (len(whole) - cut_at) / SECOND, abs=0.0015)
    packets = first.packets + second.packets
    assert len(packets) == frames_of(len(whole))
    sound.check_transcoded(packets, whole)
    wave = seams.aligned(packets)
    join = cut_at // seams.WINDOW
    assert seams.longest_hole(wave[:len(whole)], 0.2) == 0
    assert seams.clicks(wave[:cut_at + FRAME], 10000)[join - 4:join + 3].max() < -50, "a click at the join"


@pytest.mark.parametrize("kinds", ["opus opus", "wav opus", "opus wav"])
def test_join_of_what_is_passed(heard, media, kinds):
    """At the packet's end: at most a packet and the lag too long, and no silence put between."""
    whole, cut_at = seams.chirp(3 * SECOND), 70001
    kind_a, kind_b = kinds.split()
    a = media.of(f"passed-a.{kind_a}", whole[:cut_at], TONES[kind_a])
    b = media.of(f"passed-b.{kind_b}", whole[cut_at:], TONES[kind_b])
    one = Listening(heard, a)
    tag = heard.control.send("play", channel_id=str(one.channel), url=b, next=True)
    one.take(30)
    first = one.finish()
    ready = heard.control.answer(tag)
    assert heard.control.terminal(ready["play_id"])["type"] == "finished"
    second = heard.audio.wait_ends(one.channel, 2)
    second.check()
    assert len(first.frames) == frames_of(cut_at)
    assert abs(len(second.frames) - frames_of(len(whole) - cut_at)) <= 1
    for run, path in ((first, a), (second, b)):
        if path.endswith("opus"):
            assert set(run.packets) <= set(ogg.read(path).packets), "not the file's own packets"
    wave = seams.aligned(first.packets + second.packets)
    longer = sound.lag_of(wave[cut_at:], whole[cut_at:])
    assert 0 <= longer <= FRAME + LOOKAHEAD
    assert seams.longest_hole(wave[:len(whole)], 0.1) <= FRAME + LOOKAHEAD


@pytest.mark.parametrize("kind", TONES)
def test_loud_does_not_clip(client, media, kind):
    """A tone of 0.9 made twice as loud stays a tone: a clipped one would have a strong third harmonic."""
    pitch = 500
    path = media.of(f"loud-tone.{kind}", seams.tone(2 * SECOND, 0.9, pitch), TONES[kind])
    one = Listening(client, path)
    one.take(20)
    one.tell("volume", "volume", level=2)
    run = one.finish()
    wave = seams.aligned(run.packets)[30 * FRAME:80 * FRAME, 0]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    at = [spectrum[round(pitch * k * len(wave) / SECOND) - 3:][:7].max() for k in (1, 3, 5)]
    assert 20 * np.log10(max(at[1:]) / at[0]) < -40, "distorted"
    assert 0.85 < abs(wave).max() < 1.05


@pytest.mark.parametrize("kind", TONES)
def test_fast_slider(client, media, kind):
    """Twenty at once: each is answered, the last one wins, and no frame is lost over it."""
    path = media.of(f"tone.{kind}", seams.tone(6 * SECOND), TONES[kind])
    one = Listening(client, path)
    one.take(20)
    levels = [round(1 - 0.04 * n, 2) for n in range(1, 21)]
    tags = client.control.send_together(*[("volume", {"channel_id": str(one.channel), "level": v})
                                          for v in levels])
    for tag, level in zip(tags, levels):
        assert client.control.answer(tag)["level"] == level
    one.take(AT_ONCE + 30)
    wave = seams.aligned(client.audio.runs[one.channel][0].packets)
    settled = seams.loudness(wave)[(20 + AT_ONCE) * 4:]
    assert settled == pytest.approx(levels[-1] * np.sqrt(0.5) * 0.3, rel=0.1)
    assert len(one.finish().frames) == frames_of(6 * SECOND)


@pytest.mark.parametrize("level", [0.5, 1.5])
def test_packets_are_passed_again_after_a_seek_between_them(heard, media, level):
    """A seek is exact while the volume is not 1; with 1 the way leads to the next packet, without a click."""
    path = media.opus(5.0, 8)
    source = sound.reference(path)
    one = Listening(heard, path)
    one.take(20)
    one.tell("volume", "volume", level=level)
    assert one.tell("seeked", "seek", position=2.0037)["position"] == pytest.approx(2.0037, abs=0.0006)
    one.take(15)
    one.tell("volume", "volume", level=1)
    one.take(30)
    assert heard.session(one.channel)["passthrough"] is True
    assert one.position() * 50 == pytest.approx(round(one.position() * 50), abs=0.051), "on the grid of packets"
    begun = round(one.position() * 50) - 30  # the frame, on the grid, whose place the fading one takes
    one.tell("stopped", "stop")
    run = heard.audio.wait_ends(one.channel)
    assert set(run.packets[40:]) <= set(ogg.read(path).packets), "not the file's own packets"
    wave = seams.aligned(run.packets)
    pieces = [(0, 20), (sample(2.0037), 15), (begun * FRAME, 30)]
    like = seams.likeness(wave, seams.expected(source, pieces))
    wrong = [i for i, a in enumerate(like) if a < 0.85 and i not in (19, 20, 34, 35)]
    assert not wrong, f"frames {wrong} are not what belongs there: {like[wrong]}"
    assert 0 < begun * FRAME - sample(2.0037) - 15 * FRAME <= FRAME, "ahead, by less than a packet"
    assert seams.longest_hole(wave[34 * FRAME:38 * FRAME], 0.01) == 0


def test_a_seek_that_fails(client, media):
    """It gets its error, and the play goes on where it is, with no frame missing."""
    whole = seams.chirp(20 * SECOND)
    path = media.root / f"spoilt-{os.getpid()}.mp3"  # of its own: it will be no music any more
    shutil.copy(media.of("to-be-spoilt.mp3", whole, "-c:a libmp3lame -b:a 128k"), path)
    source = sound.reference(path)
    one = Listening(client, path)
    one.take(500)
    client.wait_buffered(one.channel, 3)
    with open(path, "r+b") as file:  # who would seek to the start finds no music there
        file.write(bytes(os.path.getsize(path)))
    tags = client.control.send_together(("volume", {"channel_id": str(one.channel), "level": 0.5}),
                                        ("seek", {"channel_id": str(one.channel), "position": 0.1}))
    answers = [client.control.answer(tag) for tag in tags]
    assert answers[1]["type"] == "error" and answers[1]["code"] == "decode_failed", answers
    one.take(50)
    assert one.position() == pytest.approx(550 * FRAME / SECOND, abs=0.0015)
    heard = seams.aligned(client.audio.runs[one.channel][0].packets)
    like = seams.likeness(heard, source)[2:548]
    assert like.min() > 0.9, "what goes on is not what was there"
    one.tell("stopped", "stop")
