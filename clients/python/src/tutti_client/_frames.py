"""The records of the audio socket, and a channel's queue of them between the daemon and the clock that plays them."""
from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

RATE = 48_000
FRAME_SAMPLES = 960
_HEAD = struct.Struct(">IQI")
_MARK = struct.Struct(">QQ")
_RECORD_MAX = 65_536


@dataclass(slots=True)
class Frame:
    packet: bytes


@dataclass(slots=True)
class Mark:
    """Whose frames follow, and where in the source the first of them is."""

    play_id: str
    position: int  # [samples at 48 kHz]


@dataclass(slots=True)
class End:
    """The last frame of the play has come before."""


Item = Frame | Mark | End


class RecordParser:
    """Bytes in, (channel, item) out. Channel 0 with None is the confirmation of an attachment."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, Item | None]]:
        buffer = self._rest + data
        at = 0
        while len(buffer) - at >= 4:
            (length,) = struct.unpack_from(">I", buffer, at)
            if not 12 <= length <= _RECORD_MAX:
                raise ValueError(f"a record of {length} bytes")
            if len(buffer) - at < 4 + length:
                break
            _, channel, _ = _HEAD.unpack_from(buffer, at)
            body = buffer[at + _HEAD.size:at + 4 + length]
            at += 4 + length
            if channel:
                yield channel, Frame(body) if body else End()
            elif len(body) >= _MARK.size:
                channel, position = _MARK.unpack_from(body)
                yield channel, Mark(body[_MARK.size:].decode("utf-8", "replace"), position)
            else:
                yield 0, None
        self._rest = buffer[at:]


class FrameQueue:
    """One channel's frames. The audio thread puts, one clock takes (discord.py's thread, for example).

    Each frame that leaves the queue is credit for one more, whatever plays: no guess of what the daemon does
    stands between the channel and its credit.
    """

    def __init__(self, window: int, grant: Callable[[int], None], heard: Callable[[str, bool], None]) -> None:
        """`grant` gives the daemon so many frames of credit. `heard` is told, by the thread that takes, when the
        first frame of a play is due (False), and when its last one has been taken (True)."""
        self._window = window
        self._grant = grant
        self._heard = heard
        self._lock = threading.RLock()
        self._items: deque[Item] = deque()
        self._owed = 0
        self._held = False
        self._wake: Callable[[], None] | None = None
        self._dropped: set[str] = set()
        self._ended: deque[str] = deque(maxlen=64)  # whose end has come from the daemon
        self._coming: Mark | None = None
        self._playing: Mark | None = None
        self._taken_at = 0.0

    # Called by the audio thread

    def attached(self) -> None:
        """A new audio connection, whose credit is none yet."""
        with self._lock:
            self._owed = 0
            room = self._window - sum(isinstance(item, Frame) for item in self._items)
        if room > 0:
            self._grant(room)

    def put(self, item: Item) -> None:
        with self._lock:
            if isinstance(item, Mark):
                self._coming = Mark(item.play_id, item.position)
            elif isinstance(item, Frame):
                if self._coming:
                    self._coming.position += FRAME_SAMPLES
            elif self._coming:
                self._ended.append(self._coming.play_id)
            self._items.append(item)
            self._try_wake()

    # Called by the clock

    def take(self, idle: Callable[[], None] | None = None, wake: Callable[[], None] | None = None) -> bytes | None:
        """The next packet, or None where none is due. Then `idle` is called, and `wake` once when there is one:
        both with the queue locked, so that neither can overtake the other."""
        news: list[tuple[str, bool]] = []
        with self._lock:
            self._taken_at = time.monotonic()
            packet = None if self._held else self._next(news)
            if packet is None and idle:
                self._wake = wake
                idle()
            owed = self._owed
            if owed * 2 >= self._window or (owed and not self._items):
                self._owed = 0
            else:
                owed = 0
        if owed:
            self._grant(owed)
        for play_id, is_end in news:
            self._heard(play_id, is_end)
        return packet

    def _next(self, news: list[tuple[str, bool]]) -> bytes | None:
        while self._items:
            item = self._items.popleft()
            if isinstance(item, Mark):
                self._playing = item
                news.append((item.play_id, False))
            elif isinstance(item, End):
                if self._playing:
                    news.append((self._playing.play_id, True))
                    self._dropped.discard(self._playing.play_id)
                self._playing = None
            else:
                self._owed += 1
                if self._playing:
                    self._playing.position += FRAME_SAMPLES
                    if self._playing.play_id in self._dropped:
                        continue
                return item.packet
        return None

    # Called by the client

    def hold(self, held: bool) -> None:
        """While held, no packet is due; none is lost."""
        with self._lock:
            self._held = held
            self._try_wake()

    def drop(self, play_id: str) -> None:
        """What has come of this play is not to be heard any more."""
        with self._lock:
            self._dropped.add(play_id)

    def jump(self, play_id: str) -> None:
        """The play has gone elsewhere: of what has come, the frames before its newest mark are of the old place."""
        with self._lock:
            marks = [n for n, item in enumerate(self._items) if isinstance(item, Mark) and item.play_id == play_id]
            for _ in range(marks[-1] if marks else 0):
                item = self._items.popleft()
                self._owed += isinstance(item, Frame)

    def has_ended(self, play_id: str) -> bool:
        """Whether the daemon has said, among the frames, that no more of this play follow."""
        with self._lock:
            return play_id in self._ended

    def begin_again(self, play_id: str) -> None:
        """The play goes on with another daemon: an end that the last one said was none."""
        with self._lock:
            while play_id in self._ended:
                self._ended.remove(play_id)

    def is_heard_out(self, play_id: str) -> bool:
        """Whether nothing of the play waits here, or nobody takes it."""
        with self._lock:
            waits = (self._playing is not None and self._playing.play_id == play_id) or any(
                isinstance(item, Mark) and item.play_id == play_id for item in self._items)
            return not waits or not (self._held or time.monotonic() - self._taken_at < 2)

    def coming(self, play_id: str) -> float | None:
        """Where the first frame of the play would be that has not come yet [s]."""
        with self._lock:
            mark = self._coming
            return mark.position / RATE if mark and mark.play_id == play_id else None

    def playing(self, play_id: str) -> float | None:
        """Where the play is for its listener [s]."""
        with self._lock:
            mark = self._playing
            return mark.position / RATE if mark and mark.play_id == play_id else None

    def _try_wake(self) -> None:
        if self._wake and self._items and not self._held:
            wake, self._wake = self._wake, None
            wake()
