"""SIGTERM and SIGINT: every session is told, nothing stays behind."""
import os
import signal
import socket
import sys
import time

import pytest

from lib import BUILD, DEADLINE
from lib.client import Client
from lib.control import Control
from lib.daemon import Daemon
from lib.site import wait_until

HANG_OPEN = BUILD / "tests/sandbox/libhang_open.so"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sessions_are_told(new_daemon, media, number):
    """stopped / shutdown for each, the end in band, exit 0, and nothing left."""
    daemon = new_daemon()
    client, paced = Client(daemon), Client(daemon, "paced")
    plays = [client.start(media.wav(2.0, n), credit=20) for n in range(3)]
    plays.append(client.start(media.opus(2.0), credit=20, paused=True))
    live = paced.start(media.wav(20.0))
    for started in plays[:3]:
        client.audio.wait_frames(started["channel"], 20)
    paced.audio.wait_frames(live["channel"], 5)
    begin = time.monotonic()
    daemon.signal(number)
    for one, started in [*((client, s) for s in plays), (paced, live)]:
        end = one.control.terminal(started["play_id"])
        assert (end["type"], end["reason"]) == ("stopped", "shutdown")
    for started in plays[:3]:
        run = client.audio.wait_ends(started["channel"])
        run.check()
        assert run.end.sequence == 20
    paced.audio.wait_ends(live["channel"]).check()
    for one in (client, paced):
        one.control.wait_closed()
        one.control.check_all_ended()
        one.audio.wait_closed()
        one.close(check=False)
    daemon.stop()
    # Two seconds are promised; a busy machine is given more before it counts as broken.
    assert time.monotonic() - begin < 2 + DEADLINE / 2


# Becomes a program in the foreground of a terminal: the first that the leader of a session opens is its own.
IN_TERMINAL = "import os, sys; os.setsid(); os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"


def test_ctrl_c_is_for_the_daemon(media):
    """It ends its children in order. They share its session, and with it its part of the processor."""
    hand, tty = os.openpty()
    daemon = Daemon(media=[media.root], wrapper=[sys.executable, "-c", IN_TERMINAL, os.ttyname(tty)])
    try:
        daemon.start()
        with Client(daemon, "paced") as client:
            started = client.start(media.wav(20.0))
            client.audio.wait_frames(started["channel"], 5)
            pid = daemon.process.pid
            zygote, *workers = [p.pid for p in (daemon.zygote(), *daemon.workers())]
            assert {os.getsid(p) for p in (zygote, *workers)} == {pid}
            assert {os.getpgid(p) for p in workers} == {zygote} != {pid}
            daemon.family = daemon.processes()
            os.write(hand, b"\x03")
            assert client.control.terminal(started["play_id"])["reason"] == "shutdown"
        assert daemon.wait() == 0 and "died" not in daemon.stderr()
        daemon.check_nothing_left()
    finally:
        daemon.kill()
        os.close(hand)
        os.close(tty)


def test_ends_promptly_when_idle(new_daemon):
    daemon = new_daemon()
    with Control(daemon) as control:
        control.sync()
    daemon.stop()


def test_connections_that_do_not_read_do_not_delay_it(new_daemon, media):
    daemon = new_daemon()
    client = Client(daemon, "paced")
    client.audio.hold()
    for n in range(8):
        client.start(media.opus(20.0, n % 2))
    time.sleep(0.5)
    daemon.stop()
    client.audio.go_on()
    client.close(check=False)


def test_a_second_signal_does_no_harm(new_daemon, media):
    daemon = new_daemon()
    with Client(daemon) as client:
        client.start(media.wav(2.0))
        daemon.signal()
        try:
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.send_signal(signal.SIGINT)
        except ProcessLookupError:
            pass
        client.control.wait_closed()
    daemon.stop()


def test_while_plays_are_opening(new_daemon, media):
    """Plays in every stage have one end each: stopped shutdown, or shutting_down."""
    daemon = new_daemon()
    with Client(daemon) as client:
        tags = client.control.send_together(*[("play", {"channel_id": str(n), "url": media.wav(2.0)})
                                              for n in range(1, 31)])
        client.control.answer(tags[0])
        daemon.signal()
        client.control.wait_closed()
        ended = client.control.check()
        for play in client.control.plays:
            if client.control.of_play(play):
                end = ended[play]
                assert end.get("reason") == "shutdown" or end.get("code") == "shutting_down", end
    daemon.stop()


def test_answers_that_nobody_reads_do_not_hold_it_up(new_daemon):
    """More than the socket takes waits for a client that does not read, and is left behind."""
    daemon = new_daemon()
    with socket.socket(socket.AF_UNIX) as deaf, Control(daemon) as control:
        deaf.settimeout(DEADLINE)
        deaf.connect(daemon.control)
        deaf.sendall(b'{"type":"stats"}\n' * 1500)
        control.sync()  # another connection: the daemon has come round to the lines before
        daemon.stop()


@pytest.mark.skipif(not HANG_OPEN.exists(), reason="a sanitizer must be loaded first")
def test_a_file_system_that_hangs_does_not_hold_it_up(new_daemon, tmp_path):
    """A thread that never comes back from opening a file is left behind, not waited for."""
    daemon = new_daemon(roots=[tmp_path], env={"LD_PRELOAD": str(HANG_OPEN)})
    with Control(daemon) as control:
        control.send("play", channel_id="1", url=str(tmp_path / "song.hangs"))
        wait_until((tmp_path / "song.hangs.entered").exists, "the file being opened")
        daemon.signal()
        assert control.terminal(next(iter(control.plays)))["reason"] == "shutdown"
        daemon.stop()
    assert "is left behind" in daemon.stderr()
