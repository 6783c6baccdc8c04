"""A whole call without Discord: demo_call.py FILE OUT

Starts a stand-in for Discord's voice server and a daemon of its own, lets that join the call and play FILE, and
writes to OUT, as Ogg Opus, what a member who listens would have heard. See script/demo --voice.
"""

import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "voice"))

from standin import FRAME, SILENCE, Standin  # noqa: E402

BOT, GUILD, CHANNEL = "80351110224678912", "41771983423143937", "127121515262115840"
LAST_WORDS_S = 5    # until the silence behind the last frame must be there
PRE_SKIP = 312


def crc_table():
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
        yield value


CRC = list(crc_table())


def page(serial, number, flags, granule, packet):
    """An Ogg page (RFC 3533) with one packet, which is shorter than 255 × 255 bytes."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(lacing)) + lacing
    crc = 0
    for byte in head + packet:
        crc = (crc << 8 & 0xFFFFFFFF) ^ CRC[crc >> 24 ^ byte]
    return head[:22] + struct.pack("<I", crc) + head[26:] + packet


def write_ogg(path, packets):
    """Ogg Opus (RFC 7845) of packets of 20 ms."""
    serial = random.getrandbits(32)
    with open(path, "wb") as out:
        out.write(page(serial, 0, 2, 0, struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, PRE_SKIP, 48000, 0, 0)))
        out.write(page(serial, 1, 0, 0, struct.pack("<8sI5sI", b"OpusTags", 5, b"Tutti", 0)))
        for i, packet in enumerate(packets):
            out.write(page(serial, i + 2, 4 if i == len(packets) - 1 else 0, (i + 1) * FRAME, packet))


def heard(session):
    """What the member's player is given: a packet for each step of the time stamp, silence where none came."""
    packets, last = [], None
    for packet in session.packets:
        if last is not None:
            packets += [SILENCE] * ((packet.timestamp - last) % 2**32 // FRAME - 1)
        packets.append(packet.opus)
        last = packet.timestamp
    return packets


class Control:
    """The daemon's control socket: one command, then its events."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rw")

    def send(self, **command):
        self.lines.write(json.dumps({"channel_id": CHANNEL, **command}) + "\n")
        self.lines.flush()

    def wait(self, *kinds):
        """The next event of these kinds, which are types or a call's states."""
        for line in self.lines:
            event = json.loads(line)
            if event["type"] == "error" or event.get("state") == "closed":
                sys.exit(f"demo_call.py: {event['message']}")
            if event["type"] in kinds or event.get("state") in kinds:
                return event
        sys.exit("demo_call.py: the daemon has ended")


def play(control, standin, file):
    """Joins, plays to the end, leaves. Returns the event of the end and the call as the stand-in saw it."""
    control.send(type="connect", guild_id=GUILD, user_id=BOT, session_id="demo", token="demo", endpoint=standin.endpoint())
    control.wait("ready")
    session = standin.sessions[-1]
    print(f"In the call: {session.mode}, playing {Path(file).name}", flush=True)
    control.send(type="play", url=str(file))
    end = control.wait("finished", "stopped")
    deadline = time.monotonic() + LAST_WORDS_S
    while session.speaking[-1][1] and time.monotonic() < deadline:
        time.sleep(0.02)
    control.send(type="disconnect")
    control.wait("disconnected")
    return end, session


def main():
    file, out = Path(sys.argv[1]).resolve(), sys.argv[2]
    build = Path(os.environ.get("TUTTI_BUILD", ROOT / "build"))
    with tempfile.TemporaryDirectory(prefix="tutti-call.") as work:
        standin = Standin(work)
        command = [build / "tuttid", "--runtime-dir", work, "--media-root", file.parent, "--allow-private-hosts",
                   "--voice-host", "localhost", "--log-level", "warn"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "SSL_CERT_FILE": str(standin.ca)}) as daemon:
            try:
                if not daemon.stdout.readline().startswith(b"ready"):
                    sys.exit("demo_call.py: tuttid did not become ready")
                end, session = play(Control(Path(work) / "control.sock"), standin, file)
            finally:
                daemon.terminate()
        standin.stop()
        write_ogg(out, heard(session))
    print(f"{end['frames']} frames were played, {len(session.heard())} packets of sound arrived -> {out}")
    if session.problems:
        sys.exit("demo_call.py: " + "; ".join(session.problems))


main()
