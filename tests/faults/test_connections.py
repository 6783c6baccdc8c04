"""Clients that fail: cut in the middle of anything, half-open, deaf, slow, and two hundred at once.

Sixty channels play meanwhile, and none of them notices.
"""
import json
import random
import socket
import time

import pytest

from lib import DEADLINE
from lib.client import Client, new_channel
from lib.control import Control

AT_ONCE = 200
ATTACH = {"type": "attach", "client": None, "flow": "paced"}


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(path)
    return sock


def line(**fields):
    return json.dumps(fields).encode() + b"\n"


@pytest.fixture(autouse=True)
def nobody_notices(house):
    yield
    house.check()
    house.check_calm()


def test_control_is_cut_anywhere(house):
    """A command arrives up to some byte, and the connection is gone."""
    song, dice = house.media.wav(1.0), random.Random(1)
    whole = line(type="hello") + line(type="play", channel_id=str(new_channel()), url=song, tag="t") + \
        line(type="volume", channel_id="77", level=0.5) + line(type="stop", channel_id="77")
    for _ in range(60):
        sock = connect(house.daemon.control)
        sock.sendall(whole[:dice.randrange(len(whole))])
        if dice.random() < 0.5:
            sock.recv(100)
        sock.close()
    with Control(house.daemon) as control:
        control.sync()


def test_audio_is_cut_anywhere(house):
    """While attaching, in the middle of credit lines, in the middle of frames."""
    dice, song = random.Random(2), house.media.opus(2.0)
    for turn in range(12):
        with Client(house.daemon, None) as client:
            attach = line(**{**ATTACH, "client": client.control.client, "flow": ("paced", "credit")[turn % 2]})
            started = client.control.expect("ready", "play", channel_id=str(new_channel()), url=song)
            credit = line(type="credit", channel_id=started["channel_id"], frames=7) * 5
            for data in (attach, attach + credit):
                sock = connect(house.daemon.audio)
                sock.sendall(data[:dice.randrange(1, len(data) + 1)])
                sock.settimeout(0.05)
                try:
                    sock.recv(dice.randrange(1, 3000))
                except TimeoutError:
                    pass
                sock.close()


def test_half_open(house):
    """Who has closed its sending half still hears; who has closed its receiving half is let go."""
    for how in (socket.SHUT_RD, socket.SHUT_WR):
        for path in (house.daemon.control, house.daemon.audio):
            for first in (b"", line(type="stats"), b'{"type":"at'):
                sock = connect(path)
                try:
                    sock.sendall(first)
                    sock.shutdown(how)
                    sock.sendall(line(type="status")) if how == socket.SHUT_RD else None
                except (BrokenPipeError, ConnectionResetError):
                    pass
                sock.close()
    with Control(house.daemon) as control:
        control.sync()


def test_one_byte_at_a_time(house):
    """Attaching and asking for frames, byte by byte."""
    with Client(house.daemon, None) as client:
        started = client.control.expect("ready", "play", channel_id=str(new_channel()), url=house.media.wav(1.0))
        sock = connect(house.daemon.audio)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for byte in line(type="attach", client=client.control.client, flow="credit") + \
                line(type="credit", channel_id=started["channel_id"], frames=60):
            sock.sendall(bytes([byte]))
        heard = bytearray()
        while len(heard) < 51 * 20:
            heard += sock.recv(1)
        sock.close()


def test_deaf_clients(house):
    """They command and listen, and read nothing of it."""
    deaf = []
    for turn in range(4):
        control = connect(house.daemon.control)
        client = json.loads(control.makefile("rb").readline())["client"]
        audio = connect(house.daemon.audio)
        audio.sendall(line(type="attach", client=client, flow="paced"))
        for _ in range(2):
            control.sendall(line(type="play", channel_id=str(new_channel()), url=house.songs["opus"]))
        deaf += [control, audio]
    end = time.monotonic() + 2
    while time.monotonic() < end:  # many answers, none of which is read
        for control in deaf[::2]:
            try:
                control.sendall(line(type="status") * 20)
            except (BrokenPipeError, ConnectionResetError):
                pass
    with Control(house.daemon) as control:
        control.sync()
        mine = [s for s in control.expect("status", "status")["sessions"] if s["url"] == house.songs["opus"]]
        for session in mine:
            if int(session["channel_id"]) not in house.ear.witness:
                control.expect("stopped", "stop", channel_id=session["channel_id"])
    for sock in deaf:
        sock.close()


def test_two_hundred_at_once(house):
    """Each is served; so are commands of all of them in one go."""
    controls = [Control(house.daemon) for _ in range(AT_ONCE)]
    try:
        tags = [[control.send("stats") for _ in range(10)] for control in controls]
        for control, sent in zip(controls, tags):
            for tag in sent:
                assert control.answer(tag)["type"] == "stats"
    finally:
        for control in controls:
            control.close()


def test_pending_commands_are_limited(house):
    """A channel whose commands cannot take effect refuses the hundredth with a clear error."""
    with Client(house.daemon) as client:
        started = client.start(house.media.wav(5.0), credit=20)
        client.audio.wait_frames(started["channel"], 20)
        commands = [("seek", {"channel_id": started["channel_id"], "position": n % 3}) for n in range(300)]
        tags = client.control.send_together(*commands)
        answers = [client.control.answer(tag) for tag in tags[64:]]
        refused = [a for a in answers if a["type"] == "error"]
        assert all(a["code"] == "internal" and "wait" in a["message"] for a in refused), refused[:2]
        assert {a["type"] for a in answers} <= {"error", "seeked"}
