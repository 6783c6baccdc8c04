"""What must not be heard: pauses, replacements and next plays that come to nothing."""
import random
import time

import numpy as np
import pytest

from lib import FRAME, frames_of, opus, seams, sound
from lib.client import PLENTY, Client, new_channel


def pause_pairs(paced, media, pairs, seed):
    """Pause and resume at random times, in both ways of a frame, and give the packets."""
    dice, expect = random.Random(seed), paced.expect
    started = [paced.start(getattr(media, kind)(60.0)) for kind in ("wav", "opus")]
    for _ in range(pairs):
        for one in started:
            paused = expect("paused", "pause", one["channel"])
            resumed = expect("resumed", "resume", one["channel"])
            # Off the schedule between the two: the place is the same to the frame.
            assert resumed["position"] == paused["position"]
        time.sleep(dice.uniform(0, 0.015))
    runs = []
    for one in started:
        expect("stopped", "stop", one["channel"])
        runs.append(paced.audio.wait_ends(one["channel"]))
        runs[-1].check()
    return runs


def check_pauses(daemon, media, pairs, seed):
    with Client(daemon, "paced") as paced, Client(daemon) as undisturbed:
        runs = pause_pairs(paced, media, pairs, seed)
        for run, kind in zip(runs, ("wav", "opus")):
            started = undisturbed.start(getattr(media, kind)(60.0), credit=len(run.frames))
            undisturbed.audio.wait_frames(started["channel"], len(run.frames))
            whole = undisturbed.audio.runs[started["channel"]][0]
            assert len(run.frames) > 50 and run.packets == whole.packets


def test_pauses_at_random_times(daemon, media):
    """200 pairs: the very packets that are heard without them."""
    check_pauses(daemon, media, 200, 6)


@pytest.mark.long
def test_a_thousand_pauses(daemon, media):
    check_pauses(daemon, media, 1000, 7)


def test_ten_plays_in_a_second(new_daemon, media):
    """Fired at one channel: the last one plays, each of the others ends once, no worker is lost."""
    daemon = new_daemon()
    songs = [media.wav(1.0, seed) for seed in range(10)]
    with Client(daemon, "paced") as paced:
        channel, tags = new_channel(), []
        for song in songs:
            tags.append(paced.control.send("play", channel_id=str(channel), url=song))
            time.sleep(0.1)
        plays = list(paced.control.plays)
        assert paced.control.terminal(plays[-1])["type"] == "finished"
        ends = [paced.control.terminal(play) for play in plays[:-1]]
        assert {(end["type"], end["reason"]) for end in ends} == {("stopped", "replaced")}
        paced.control.check_all_ended()
        runs = paced.audio.runs[channel]
        for number in range(len(runs)):
            paced.audio.wait_ends(channel, number + 1).check()
        sound.check_transcoded(runs[-1].packets, sound.reference(songs[-1]))
        workers = paced.expect("stats", "stats")["workers"]
        assert (workers["busy"], workers["restarts"]) == (0, 0)
        assert len(daemon.workers()) == workers["idle"]


def test_replacing_with_every_seat_taken(new_daemon, media):
    """One seat is enough to replace, to cut, and for a next; another channel finds none."""
    with Client(new_daemon("--max-workers", 1)) as client:
        first = client.start(media.wav(2.0, 1), credit=20)
        channel = first["channel"]
        client.audio.wait_frames(channel, 20)
        for fields in ({}, {"cut": True}, {}):
            refused = client.ask("play", new_channel(), url=media.wav(1.0, 2))
            assert (refused["type"], refused["code"]) == ("error", "pool_exhausted")
            again = client.start(media.opus(2.0, 1), channel, **fields)
            assert client.control.terminal(first["play_id"])["reason"] == "replaced"
            first = again
        tag = client.control.send("play", channel_id=str(channel), url=media.wav(1.0, 2), next=True)
        client.audio.credit(channel, PLENTY)
        last = client.control.answer(tag)
        assert client.control.terminal(first["play_id"])["type"] == "finished"
        assert client.control.terminal(last["play_id"])["type"] == "finished"
        again = client.start(media.wav(1.0, 2))
        assert again["type"] == "ready", "the seat was not given back"


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_a_next_that_is_no_sound(client, media, kind):
    """It gets its error, and the current play is what it is without it."""
    noise = media.root / "no-sound.mp3"
    noise.write_bytes(bytes(random.Random(3).randbytes(30000)))
    path = getattr(media, kind)(2.0)
    undisturbed = client.play_through(path)
    started = client.start(path, credit=20)
    tag = client.control.send("play", channel_id=started["channel_id"], url=str(noise), next=True)
    client.audio.wait_frames(started["channel"], 20)
    client.audio.credit(started["channel"], PLENTY)
    error = client.control.answer(tag)
    assert error["type"] == "error" and error["code"] in ("decode_failed", "source_failed"), error
    assert client.control.terminal(started["play_id"])["type"] == "finished"
    run = client.audio.wait_ends(started["channel"])
    run.check()
    if kind == "opus":
        assert run.packets == undisturbed.packets
    else:
        assert len(run.packets) == len(undisturbed.packets)
        sound.check_transcoded(run.packets, sound.reference(path))


@pytest.mark.parametrize("how", ["replaced", "stopped"])
@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_nothing_of_a_dropped_next_is_heard(client, media, kind, how):
    """The ring holds it already when it is dropped: the one that took its place is heard, or nothing."""
    a, b, c = (getattr(media, kind)(1.0, seed) for seed in (11, 12, 13))
    started = client.start(a, credit=10)
    channel = started["channel"]
    client.audio.wait_frames(channel, 10)
    base = {"channel_id": str(channel), "next": True}
    dropped = client.control.send("play", url=b, **base)
    client.control.sync()
    time.sleep(0.1)  # that the worker has joined it; whether or not, the result is the same
    if how == "stopped":
        client.expect("stopped", "stop", channel)
        assert client.control.answer(dropped)["type"] == "stopped"
        client.audio.credit(channel, PLENTY)
        assert client.audio.wait_ends(channel).end.sequence == 10 and client.audio.quiet(channel) == 0
        return
    taken = client.control.send("play", url=c, **base)
    assert client.control.answer(dropped)["reason"] == "replaced"
    client.drip(channel, 20)
    client.audio.credit(channel, PLENTY)
    ready = client.control.answer(taken)
    assert client.control.terminal(ready["play_id"])["type"] == "finished"
    packets = [p for n in (1, 2) for p in client.audio.wait_ends(channel, n).packets]
    heard, joined = opus.decode(packets), np.concatenate([sound.reference(a), sound.reference(c)])
    assert abs(len(packets) - frames_of(len(joined))) <= 1
    if kind == "wav":
        sound.check_transcoded(packets, joined)
    else:
        assert abs(sound.lag_of(heard[48000:], sound.reference(c))) <= 2 * FRAME
        assert seams.likeness(heard[312:], sound.reference(a))[:48].min() > 0.8
