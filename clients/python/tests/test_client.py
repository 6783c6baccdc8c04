"""The client against a real daemon: what is heard decides."""
import asyncio
import signal
import time

import pytest
from conftest import Clock, Daemon, heard_tone, until
from tutti_client import TuttiClient, TuttiError

CHANNEL = 81384788765712384


def connect(daemon, **options):
    return TuttiClient(runtime_dir=str(daemon.run), **options)


async def hears(clock, hertz, seconds=10):
    """Waits until the newest packets are that tone, or none come (None), twice in a row. Returns how loud it is."""
    end = time.monotonic() + seconds
    n_right = 0
    while True:
        before = len(clock.packets)
        await asyncio.sleep(0.25)
        newest = clock.packets[before:]
        heard = heard_tone(newest) if len(newest) > 5 else (None, 0)
        n_right = n_right + 1 if heard[0] == hertz else 0
        if n_right == 2:
            return heard[1]
        assert time.monotonic() < end, f"heard {heard} in {len(newest)} packets, wanted {hertz}"


def test_a_track_from_ready_to_its_heard_end(daemon, media, run):
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            events = []
            for name in ("ready", "finished", "stopped", "error"):
                player.on(name, lambda e: events.append((e["type"], len(clock.packets))))
            clock = Clock(player)
            play = await player.play(str(media / "short.wav"))
            assert play.duration == pytest.approx(1.0, abs=0.01) and player.current is play
            end = await play.wait()
            clock.stop()
            assert end["type"] == "finished" and end["frames"] == 51
            assert events[-1] == ("finished", 51), "finished came before the last packet was taken"
            assert play.position == pytest.approx(1.02, abs=0.03) or player.current is None
            assert heard_tone(clock.packets)[0] == 500
    run(main())


def test_replacing_next_skip_and_stop(daemon, media, run):
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(str(CHANNEL))
            clock = Clock(player)
            first = await player.play(str(media / "300.wav"))
            await hears(clock, 300)
            second = await player.play(str(media / "500.wav"))
            assert player.current is second and (await first.wait())["reason"] == "replaced"
            await hears(clock, 500)
            behind = await player.play(str(media / "800.wav"), next=True)
            assert not behind.is_ready
            await player.skip()
            await behind.ready()
            await hears(clock, 800)
            await player.stop()
            assert (await behind.wait())["reason"] == "stop" and player.current is None
            await hears(clock, None)
            clock.stop()
    run(main())


def test_pause_seek_and_volume(daemon, media, run):
    """The volume is the player's: it holds for a later play and one behind."""
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            await player.set_volume(0.1)
            clock = Clock(player)
            await player.play(str(media / "short.wav"))
            behind = await player.play(str(media / "500.wav"), next=True)
            await behind.ready()
            assert await hears(clock, 500) == pytest.approx(0.1 * 9000 / 32768, rel=0.3)
            await player.seek(20)
            await until(lambda: player.position >= 20, "the new place")
            assert player.position < 21
            await player.pause()
            n = len(clock.packets)
            await asyncio.sleep(0.3)
            assert len(clock.packets) <= n + 1 and player.paused
            await player.resume()
            await hears(clock, 500)
            await player.play(str(media / "300.wav"))
            assert await hears(clock, 300) == pytest.approx(0.1 * 9000 / 32768, rel=0.3)
            clock.stop()
    run(main())


def test_errors(daemon, media, run):
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            with pytest.raises(TuttiError, match="not_found.*none.wav"):
                await player.play(str(media / "none.wav"))
            with pytest.raises(TuttiError, match="no_session"):
                await player.seek(5)
            failing = await player.play(str(media / "none.wav"), next=True)
            with pytest.raises(TuttiError, match="not_found"):
                await failing.ready()
            with pytest.raises(ValueError):
                tutti.player(0)
            assert await player.status() is None and (await tutti.stats())["type"] == "stats"
        with pytest.raises(TuttiError, match="closed"):
            await player.play(str(media / "300.wav"))
    run(main())


