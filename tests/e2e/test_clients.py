"""Who owns a session, and what becomes of it when its client goes away and comes back."""
import grp
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib import DEADLINE, sound
from lib.audio import Audio
from lib.client import PLENTY, Client
from lib.control import Control
from lib.network import bot, net, server  # noqa: F401

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")


def come_back(daemon, client):
    """A new control connection that says it is that client again: (connection, hello)."""
    control = Control(daemon)
    return control, control.expect("hello", "hello", client=client)


def test_sessions_hold_while_the_client_is_away(daemon, media):
    """And go on with the next frame when it is back; the audio connection stays attached."""
    client = Client(daemon)
    started = client.start(media.wav(2.0), credit=30)
    channel = started["channel"]
    client.audio.wait_frames(channel, 30)
    client.control.close()
    with Control(daemon) as other:
        # Nobody owns it now, but anybody may look.
        other.wait_for(lambda e: True, "hello")
        client.audio.credit(channel, 10)
        assert client.audio.quiet(channel) == 0, "frames for a client that is away"
        listed = other.expect("status", "status", channel_id=str(channel))["sessions"]
        assert [s["play_id"] for s in listed] == [started["play_id"]]
    control, hello = come_back(daemon, client.control.client)
    assert hello["client"] == client.control.client
    assert [s["play_id"] for s in hello["sessions"]] == [started["play_id"]]
    client.audio.wait_frames(channel, 40)
    client.audio.credit(channel, PLENTY)
    end = control.terminal(started["play_id"])
    assert (end["type"], end["frames"]) == ("finished", 101)
    run = client.audio.wait_ends(channel)
    run.check()
    assert len(run.frames) == 101
    control.close()
    client.audio.close()


def test_a_paused_session_stays_paused(daemon, media):
    client = Client(daemon)
    started = client.start(media.wav(1.0), paused=True, credit=PLENTY)
    client.control.close()
    control, hello = come_back(daemon, client.control.client)
    assert [s["state"] for s in hello["sessions"]] == ["paused"]
    assert client.audio.quiet(started["channel"]) == 0
    control.expect("resumed", "resume", channel_id=started["channel_id"])
    assert control.terminal(started["play_id"])["frames"] == 51
    control.close()
    client.audio.close()


def test_an_older_connection_of_that_id_is_closed(daemon, media):
    client = Client(daemon)
    started = client.start(media.wav(1.0), credit=10)
    client.audio.wait_frames(started["channel"], 10)
    control, hello = come_back(daemon, client.control.client)
    client.control.wait_closed()
    assert len(hello["sessions"]) == 1
    client.audio.credit(started["channel"], PLENTY)
    assert control.terminal(started["play_id"])["frames"] == 51
    client.audio.wait_ends(started["channel"]).check()
    control.close()
    client.audio.close()


def test_a_client_without_sessions_may_come_back_too(new_daemon):
    """Its id is its own for the grace time, and nobody's after it."""
    daemon = new_daemon("--client-grace", 1)
    first = Control(daemon)
    first.close()
    control, hello = come_back(daemon, first.client)
    assert (hello["client"], hello["sessions"]) == (first.client, [])
    control.close()
    deadline = time.monotonic() + DEADLINE
    while hello["client"] == first.client:
        assert time.monotonic() < deadline, "the id is known for ever"
        time.sleep(1.2)
        control, hello = come_back(daemon, first.client)
        control.close()


def test_a_play_that_was_not_ready_waits_for_its_client(net, server, bot, media):
    """In a channel that is another's yet. `ready`, with its tag, goes to the connection that took over."""
    released = threading.Event()
    server.add("/heir.wav", Path(media.wav(2.0, 2)).read_bytes(), type="audio/wav",
               guard=lambda request: None if released.wait(DEADLINE) else 500)
    held = bot.start(media.wav(1.0), paused=True)
    channel = held["channel_id"]
    gone = Control(net)
    tag = gone.send("play", channel_id=channel, url=server.url("/heir.wav"), play_id="heir")
    gone.sync()
    gone.close()
    bot.control.sync()
    control, hello = come_back(net, gone.client)
    assert hello["client"] == gone.client
    control.tags[tag] = "play"
    released.set()
    ready = control.answer(tag)
    assert (ready["type"], ready["play_id"]) == ("ready", "heir")
    assert bot.control.terminal(held["play_id"])["reason"] == "replaced"
    assert control.expect("stopped", "stop", channel_id=channel)["play_id"] == "heir"
    control.close()


def test_a_visitor_leaves_the_channel_its_owner(client, media):
    """keep_owner: its play goes to the bot that has the channel, frames and events, and stays when the visitor goes."""
    before = client.start(media.wav(2.0), credit=25)
    channel = before["channel"]
    client.audio.wait_frames(channel, 25)
    with Control(client.daemon) as visitor:
        visitor.expect("ready", "play", channel_id=str(channel), url=media.wav(1.0, 2), play_id="visit", keep_owner=True)
        assert "tag" not in client.control.wait("ready", play_id="visit")
        assert client.control.terminal(before["play_id"])["reason"] == "replaced"
        assert visitor.expect("hello", "hello")["sessions"] == [], "the visitor owns it"
    client.audio.credit(channel, PLENTY)
    assert client.control.terminal("visit")["type"] == "finished"
    run = client.audio.wait_ends(channel, 2)
    run.check()
    sound.check_transcoded(run.packets, sound.reference(media.wav(1.0, 2)))


@pytest.mark.parametrize("unknown", ["nobody", "", "x" * 500])
def test_an_unknown_id_gets_a_fresh_one(daemon, unknown):
    with Control(daemon) as control:
        answer = control.expect("hello", "hello", client=unknown)
        assert answer["client"] and answer["client"] != unknown
        assert answer["sessions"] == []


