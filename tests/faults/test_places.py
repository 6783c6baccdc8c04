"""Media that kill the worker: once it may have been anything, twice a span is skipped, three times it is over."""
import pytest

import figures
import table
from house import play_scenes
from lib import DEADLINE, FRAME
from lib.client import Client, new_channel
from places import DOOMS, PLACE, SKIPPED

ONCE = ("dies once at a place", "dies once while it opens", "needs more memory than it may have", "hangs",
        "is in a loop")
TWICE = ("dies at a place every time", "passed through, dies at a place every time")
ENDLESS = "dies on every frame"
OPENING = "dies whenever it opens"
NEXT = "the next source kills the worker"


def follow_by_a_killer(doomed):
    def hurt(victim):
        victim.wait(10)
        tag = victim.client.control.send("play", channel_id=str(victim.channel), url=doomed[OPENING], next=True)
        error = victim.client.control.answer(tag, 2 * DEADLINE)
        assert (error["type"], error["code"]) == ("error", "worker_crashed"), error
    return hurt


@pytest.fixture(scope="module")
def scenes(house, doomed):
    playing = {name: (doomed[name], lambda victim: None) for name in (*ONCE, *TWICE, ENDLESS)}
    playing[NEXT] = (house.media.wav(3.0), follow_by_a_killer(doomed))
    return play_scenes(house, playing)


def note(house, scenes, name, then):
    kind = DOOMS[name][0] if name in DOOMS else "wav"
    got = scenes[name].judge(kind)
    table.add(name, kind, got.lost, got.repeated, got.shift, got.gap_ms, house.ear.missed(), then)
    return got


@pytest.mark.parametrize("name", ONCE)
def test_once(house, scenes, name):
    """Another worker tries again, and nothing is lost."""
    got = note(house, scenes, name, "plays on")
    assert scenes[name].end["type"] == "finished", scenes[name].end
    assert (got.lost, got.repeated, got.shift) == (0, 0, 0) and got.worst > 0.7, got
    assert scenes[name].victim.codes() == ["worker_restarted"]


@pytest.mark.parametrize("name", TWICE)
def test_twice(house, scenes, name):
    """The span is skipped, said so, and the music goes on behind it."""
    got = note(house, scenes, name, "`span_skipped`")
    assert scenes[name].end["type"] == "finished", scenes[name].end
    codes = scenes[name].victim.codes()
    assert codes.count("span_skipped") == 1 and codes.count("worker_restarted") == 2, codes
    assert got.lost == SKIPPED // FRAME and got.shift == -SKIPPED and got.repeated == 0, got


def test_three_times(house, scenes):
    """What was made is heard to its end, then the play is over and says why."""
    got = note(house, scenes, ENDLESS, "`worker_crashed`")
    end, victim = scenes[ENDLESS].end, scenes[ENDLESS].victim
    assert (end["type"], end["code"]) == ("error", "worker_crashed"), end
    assert victim.codes().count("worker_restarted") == 2
    assert (got.lost, got.repeated, got.shift) == (0, 0, 0), got
    assert len(victim.run.frames) == PLACE // FRAME, "what had been made was not heard"


def test_opening_kills(house, doomed):
    with Client(house.daemon, None) as client:
        error = client.ask("play", new_channel(), url=doomed[OPENING])
        assert (error["type"], error["code"]) == ("error", "worker_crashed"), error
    table.add(OPENING, DOOMS[OPENING][0], 0, 0, 0, 0, house.ear.missed(), "`worker_crashed`")


def test_a_next_that_kills(house, scenes):
    """The play that is heard comes to its end all the same."""
    got = note(house, scenes, NEXT, "plays on")
    assert scenes[NEXT].end["type"] == "finished", scenes[NEXT].end
    assert (got.lost, got.repeated, got.shift) == (0, 0, 0) and got.worst > 0.7, got


def test_nobody_else_noticed(house, scenes):
    house.check()
    house.check_calm()
