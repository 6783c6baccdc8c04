"""A real daemon, real media, and a clock that takes frames as discord.py does."""
import asyncio
import math
import os
import signal
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("TUTTI_BUILD", Path(__file__).parents[3] / "build"))
DEADLINE = 20.0


class Daemon:
    def __init__(self, directory, *options):
        self.run = directory / "run"
        self.run.mkdir(mode=0o700, exist_ok=True)
        self.options = [str(option) for option in options]
        self.process = None

    def start(self):
        self.process = subprocess.Popen([BUILD / "tuttid", "--runtime-dir", self.run, "--log-level", "error", *self.options],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.process.stdout.readline().startswith(b"ready"), "the daemon did not become ready"
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(DEADLINE)
        self.process.stdout.close()

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()


def tone(path, seconds, hertz):
    """A sine, which the decoded packets are told apart by: 48 kHz, stereo."""
    step = 2 * math.pi * hertz / 48000
    second = b"".join(struct.pack("<hh", *([int(9000 * math.sin(step * i))] * 2)) for i in range(48000))
    data = second * seconds
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, 2, 48000, 192000, 4, 16, b"data", len(data))
    path.write_bytes(head + data)
    return str(path)


@pytest.fixture(scope="session")
def media():
    with tempfile.TemporaryDirectory(prefix="tutti-python-") as name:
        root = Path(name)
        for hertz in (300, 500, 800, 1200):
            tone(root / f"{hertz}.wav", 30, hertz)
        tone(root / "short.wav", 1, 500)
        yield root


@pytest.fixture
def daemon(tmp_path, media):
    one = Daemon(tmp_path, "--media-root", media, "--client-grace", 5).start()
    yield one
    if one.process.poll() is None:
        one.stop()


class Clock:
    """Takes a packet every 20 ms, in a thread, as an AudioPlayer does."""

    def __init__(self, player, pace=0.02):
        self.player = player
        self.packets = []
        self._pace = pace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        due = time.monotonic()
        while not self._over.is_set():
            packet = self.player.read()
            if packet:
                self.packets.append(packet)
            due = max(due + self._pace, time.monotonic() - 0.1)
            time.sleep(max(0, due - time.monotonic()))

    def stop(self):
        self._over.set()
        self._thread.join(DEADLINE)


async def until(condition, what="it", seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        await asyncio.sleep(0.01)


@pytest.fixture
def run():
    """Runs a coroutine to its end, within a time."""
    return lambda coroutine, seconds=60: asyncio.run(asyncio.wait_for(coroutine, seconds))


def decode(packets):
    """What a listener hears, as samples of the left channel (libopus)."""
    import ctypes
    import ctypes.util
    opus = ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")
    opus.opus_decoder_create.restype = ctypes.c_void_p
    error = ctypes.c_int()
    decoder = ctypes.c_void_p(opus.opus_decoder_create(48000, 2, ctypes.byref(error)))
    out = (ctypes.c_int16 * (5760 * 2))()
    samples = []
    for packet in packets:
        n = opus.opus_decode(decoder, packet, len(packet), out, 5760, 0)
        assert n == 960, f"a packet of {n} samples"
        samples += out[0:2 * n:2]
    opus.opus_decoder_destroy(decoder)
    return samples


def strength(samples, hertz):
    """How loud this tone is in the samples: Goertzel's filter, 1 for a full sine."""
    step = 2 * math.pi * hertz / 48000
    twice, a, b = 2 * math.cos(step), 0.0, 0.0
    for sample in samples:
        a, b = sample + twice * a - b, a
    power = a * a + b * b - twice * a * b
    return math.sqrt(max(power, 0)) / (len(samples) * 16384) if samples else 0.0


def heard_tone(packets, among=(300, 500, 800, 1200)):
    """Which of these tones the packets are, and how loud; None for silence."""
    samples = decode(packets)[960:]
    levels = {hertz: strength(samples, hertz) for hertz in among}
    best = max(levels, key=levels.get)
    return (best, levels[best]) if levels[best] > 0.005 else (None, 0.0)
