"""What hits the whole daemon: the zygote dies, all workers die, the machine stands still."""
import os
import signal
import time

import table
from lib import procs

BURST_SLACK = 0.3  # seconds: the reader of sixty channels may be late itself


def hurt(house, fault, do, then="plays on"):
    """Does it, waits until the rings are full again, and notes what the channels felt."""
    marks = {channel: one.count for channel, one in house.ear.witness.items()}
    before = house.ear.missed()
    do()
    house.until(lambda: all(one.count > marks[c] + 50 for c, one in house.ear.witness.items()), "frames for all")
    house.settle()
    gaps = [1000 * max(b - a for a, b in zip(one.times[marks[c] - 1:], one.times[marks[c]:]))
            for c, one in house.ear.witness.items()]
    missed = house.ear.missed() - before
    table.add(fault, "all", 0 if missed == 0 else missed, 0, 0, max(gaps), missed, then)
    house.check()


def play_something(house):
    victim = house.victim(house.media.wav(1.0))
    assert victim.end()["type"] == "finished"
    victim.run.check()
    assert len(victim.run.frames) == 51


def kill_the_zygote(house):
    zygote = house.daemon.zygote()
    known = house.daemon.processes()
    os.kill(zygote.pid, signal.SIGKILL)
    house.until(lambda: house.daemon.zygote(known), "another zygote")


def test_the_zygote_dies(house):
    def do():
        kill_the_zygote(house)
        play_something(house)
    hurt(house, "kill -9 of the zygote", do)


def test_the_zygote_dies_again_and_again(house):
    def do():
        for _ in range(3):
            kill_the_zygote(house)
        play_something(house)
    hurt(house, "kill -9 of the zygote, three times in a row", do)


def test_all_workers_die(house):
    def do():
        house.ear.passed_only = True
        before = house.restarts()
        workers = house.daemon.workers()
        house.daemon.kill_all()
        assert not procs.wait_gone(workers)
        house.until(lambda: house.restarts() >= before + house.n_witnesses, "as many restarts")
    hurt(house, "kill -9 of every worker", do)


def test_zygote_and_all_workers_die(house):
    def do():
        house.ear.passed_only = True
        everybody = house.daemon.processes()
        for one in everybody:
            os.kill(one.pid, signal.SIGKILL)
        assert not procs.wait_gone(everybody)
        play_something(house)
    hurt(house, "kill -9 of the zygote and every worker", do)


def stand_still(pids, seconds):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)


def check_no_burst(house, since):
    """After the stall frames come at their pace; at most five a channel make up for it at once."""
    for one in house.ear.witness.values():
        times = [t for t in one.times if t > since]
        stall = max(range(1, len(times)), key=lambda n: times[n] - times[n - 1])
        assert times[stall] - times[stall - 1] > 0.7
        for n in range(stall, len(times)):
            assert times[n] - times[stall] > (n - stall - 5) * 0.02 - BURST_SLACK, "a burst after the stall"


def test_the_daemon_is_stopped(house):
    def do():
        since = time.monotonic()
        house.until(lambda: all(one.times[-1] > since for one in house.ear.witness.values()), "a frame for each")
        stand_still([house.daemon.process.pid], 2)
        marks = {c: one.count for c, one in house.ear.witness.items()}
        house.until(lambda: all(one.count > marks[c] + 50 for c, one in house.ear.witness.items()), "more")
        check_no_burst(house, since)
    hurt(house, "SIGSTOP of tuttid for two seconds", do, "the schedule is moved")


def test_everybody_is_stopped(house):
    def do():
        since = time.monotonic()
        house.until(lambda: all(one.times[-1] > since for one in house.ear.witness.values()), "a frame for each")
        stand_still([house.daemon.process.pid, *(p.pid for p in house.daemon.processes())], 2)
        marks = {c: one.count for c, one in house.ear.witness.items()}
        house.until(lambda: all(one.count > marks[c] + 50 for c, one in house.ear.witness.items()), "more")
        check_no_burst(house, since)
    hurt(house, "SIGSTOP of all processes for two seconds", do, "the schedule is moved")


def test_all_workers_are_stopped(house):
    def do():
        stand_still([p.pid for p in house.daemon.processes()], 1)
    hurt(house, "SIGSTOP of zygote and workers for a second", do)
