"""Full houses, and processes that die."""
import os
import signal
import time

import pytest

from lib import DEADLINE, frames_of, opus, procs, sound
from lib.catalogue import TRANSCODED
from lib.client import PLENTY, Client, new_channel


def test_pool_exhausted(new_daemon, media):
    """The third channel is refused; replacing, and playing after a stop, are not."""
    with Client(new_daemon("--max-workers", 2)) as client:
        one, two = (client.start(media.wav(2.0, n), credit=10) for n in (1, 2))
        error = client.ask("play", new_channel(), url=media.wav(1.0))
        assert (error["type"], error["code"]) == ("error", "pool_exhausted")
        again = client.start(media.wav(1.0), one["channel"])
        assert client.control.terminal(one["play_id"])["reason"] == "replaced"
        behind = client.control.send("play", channel_id=again["channel_id"], url=media.wav(1.0, 3), next=True)
        client.control.sync()
        stats = client.expect("stats", "stats")["workers"]
        assert stats["max"] == 2
        client.expect("paused", "pause", two["channel"])
        error = client.ask("play", new_channel(), url=media.wav(1.0))
        assert error["code"] == "pool_exhausted", "a paused session keeps its seat"
        client.expect("stopped", "stop", two["channel"])
        client.play_through(media.wav(1.0)).check_complete(51)
        client.audio.credit(again["channel"], PLENTY)
        assert client.control.answer(behind)["type"] == "ready"


def test_seats_are_free_after_errors_and_ends(new_daemon, media):
    with Client(new_daemon("--max-workers", 1)) as client:
        for _ in range(5):
            error = client.ask("play", new_channel(), url=str(media.root / "nowhere.mp3"))
            assert error["code"] == "not_found"
            client.play_through(media.wav(0.5)).check_complete(frames_of(24000))


def assorted(media):
    """Short songs of several kinds: (path, number of frames)."""
    names = ["mp3-cbr", "flac", "vorbis", "wav-16", "alac"]
    paths = [media.make(name, TRANSCODED[name].recipe) for name in names] + [media.opus(2.0)]
    return [(path, frames_of(len(sound.reference(path)))) for path in paths]


@pytest.mark.long
def test_sixty_channels(new_daemon, media):
    """All seats, in credit flow: every frame, nothing dropped; the 61st is refused."""
    daemon = new_daemon()
    songs = assorted(media)
    with Client(daemon) as client:
        for turn in range(2):
            tags = [client.control.send("play", channel_id=str(n), url=songs[n % 6][0]) for n in range(1, 61)]
            ready = [client.control.answer(tag) for tag in tags]
            assert {e["type"] for e in ready} == {"ready"}, [e for e in ready if e["type"] != "ready"][:3]
            if turn == 0:  # later there is credit left, and nothing stays
                error = client.ask("play", new_channel(), url=songs[0][0])
                assert error["code"] == "pool_exhausted"
                assert client.expect("stats", "stats")["workers"]["busy"] >= 60
            for n in range(1, 61):
                client.audio.credit(n, PLENTY)
            for n, one in enumerate(ready, 1):
                end = client.control.terminal(one["play_id"])
                assert (end["type"], end["frames"]) == ("finished", songs[n % 6][1])
        for n in range(1, 61):
            for turn in (1, 2):
                run = client.audio.wait_ends(n, turn)
                run.check()
                assert len(run.frames) == songs[n % 6][1]
        assert client.expect("stats", "stats")["frames"]["dropped"] == 0


@pytest.mark.long
def test_sixty_paced_channels(new_daemon, media):
    """In real time: all frames, none dropped, hardly any late."""
    daemon = new_daemon()
    songs = assorted(media)
    with Client(daemon, "paced") as client:
        tags = [client.control.send("play", channel_id=str(n), url=songs[n % 6][0]) for n in range(1, 61)]
        for n, tag in enumerate(tags, 1):
            ready = client.control.answer(tag)
            assert ready["type"] == "ready", ready
            assert client.control.terminal(ready["play_id"])["frames"] == songs[n % 6][1]
            run = client.audio.wait_ends(n)
            run.check()
            assert len(run.frames) == songs[n % 6][1]
        frames = client.expect("stats", "stats")["frames"]
        assert frames["sent"] >= sum(songs[n % 6][1] for n in range(1, 61))
        assert frames["dropped"] == 0
        assert frames["underruns"] < frames["sent"] * 0.1, frames


