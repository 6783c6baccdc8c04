"""Clients that send more than anybody needs, or read nothing: they get what is theirs, and nobody else feels it."""
import json
import re
import socket
import time

import pytest

from lib import BUILD, DEADLINE
from lib.audio import Audio
from lib.client import Client, new_channel
from lib.control import Control

CONNECTIONS, ROUNDS = 24, 5
# Without limits these leave 25 frames of each channel for each of the deaf: 680 MB.
DEAF, CHANNELS, BATCHES, WAITING_FRAMES = 40, 100, 5, 25
WAITING_MB = 256  # what the daemon lets wait
SANITIZED = not (BUILD / "tests/sandbox/libhang_open.so").exists()
# What is answered in less than the 1 MiB that a connection may leave unread.
FLOODS = {
    "newlines": (b"\n" * 8000, "error"),
    "statuses": (b'{"type":"status"}\n' * 2500, "status"),
}


class Flooding:
    """A connection that sends many lines at once, and takes the answers afterwards."""

    def __init__(self, daemon):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(4 * DEADLINE)
        self.sock.connect(daemon.control)
        self.sock.recv(4096)  # hello

    def send(self, block):
        """Lines, with a command that has a tag before and behind."""
        self.sock.sendall(b'{"type":"stats","tag":"first"}\n' + block + b'{"type":"watch","on":false,"tag":"last"}\n')

    def take_answers(self):
        taken = bytearray()
        while not taken.endswith(b'"tag":"last"}\n'):
            data = self.sock.recv(1 << 20)
            assert data, "closed in the flood"
            taken += data
        return bytes(taken)


def check_answers(taken, n_lines, kind):
    """All are there, in order."""
    answers = [json.loads(line) for line in taken.splitlines()]
    assert len(answers) == n_lines + 2
    assert (answers[0]["type"], answers[0]["tag"]) == ("stats", "first")
    assert (answers[-1]["type"], answers[-1]["tag"]) == ("watching", "last")
    assert all(answer["type"] == kind and "tag" not in answer for answer in answers[1:-1])


def lateness(daemon):
    with Control(daemon) as control:
        return control.expect("stats", "stats")["lateness_us"]


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_commands(new_daemon, media, name):
    """All of it is answered in order, and meanwhile frames leave in time: nearly all of them wait for no more than a
    quarter of what all those lines take. What is wrong with them is not logged without end."""
    block, kind = FLOODS[name]
    daemon, took = new_daemon(), []
    floods = [Flooding(daemon) for _ in range(CONNECTIONS)]
    with Client(daemon, "paced") as paced, Control(daemon) as other:
        started = paced.start(media.wav(60.0))
        paced.audio.wait_frames(started["channel"], 5)
        for _ in range(ROUNDS):
            begin = time.monotonic()
            for flood in floods:
                flood.send(block)
            other.sync()
            taken = [flood.take_answers() for flood in floods]
            took.append(time.monotonic() - begin)
            for answers in taken:
                check_answers(answers, block.count(b"\n"), kind)
        late = lateness(daemon)
        paced.audio.runs[started["channel"]][0].check()
    for flood in floods:
        flood.sock.close()
    all_lines_us = sorted(took)[ROUNDS // 2] * 1e6
    print(f"all lines took {all_lines_us:.0f} us, lateness {late}")
    assert late["p99"] < all_lines_us / 4
    log_bytes = daemon.stderr_path.stat().st_size
    assert log_bytes < 100_000, f"{log_bytes} bytes of log"


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s*(\d+)", status.read())[1]) / 1024


def deaf_connection(daemon):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE)
    sock.connect(daemon.audio)
    return sock


@pytest.mark.long
@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed")
def test_frames_that_nobody_reads(new_daemon, media):
    """Connections that never read while plays come and go in ever new channels: what waits for them has a bound, and
    those that read get everything."""
    daemon = new_daemon("--max-workers", CHANNELS + 1)
    loud = media.opus(20.0, 5, "-b:a 510k -vbr off")  # packets of 1275 bytes, as large as they get
    with Client(daemon, "paced") as attached, Control(daemon) as control, Audio(daemon) as listener:
        deaf = [deaf_connection(daemon) for _ in range(DEAF)]
        lasting = attached.start(loud)["channel"]
        before, grown = resident_mb(daemon.process.pid), []
        for _ in range(BATCHES):
            channels = [new_channel() for _ in range(CHANNELS)]
            tags = control.send_together(*[("play", {"channel_id": str(c), "url": loud}) for c in channels])
            for channel, tag in zip(channels, tags):
                assert control.answer(tag)["type"] == "ready"
                listener.wait_frames(channel, WAITING_FRAMES + 60)  # a socket's buffer has room for some
            grown.append(resident_mb(daemon.process.pid) - before)
            tags = control.send_together(*[("stop", {"channel_id": str(c)}) for c in channels])
            for channel, tag in zip(channels, tags):
                assert control.answer(tag)["type"] == "stopped"
                listener.wait_ends(channel).check()
        print(f"grown by {grown} MB")
        attached.expect("stopped", "stop", lasting)
        attached.audio.wait_ends(lasting).check()
        for sock in deaf:
            sock.close()
        control.check_all_ended()
    assert max(grown) < 1.25 * WAITING_MB
