"""The same with hardly anything in the ring: what cannot be covered is silence, and counted."""
import signal

import pytest

import table
from house import House, play_scenes
from lib.media import Recipe

SONGS = {"wav": "-c:a pcm_s16le", "mp3": "-c:a libmp3lame -b:a 128k -ar 44100", "opus": "-c:a libopus -b:a 96k"}


@pytest.fixture(scope="module", params=[0.1, 0.2], ids=["100ms", "200ms"])
def thin(request, media, songs):
    with House(media, songs, "--buffer", request.param, victims=8) as one:
        one.depth = request.param
        yield one


def underruns(victim):
    return victim.client.session(victim.channel)["underruns"]


def kill_and_count(victim):
    victim.silent = underruns(victim)
    victim.signal()
    victim.next_worker()
    victim.wait(victim.count + 10)
    victim.silent = underruns(victim) - victim.silent


def kill(victim):
    victim.wait(40)
    kill_and_count(victim)


def kill_with_an_empty_ring(victim):
    victim.wait(40)
    victim.signal(signal.SIGSTOP)
    victim.wait_session(lambda s: s["underruns"] > 0, "underruns")
    kill_and_count(victim)


SCENES = {"kill -9": kill, "kill -9, ring empty": kill_with_an_empty_ring}


@pytest.fixture(scope="module")
def scenes(thin):
    def song(kind):
        return thin.media.make("thin", Recipe(kind, SONGS[kind], 2, 3 * 48000 + 417, 3))
    return play_scenes(thin, {(name, kind): (song(kind), hurt) for name, hurt in SCENES.items() for kind in SONGS})


@pytest.mark.parametrize("kind", SONGS)
@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_lost(thin, scenes, name, kind):
    scene = scenes[name, kind]
    got = scene.judge(kind)
    assert scene.end["type"] == "finished", scene.end
    table.add(f"{name}, ring of {thin.depth * 1000:.0f} ms", kind, got.lost, got.repeated, got.shift, got.gap_ms,
              thin.ear.missed(), f"{scene.victim.silent} more frames of silence")
    assert (got.lost, got.repeated, got.shift) == (0, 0, 0), got
    assert got.worst > 0.7, got
    assert scene.victim.codes() == ["worker_restarted"]


def test_nobody_else_noticed(thin, scenes):
    thin.check()
