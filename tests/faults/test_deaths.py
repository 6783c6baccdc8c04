"""Workers that die while sixty channels play: what their own listener hears of it, and that nobody else does."""
import signal

import pytest

import table
from house import play_scenes
from lib import frames_of, sound
from lib.catalogue import TRANSCODED, PASSED
from lib.media import Recipe

SECONDS = 8
DEPTH = 5.0  # seconds that a ring holds


def victims_song(media, kind, number):
    """Every victim has a file of its own, of its own size."""
    recipe = {**{n: f.recipe for n, f in TRANSCODED.items()}, **PASSED}[kind]
    samples = SECONDS * 48000 + 1000 * number
    return media.make(f"victim-{number}-{kind}", Recipe(recipe.suffix, recipe.args, recipe.channels, samples, number))


# Each hurts its victim and returns what the row is to say about it.

def kill_after_one_frame(victim):
    victim.wait(1)
    victim.signal()


def kill_in_the_middle(victim):
    victim.wait_full(DEPTH)
    victim.signal()


def kill_near_the_end(victim):
    victim.wait(int((SECONDS - DEPTH - 0.3) * 50))
    victim.signal()


def kill_when_all_is_made(victim):
    victim.wait(int((SECONDS - DEPTH + 1) * 50))
    victim.signal()


def abort_it(victim):
    victim.wait(60)
    victim.signal(signal.SIGABRT)


def segfault_it(victim):
    victim.wait(60)
    victim.signal(signal.SIGSEGV)


def kill_it_twice(victim):
    victim.wait(30)
    victim.signal()
    victim.next_worker()
    victim.signal()


def kill_it_five_times(victim):
    for frame in (20, 60, 100, 140, 180):
        victim.wait(frame)
        victim.signal()
        victim.next_worker()


def kill_it_in_a_pause(victim):
    victim.wait(50)
    victim.client.expect("paused", "pause", victim.channel)
    victim.signal()
    victim.next_worker()
    victim.client.expect("resumed", "resume", victim.channel)


def stop_it_for_a_second(victim):
    victim.wait(50)
    victim.signal(signal.SIGSTOP)
    victim.wait(100)
    victim.signal(signal.SIGCONT)


def kill_it_stopped(victim):
    victim.wait(50)
    victim.signal(signal.SIGSTOP)
    victim.wait(100)
    victim.signal()


SCENES = {
    "kill -9, one frame after the start": ("wav-16", kill_after_one_frame),
    "kill -9, ring full": ("mp3-vbr", kill_in_the_middle),
    "kill -9, ring full, passed through": ("opus-stereo", kill_in_the_middle),
    "kill -9, near the end": ("flac", kill_near_the_end),
    "kill -9, all frames made": ("vorbis", kill_when_all_is_made),
    "abort": ("m4a-index-last", abort_it),
    "segmentation fault": ("alac", segfault_it),
    "kill -9, and its successor too": ("opus-webm", kill_it_twice),
    "kill -9 five times": ("mp3-cbr", kill_it_five_times),
    "kill -9 in a pause": ("wav-24", kill_it_in_a_pause),
    "SIGSTOP for a second": ("mp3-48k-mono", stop_it_for_a_second),
    "SIGSTOP, then kill -9": ("wma", kill_it_stopped),
}


@pytest.fixture(scope="module")
def scenes(house):
    return play_scenes(house, {name: (victims_song(house.media, kind, number), hurt)
                               for number, (name, (kind, hurt)) in enumerate(SCENES.items())})


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_lost(house, scenes, name):
    scene, kind = scenes[name], SCENES[name][0]
    got = scene.judge(kind)
    run, end = scene.victim.run, scene.end
    assert end["type"] == "finished", end
    table.add(name, kind, got.lost, got.repeated, got.shift, got.gap_ms, house.ear.missed(), "plays on")
    assert (got.lost, got.repeated, got.shift) == (0, 0, 0), got
    assert got.worst > 0.7, f"a frame that is not what it should be: {got}"
    assert end["frames"] == len(run.frames)
    if kind in PASSED or TRANSCODED[kind].exact:
        assert len(run.frames) == frames_of(len(sound.reference(scene.path)))
    restarted = scene.victim.codes()
    assert set(restarted) <= {"worker_restarted"}
    assert len(restarted) == {"kill -9, and its successor too": 2, "kill -9 five times": 5,
                              "SIGSTOP for a second": 0}.get(name, 1)


def test_nobody_else_noticed(house, scenes):
    house.check()
    house.check_calm()
