"""A fetcher in miniature: answers a worker on its source's socketpair (see src/proto/smsg.h), so that
a test decides at which byte the network stalls, ends or fails."""
import socket
import struct
import threading

RESET, READ, OPEN, CLOSE, READY, DATA, END, CUT, ERROR, OPENED, TITLE = range(1, 12)
RANGES, LIVE, OPEN_ENDED = 1, 2, 4
MEDIA, PLAYLIST, PAGE = range(3)
SOURCE_FAILED = 10  # enum tutti_error


class Resource:
    def __init__(self, data, flags=RANGES, kind=MEDIA, type="audio/any", url="http://here.test/x", known=True):
        self.data, self.flags, self.kind, self.type, self.url = data, flags, kind, type, url
        self.known = known  # its length
        self.stall_at = None  # no byte from here on, until resume()
        self.fail_at = None
        self.title_at = {}

    def length(self):
        return len(self.data) if self.known else -1


class Fetcher:
    """resources: {url: Resource}; "" is the root. on_open(url) is called before each OPEN is answered."""

    def __init__(self, resources, on_open=lambda url: None):
        self.resources, self.on_open = resources, on_open
        self.sock, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reads, self.opened, self.resets = [], [], 0
        self.epoch, self.streams, self.waiting = 0, {}, {}
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def jumps(self):
        """How often the root was read from somewhere else than where the read before had ended: what
        would have cost a request each."""
        count, at = 1, 0
        for start, got in self.reads:
            if start != at:
                count += 1
            at = start + got
        return count

    def _send(self, kind, stream, body):
        try:
            self.sock.sendall(struct.pack("=II", kind, stream) + body)
        except OSError:
            pass

    def _facts(self, kind, stream, serial, resource):
        epoch = self.epoch if kind == READY else 0
        body = struct.pack("=QIIqII", epoch, serial, resource.flags, resource.length(), resource.kind, 0)
        self._send(kind, stream, body + resource.type.encode() + b"\0" + resource.url.encode() + b"\0")

    def _serve(self):
        while True:
            try:
                message = self.sock.recv(1 << 17)
            except OSError:
                return
            if not message:
                return
            kind, stream = struct.unpack_from("=II", message)
            with self.lock:
                self._take(kind, stream, message[8:])

    def _take(self, kind, stream, body):
        if kind == RESET:
            self.epoch, = struct.unpack("=Q", body)
            self.resets += 1
            self.waiting, self.streams = {}, {0: self.resources[""]}
            self._facts(READY, 0, 0, self.resources[""])
        elif kind == OPEN:
            serial, _, at, end = struct.unpack_from("=IIqq", body)
            url = body[24:].split(b"\0")[0].decode()
            self.opened.append(url)
            self.on_open(url)
            resource = self.resources.get(url)
            if not resource:
                self._send(ERROR, stream, struct.pack("=IIII", serial, 7, 404, 0) + b"not there\0")
                return
            self.streams[stream] = resource
            self._facts(OPENED, stream, serial, resource)
        elif kind == CLOSE:
            self.streams.pop(stream, None)
            self.waiting.pop(stream, None)
        elif kind == READ:
            assert stream in self.streams, "a stream that is not open"
            assert stream not in self.waiting, "two reads at once"
            self.waiting[stream] = struct.unpack("=IIq", body)
            self._answer(stream)

    def _answer(self, stream):
        serial, length, at = self.waiting[stream]
        resource = self.streams[stream]
        stop = len(resource.data)
        if resource.stall_at is not None:
            stop = min(stop, resource.stall_at)
        if resource.fail_at is not None:
            stop = min(stop, resource.fail_at)
        data = resource.data[at:min(stop, at + length)]
        if stream == 0:
            self.reads.append((at, len(data)))
        for where in [w for w in resource.title_at if w < at + len(data)]:
            self._send(TITLE, stream, struct.pack("=q", where) + resource.title_at.pop(where).encode() + b"\0")
        if data:
            self._send(DATA, stream, struct.pack("=IIq", serial, 0, at) + data)
        elif resource.fail_at is not None and at >= resource.fail_at:
            self._send(ERROR, stream, struct.pack("=IIII", serial, SOURCE_FAILED, 0, 0) + b"it is gone\0")
        elif at >= len(resource.data):
            kind = CUT if resource.flags & OPEN_ENDED else END
            self._send(kind, stream, struct.pack("=IIq", serial, 0, len(resource.data)))
        else:
            return  # unanswered
        del self.waiting[stream]

    def resume(self):
        with self.lock:
            for resource in self.resources.values():
                resource.stall_at = None
            for stream in list(self.waiting):
                self._answer(stream)

    def stalled(self):
        with self.lock:
            return bool(self.waiting)

    def close(self):
        self.theirs.close()
        self.sock.close()
