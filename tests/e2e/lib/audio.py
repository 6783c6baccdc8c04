"""An audio connection: frames are parsed as they come and kept by channel."""
import json
import socket
import struct
import threading
import time
from typing import NamedTuple

from lib import DEADLINE

HEADER = struct.Struct(">IQI")
MAX_PACKET = 1275


class Frame(NamedTuple):
    channel: int
    sequence: int
    data: bytes
    at: float


class Mark(NamedTuple):
    """What the daemon says in band of the frames that follow."""
    channel: int
    sequence: int
    play_id: str
    position: int  # samples

    @classmethod
    def read(cls, frame):
        channel, position = struct.unpack_from(">QQ", frame.data)
        return cls(channel, frame.sequence, frame.data[16:].decode(), position)


class Run:
    """The frames of one play as they were delivered."""

    def __init__(self):
        self.frames = []
        self.end = None  # the end marker
        self.marks = []

    @property
    def packets(self):
        return [frame.data for frame in self.frames]

    @property
    def sequences(self):
        return [frame.sequence for frame in self.frames]

    def check(self, first=0):
        """Gapless from its first frame to its end marker."""
        want = list(range(first, first + len(self.frames)))
        assert self.sequences == want, f"sequence broken: {self.sequences[:5]}…{self.sequences[-5:]}"
        if self.end is not None:
            assert self.end.sequence == first + len(self.frames), "wrong sequence of the end marker"


class Audio:
    """A reader thread takes what comes, except while hold() says to leave it."""

    def __init__(self, daemon, client=None, flow=None, **options):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(daemon.audio if hasattr(daemon, "audio") else str(daemon))
        self.frames = []
        self.runs = {}
        self.closed = False
        self.broken = None
        self._news = threading.Condition()
        self._reading = threading.Event()
        self._reading.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if client is not None:
            self.attach(client, flow, **options)

    def _read(self):
        self.sock.settimeout(None)
        buffer = bytearray()
        while True:
            self._reading.wait()
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            now = time.monotonic()
            with self._news:
                buffer += data
                try:
                    self._parse(buffer, now)
                except ValueError as problem:
                    self.broken = str(problem)
                self.closed = self.closed or not data
                self._news.notify_all()
            if not data or self.broken:
                return

    def _parse(self, buffer, now):
        at = 0
        while len(buffer) - at >= HEADER.size:
            length, channel, sequence = HEADER.unpack_from(buffer, at)
            if not 12 <= length <= 12 + MAX_PACKET:
                raise ValueError(f"frame length {length}")
            if len(buffer) - at < 4 + length:
                break
            data = bytes(buffer[at + HEADER.size:at + 4 + length])
            self._take(Frame(channel, sequence, data, now))
            at += 4 + length
        del buffer[:at]

    def _take(self, frame):
        self.frames.append(frame)
        mark = Mark.read(frame) if frame.channel == 0 and frame.data else None
        runs = self.runs.setdefault(mark.channel if mark else frame.channel, [])
        if not runs or runs[-1].end is not None:
            runs.append(Run())
        if mark:
            runs[-1].marks.append(mark)
        elif frame.data:
            runs[-1].frames.append(frame)
        else:
            runs[-1].end = frame

    # Sending

    def send(self, **message):
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def attach(self, client, flow, **options):
        """Attach and wait for the confirmation, which comes before any frame."""
        self.send(type="attach", client=client, flow=flow, **options)
        self.wait_for(lambda: self.frames, "confirmation of the attachment")
        first = self.frames[0]
        assert (first.channel, first.sequence, first.data) == (0, 0, b""), first

    def credit(self, channel, frames):
        self.send(type="credit", channel_id=str(channel), frames=frames)

    # Waiting

    def wait_for(self, accept, what, seconds=DEADLINE):
        end = time.monotonic() + seconds
        with self._news:
            while not accept():
                assert self.broken is None, self.broken
                assert not self.closed, f"audio closed while waiting for {what}"
                left = end - time.monotonic()
                assert left > 0 and self._news.wait(left), f"no {what} in time"

    def count(self, channel):
        """Frames with audio in them, over all plays of the channel."""
        return sum(len(run.frames) for run in self.runs.get(channel, ()))

    def wait_frames(self, channel, count, seconds=DEADLINE):
        def enough():
            return self.count(channel) >= count
        self.wait_for(enough, f"{count} frames in {channel} (have {self.count(channel)})", seconds)

    def wait_ends(self, channel, count=1, seconds=DEADLINE):
        """Wait for the count-th end marker; returns that run."""
        def ended():
            return len(self.runs.get(channel, ())) >= count and self.runs[channel][count - 1].end
        self.wait_for(ended, f"end marker {count} in {channel}", seconds)
        return self.runs[channel][count - 1]

    def wait_closed(self, seconds=DEADLINE):
        with self._news:
            assert self._news.wait_for(lambda: self.closed, seconds), "the daemon did not close"

    def quiet(self, channel, seconds=0.25):
        """The number of frames that arrive in a channel which should be silent."""
        before = self.count(channel)
        time.sleep(seconds)
        return self.count(channel) - before

    def hold(self):
        """Stop reading. One read that is under way may still end."""
        self._reading.clear()

    def go_on(self):
        self._reading.set()

    def check(self):
        """What holds for every frame ever sent."""
        assert self.broken is None, self.broken
        with self._news:
            for frame in self.frames:
                assert frame.channel != 0 or frame.data or frame.sequence == 0, frame
            for channel, runs in self.runs.items():
                assert channel == 0 or all(run.frames for run in runs), (
                    f"an end marker without a frame in {channel}")

    def close(self):
        self.go_on()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(DEADLINE)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
        if kind is None:
            self.check()