def test_ids_cannot_be_guessed_by_counting(daemon):
    """Whoever knows an id is that client: neighbours must not follow from it."""
    with Control(daemon) as one, Control(daemon) as two:
        assert len(one.client) >= 8, one.client
        same = sum(a == b for a, b in zip(one.client, two.client))
        assert same < len(one.client) - 1, (one.client, two.client)


def test_coming_back_with_an_attachment(daemon, media):
    """The returned client may also attach a new audio connection."""
    client = Client(daemon)
    started = client.start(media.wav(1.0), credit=10)
    client.audio.wait_frames(started["channel"], 10)
    client.control.close()
    client.audio.close()
    control, hello = come_back(daemon, client.control.client)
    assert len(hello["sessions"]) == 1
    with Audio(daemon, hello["client"], "paced") as audio:
        run = audio.wait_ends(started["channel"])
        assert run.end.sequence == 51 and run.sequences[0] == 10
    control.terminal(started["play_id"])
    control.close()


def test_client_gone(new_daemon, media):
    """After the grace time its sessions stop, and its seat is free again."""
    daemon = new_daemon("--client-grace", 1, "--max-workers", 1)
    client = Client(daemon)
    started = client.start(media.wav(2.0), credit=30)
    client.audio.wait_frames(started["channel"], 30)
    with Control(daemon) as watcher:
        watcher.expect("watching", "watch", on=True)
        client.control.close()
        end = watcher.terminal(started["play_id"])
        assert (end["type"], end["reason"]) == ("stopped", "client_gone")
        assert end["position"] == pytest.approx(0.6, abs=0.021)
        assert client.audio.wait_ends(started["channel"]).end.sequence == 30
        control, hello = come_back(daemon, client.control.client)
        assert hello["sessions"] == []
        again = control.expect("ready", "play", channel_id=started["channel_id"], url=media.wav(1.0))
        control.expect("stopped", "stop", channel_id=again["channel_id"])
        control.close()
    client.audio.close()


def test_back_within_the_grace_time(new_daemon, media):
    """The grace time starts anew with each departure."""
    daemon = new_daemon("--client-grace", 2)
    client = Client(daemon)
    started = client.start(media.wav(2.0), credit=10)
    control = client.control
    for _ in range(3):
        control.close()
        time.sleep(1)
        control, hello = come_back(daemon, client.control.client)
        assert [s["play_id"] for s in hello["sessions"]] == [started["play_id"]]
    client.audio.credit(started["channel"], PLENTY)
    assert control.terminal(started["play_id"])["frames"] == 101
    control.close()
    client.audio.close()


def test_modes_of_directory_and_sockets(daemon):
    for path, mode in ((daemon.dir, 0o700), (daemon.control, 0o600), (daemon.audio, 0o600)):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode, path
        assert os.stat(path).st_uid == os.getuid()


CONNECT_AS = """
import os, socket, sys
path, uid, groups = sys.argv[1], int(sys.argv[2]), [int(g) for g in sys.argv[3].split(",")]
os.setgroups(groups); os.setgid(groups[0]); os.setuid(uid)
sock = socket.socket(socket.AF_UNIX); sock.settimeout(10)
try:
    sock.connect(path)
    data = sock.recv(100)
except ConnectionResetError:
    data = b""
except PermissionError:
    data = b"refused by the file system"
print(data.decode()[:40])
"""


def connect_as(path, uid, *groups):
    """What another user is told at a socket; empty when it is closed at once."""
    done = subprocess.run([sys.executable, "-c", CONNECT_AS, path, str(uid), ",".join(map(str, groups))],
                          capture_output=True, text=True, timeout=DEADLINE + 5, check=True)
    return done.stdout.strip()


@AS_ROOT
def test_other_users_are_refused(new_daemon):
    """Even where somebody opened the modes, the daemon asks who is there."""
    daemon = new_daemon()
    os.chmod(daemon.base, 0o755)
    assert connect_as(daemon.control, 65534, 65534) == "refused by the file system"
    os.chmod(daemon.dir, 0o755)
    for path in (daemon.control, daemon.audio):
        os.chmod(path, 0o666)
        assert connect_as(path, 65534, 65534) == ""
    with Control(daemon) as control:
        control.sync()


@AS_ROOT
def test_members_of_the_group_are_welcome(new_daemon):
    group = grp.getgrnam("users")
    daemon = new_daemon("--socket-group", "users")
    os.chmod(daemon.base, 0o755)
    for path, mode in ((daemon.dir, 0o750), (daemon.control, 0o660), (daemon.audio, 0o660)):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode, path
        assert os.stat(path).st_gid == group.gr_gid, path
    assert '"hello"' in connect_as(daemon.control, 65534, 65534, group.gr_gid), "as a second group"
    assert '"hello"' in connect_as(daemon.control, 65534, group.gr_gid), "as the first group"
    assert connect_as(daemon.control, 65534, 65534) == "refused by the file system"
    os.chmod(daemon.dir, 0o755)
    os.chmod(daemon.control, 0o666)
    assert connect_as(daemon.control, 65534, 65534) == ""


def test_connections_that_say_nothing(daemon):
    """Silent, half-open and reset connections cost nobody anything."""
    socks = []
    for path in (daemon.control, daemon.audio) * 20:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        socks.append(sock)
    for sock in socks[::2]:
        sock.shutdown(socket.SHUT_WR)
    with Control(daemon) as control:
        control.sync()
    for sock in socks:
        sock.close()
    with Control(daemon) as control:
        control.sync()