def test_without_a_daemon(tmp_path, run):
    async def main():
        with pytest.raises(TuttiError, match="no_daemon"):
            await TuttiClient(runtime_dir=str(tmp_path)).connect()
        daemon = Daemon(tmp_path)
        tutti = TuttiClient(runtime_dir=str(daemon.run))
        coming = asyncio.create_task(tutti.connect(retry=True))
        await asyncio.sleep(0.3)
        daemon.start()
        await coming
        assert tutti.connected
        await tutti.close()
        daemon.stop()
    run(main())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_loses_no_track(daemon, media, run, how):
    """Planned or not: it goes on where it was, with its volume and the one behind it, and no end is told."""
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            ends = []
            for name in ("finished", "stopped", "error"):
                player.on(name, ends.append)
            clock = Clock(player)
            await player.set_volume(0.5)
            play = await player.play(str(media / "300.wav"), position=10)
            behind = await player.play(str(media / "500.wav"), next=True)
            await until(lambda: play.position > 11, "a second of it")
            await asyncio.to_thread(daemon.restart, how)
            await until(lambda: tutti.connected and play.position > 12, "what follows")
            assert await hears(clock, 300) == pytest.approx(0.5 * 9000 / 32768, rel=0.3)
            assert play.position < 16 and not ends and player.current is play
            await player.seek(29.5)
            await behind.ready()
            await hears(clock, 500)
            clock.stop()
    run(main())


def test_a_lost_control_connection_is_taken_up_again(daemon, media, run):
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            clock = Clock(player)
            play = await player.play(str(media / "300.wav"))
            client_id = tutti.id
            for lose in (tutti._drop_control, lambda: tutti._audio.close()):
                again = asyncio.get_running_loop().create_future()
                off = tutti.on("reconnected", lambda e: again.done() or again.set_result(e))
                lose()
                assert (await again)["replayed"] == 0
                off()
                await hears(clock, 300)
            assert tutti.id == client_id and player.current is play
            clock.stop()
    run(main())


def test_another_process_takes_over(daemon, media, run):
    """With the old id: what plays is adopted, and sounds; the older process is told, and stays away."""
    async def main():
        first = await connect(daemon).connect()
        await first.player(CHANNEL).play(str(media / "300.wav"))
        behind = await first.player(CHANNEL).play(str(media / "500.wav"), next=True)
        replaced = asyncio.get_running_loop().create_future()
        first.on("replaced", replaced.set_result)
        async with connect(daemon, client_id=first.id) as second:
            await replaced
            with pytest.raises(TuttiError, match="client_replaced"):
                await first.stats()
            player = second.player(CHANNEL)
            assert player.current and player.current.url.endswith("300.wav")
            clock = Clock(player)
            await hears(clock, 300)
            await player.skip()
            await hears(clock, 500)
            assert player.current.play_id == behind.play_id
            clock.stop()
            assert second.connected and not first.connected
        await first.close()
    run(main())


def test_a_play_that_nobody_waits_for_is_taken_back(daemon, media, run):
    """It never replaces later what is heard, silently or not."""
    async def main():
        async with connect(daemon) as tutti:
            player = tutti.player(CHANNEL)
            clock = Clock(player)
            heard = await player.play(str(media / "300.wav"))
            for _ in range(10):
                waiting = asyncio.create_task(player.play(str(media / "500.wav")))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            await tutti.stats()
            session = await player.status()
            assert session and session["play_id"] in (heard.play_id,) and "pending" not in session
            await hears(clock, 300)
            clock.stop()
    run(main())


def test_a_visitor_is_heard(daemon, media, run):
    """What another client plays in our channel for us is adopted."""
    async def main():
        async with connect(daemon) as tutti, connect(daemon) as visitor:
            player = tutti.player(CHANNEL)
            clock = Clock(player)
            await player.play(str(media / "300.wav"))
            await visitor._ask({"type": "play", "channel_id": str(CHANNEL), "url": str(media / "500.wav"),
                                "play_id": "visit", "keep_owner": True})
            await hears(clock, 500)
            assert player.current.play_id == "visit"
            await until(lambda: player.current.url.endswith("500.wav"), "its url")
            clock.stop()
    run(main())