def until(found, what):
    """What found() returns, as soon as it returns something."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError(f"no {what} in time")


def busiest(daemon):
    """The worker that has worked most; a seat's, not one that waits for work."""
    workers = daemon.workers()
    assert workers, "no worker below the daemon"
    return max(workers, key=lambda p: (p.ticks, p.start))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_dies(new_daemon, media, number):
    """Its channel gets worker_crashed or goes on by another worker; others lose nothing."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        plays = [client.start(media.wav(60.0, n), credit=25) for n in range(3)]
        for started in plays:
            client.audio.wait_frames(started["channel"], 25)
        victim = busiest(daemon)
        os.kill(victim.pid, number)
        assert not procs.wait_gone([victim]), "the dead worker was not reaped"
        for started in plays:
            client.audio.credit(started["channel"], PLENTY)
        ends = [client.control.terminal(started["play_id"], 40) for started in plays]
        hit = [s for s, end in zip(plays, ends) if end["type"] == "error"]
        restarted = [e["play_id"] for e in client.control.events if e.get("code") == "worker_restarted"]
        assert len(hit) + len(restarted) == 1, (hit, restarted)
        for started, end in zip(plays, ends):
            run = client.audio.wait_ends(started["channel"])
            run.check()
            if end["type"] == "error":
                assert end["code"] == "worker_crashed" and "\n" not in end["message"]
                assert end["play_id"] not in restarted
            else:
                assert (end["type"], end["frames"]) == ("finished", frames_of(60 * 48000))
        client.play_through(media.wav(1.0)).check_complete(51)
        again = client.start(media.wav(1.0), plays[0]["channel"], credit=PLENTY)
        assert client.control.terminal(again["play_id"])["frames"] == 51


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_nobody_hears_a_worker_die(new_daemon, media, kind):
    """Killed again and again, with no frame lost, repeated or shifted."""
    daemon = new_daemon()
    path = getattr(media, kind)(6.0)
    with Client(daemon, "paced") as client:
        undisturbed = client.start(path)
        started = client.start(path)
        for n in (40, 110, 180):
            client.audio.wait_frames(started["channel"], n)
            daemon.kill_all()
        ends = [client.control.terminal(one["play_id"]) for one in (undisturbed, started)]
        assert [end["type"] for end in ends] == ["finished", "finished"], ends
        codes = {e["code"] for e in client.control.of_play(started["play_id"]) if e["type"] == "warning"}
        assert codes == {"worker_restarted"}
        run = client.audio.wait_ends(started["channel"])
        run.check()
        assert ends[1]["frames"] == len(run.frames) == frames_of(6 * 48000)
        if kind == "wav":
            assert sound.lag_of(opus.decode(run.packets), sound.reference(path)) == 312
        else:
            assert run.packets == client.audio.wait_ends(undisturbed["channel"]).packets


def test_a_next_that_kills_the_worker(new_daemon, media):
    """The current play goes on to its end, whatever becomes of the next one."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        started = client.start(media.wav(20.0), credit=25)
        client.audio.wait_frames(started["channel"], 25)
        tag = client.control.send("play", channel_id=started["channel_id"], url=media.wav(1.0, 2), next=True)
        client.control.sync()
        daemon.kill_all()
        client.audio.credit(started["channel"], PLENTY)
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(20 * 48000)
        answer = client.control.answer(tag)
        assert answer["type"] == "ready" or answer["code"] == "worker_crashed", answer


def test_idle_workers_die(new_daemon, media):
    """Nobody notices: the next plays get others."""
    daemon = new_daemon("--warm-workers", 2)
    with Client(daemon) as client:
        for _ in range(3):
            client.play_through(media.wav(0.5)).check_complete(frames_of(24000))
            workers = daemon.workers()
            for proc in workers:
                os.kill(proc.pid, signal.SIGKILL)
            assert not procs.wait_gone(workers)
            for one in client.gather([media.wav(0.5), media.wav(1.0)]):
                assert one.end["type"] == "finished", one.end


