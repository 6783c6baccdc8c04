"""The audio connection: a thread of its own, so that music goes on while the bot's event loop is busy."""
from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping

from ._frames import FrameQueue, RecordParser


class AudioLink:
    def __init__(self, path: str, client_id: str, queues: Mapping[int, FrameQueue],
                 ended: Callable[["AudioLink"], None]) -> None:
        """`ended` is called by the thread when the connection is over and all that came over it is in the queues."""
        self._queues = queues
        self._ended = ended
        self._parser = RecordParser()
        self._send_lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._read, name="tutti-audio", daemon=True)
        try:
            self._socket.settimeout(10)
            self._socket.connect(path)
            self._send({"type": "attach", "client": client_id, "flow": "credit", "marks": True})
            self._await_confirmation()
            self._socket.settimeout(None)
        except BaseException:
            self._socket.close()
            raise

    def start(self) -> None:
        for queue in list(self._queues.values()):
            queue.attached()
        self._thread.start()

    def grant(self, channel: int, frames: int) -> None:
        try:
            self._send({"type": "credit", "channel_id": str(channel), "frames": frames})
        except OSError:
            pass  # the reading side finds out

    def close(self) -> None:
        """Ends it soon; what has arrived is still put into the queues."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _send(self, line: dict[str, object]) -> None:
        with self._send_lock:
            self._socket.sendall(json.dumps(line).encode() + b"\n")

    def _await_confirmation(self) -> None:
        while True:
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the daemon refused the audio connection")
            for channel, _ in self._parser.feed(data):
                if channel == 0:
                    return

    def _read(self) -> None:
        try:
            while data := self._socket.recv(65536):
                for channel, item in self._parser.feed(data):
                    queue = self._queues.get(channel)
                    if queue and item:
                        queue.put(item)
        except (OSError, ValueError):
            pass
        self._socket.close()
        self._ended(self)