def test_the_zygote_dies(new_daemon, media):
    """What plays goes on; new plays work again."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        plays = [client.start(media.wav(20.0, n), credit=10) for n in range(2)]
        before = ()
        for _ in range(3):
            zygote = until(lambda: daemon.zygote(before), "another zygote")
            before = daemon.processes()
            os.kill(zygote.pid, signal.SIGKILL)
            assert not procs.wait_gone([zygote])
            for one in client.gather([media.wav(1.0, n) for n in range(3)]):
                one.check_complete(51)
        for started in plays:
            client.audio.credit(started["channel"], PLENTY)
            assert client.control.terminal(started["play_id"])["frames"] == frames_of(20 * 48000)
            client.audio.wait_ends(started["channel"]).check()


def test_a_worker_that_is_stopped(new_daemon, media):
    """SIGSTOP for a moment: the frames in the ring go on, nothing is lost."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        started = client.start(media.wav(20.0), credit=10)
        client.audio.wait_frames(started["channel"], 10)
        client.wait_buffered(started["channel"], 1)
        worker = busiest(daemon)
        os.kill(worker.pid, signal.SIGSTOP)
        client.audio.credit(started["channel"], 100)
        client.audio.wait_frames(started["channel"], 30)
        os.kill(worker.pid, signal.SIGCONT)
        client.audio.credit(started["channel"], PLENTY)
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(20 * 48000)
        client.audio.wait_ends(started["channel"]).check()


def test_the_daemon_is_stopped_for_a_while(new_daemon, media):
    """SIGSTOP and SIGCONT: no burst to make up for it, no frame lost."""
    daemon = new_daemon()
    with Client(daemon, "paced") as client:
        started = client.start(media.wav(3.0))
        channel = started["channel"]
        client.audio.wait_frames(channel, 20)
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        daemon.process.send_signal(signal.SIGCONT)
        run = client.audio.wait_ends(channel)
        run.check()
        assert len(run.frames) == frames_of(3 * 48000)
        times = [f.at for f in run.frames]
        pause = max(range(1, len(times)), key=lambda n: times[n] - times[n - 1])
        assert times[pause] - times[pause - 1] > 0.7
        # At most the five frames of catching up, then the schedule goes on.
        for n in range(pause, len(times)):
            assert times[n] - times[pause] > (n - pause) * 0.02 - 0.2, "a burst after the stall"
        assert client.control.terminal(started["play_id"])["type"] == "finished"


def test_rings_fill_while_nothing_is_taken(new_daemon, media):
    """To the configured depth, whatever was taken at the start; then the workers sleep."""
    daemon = new_daemon("--buffer", 3)
    with Client(daemon) as client:
        channels = [client.start(media.wav(20.0, n % 3), credit=n)["channel"] for n in range(1, 17)]
        for channel in channels:
            client.wait_buffered(channel, 2.9)
        before = {p.pid: p.ticks for p in daemon.workers()}
        time.sleep(0.5)
        busy = [p for p in daemon.workers() if p.ticks - before.get(p.pid, p.ticks) > 5]
        assert not busy, f"workers with nothing to do use the processor: {busy}"


def test_workers_bear_their_name(daemon, media):
    """A supervisor can find them: tutti-worker is in the name of zygote and workers."""
    with Client(daemon) as client:
        client.start(media.wav(1.0))
        names = {p.name for p in daemon.processes()}
        assert any(name.startswith("tutti-worker") for name in names), names
        for proc in daemon.workers():
            with open(f"/proc/{proc.pid}/environ", "rb") as file:
                names = [entry.split(b"=")[0] for entry in file.read().split(b"\0") if entry]
                assert not [n for n in names if not n.endswith(b"SAN_OPTIONS")], "a worker's environment is empty"


def test_many_short_plays(new_daemon, media):
    """Workers are used again: hundreds of plays leave processes and descriptors bounded."""
    daemon = new_daemon("--max-workers", 8)
    with Client(daemon) as client:
        client.gather([media.wav(0.1, n % 3) for n in range(8)])
        limit = 2 * 8 + 2 + 1  # two a seat while one takes over, the warm ones, the zygote
        for _ in range(25):
            for one in client.gather([media.wav(0.1, n % 3) for n in range(8)]):
                one.check_complete(frames_of(4800))
        client.control.sync()
        assert len(daemon.processes()) <= limit
        assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 30 + 4 * limit
