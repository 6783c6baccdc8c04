"""Drives the real tutti-fetch as tuttid and a worker would: the daemon's socket (fmsg) and the
sources' sockets (smsg), in the layouts of src/proto/fmsg.h and src/proto/smsg.h."""
import array
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

BUILD = Path(os.environ.get("TUTTI_BUILD", ROOT / "build"))
FETCH = BUILD / "tutti-fetch"

SOURCE, RELINK, DROP, HEAD, FAILED, EXPIRED, CHANGED, RECONNECTED, IS_LIVE = range(1, 10)
RESET, READ, OPEN, CLOSE, READY, DATA, END, CUT, ERROR, OPENED, TITLE = range(1, 12)
RELINKABLE, RESUMED = 1, 2
RANGES, LIVE, OPEN_ENDED = 1, 2, 4
MEDIA, PLAYLIST, PAGE = range(3)

ERRORS = ["ok", *re.findall(r'X\(\w+, "(\w+)", "', (ROOT / "src/base/errors.h").read_text())]

DEADLINE = 30


class Gone(Exception):
    """The other side has closed its socket."""


def texts(*strings):
    return b"".join(s.encode() + b"\0" for s in strings)


def split(raw):
    parts = raw.split(b"\0")
    assert parts.pop() == b""
    return [p.decode() for p in parts]


def receive(sock, seconds):
    sock.settimeout(max(0.001, seconds))
    raw = sock.recv(70000)
    if not raw:
        raise Gone()
    return raw


class Message:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        short = {k: len(v) if k == "data" else v for k, v in self.__dict__.items()}
        return f"<{short}>"


class Fetch:
    """A running tutti-fetch, seen from the daemon."""

    def __init__(self, *options, env=None, wrapper=(), private=True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock = ours
        self.next_id = 1
        self.backlog = []
        arguments = [*wrapper, str(FETCH), "--log-level", "debug", *map(str, options)]
        if private:
            arguments.append("--allow-private-hosts")
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        environment.update(env or {})

        def place():
            os.dup2(theirs.fileno(), 3, inheritable=True)

        self.process = subprocess.Popen(arguments, preexec_fn=place, pass_fds=[3],
                                        env=environment, stdin=subprocess.DEVNULL)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()
        if failure == (None, None, None):
            assert self.process.returncode == 0, "tutti-fetch did not end well"

    def close(self):
        self.sock.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def pid(self):
        return self.process.pid

    def source(self, url, headers="", flags=0, length=-1, facts=0, kind=0, validator="", type="",
               base=""):
        source = Source(self, self.next_id)
        self.next_id += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        source.sock = ours
        body = struct.pack("=IIqIIII", SOURCE, source.id, length, flags, facts, kind, 0)
        body += texts(url, headers, validator, type, base)
        self.sock.sendmsg([body], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    array.array("i", [theirs.fileno()]))])
        theirs.close()
        return source

    def say(self, what, source, body=b""):
        self.sock.send(struct.pack("=II", what, source.id) + body)

    def hear(self, seconds=DEADLINE):
        kind, id = struct.unpack_from("=II", raw := receive(self.sock, seconds))
        body = raw[8:]
        if kind == HEAD:
            length, facts, what = struct.unpack_from("=qII", body)
            type, base, validator, name = split(body[16:])
            return Message(what=HEAD, id=id, length=length, facts=facts, kind=what, type=type,
                           base=base, validator=validator, name=name)
        if kind in (FAILED, EXPIRED):
            code, status = struct.unpack_from("=II", body)
            return Message(what=kind, id=id, code=ERRORS[code], status=status,
                           why=split(body[8:])[0])
        return Message(what=kind, id=id, why="".join(split(body)) if body else "")

    def expect(self, source, *kinds, seconds=DEADLINE):
        """The next message about this source, which must be one of these kinds."""
        end = time.monotonic() + seconds
        while True:
            for i, message in enumerate(self.backlog):
                if message.id == source.id:
                    del self.backlog[i]
                    assert message.what in kinds, message
                    return message
            self.backlog.append(self.hear(end - time.monotonic()))

    def collect(self):
        """All that has been said already."""
        while True:
            try:
                self.backlog.append(self.hear(0.001))
            except (TimeoutError, BlockingIOError):
                heard, self.backlog = self.backlog, []
                return heard


class Source:
    """A source, seen from the worker."""

    def __init__(self, fetch, id):
        self.fetch, self.id = fetch, id
        self.serial = 0
        self.titles = []
        self.sock = None

    def send(self, kind, stream, body):
        self.sock.send(struct.pack("=II", kind, stream) + body)

    def hear(self, seconds=DEADLINE):
        raw = receive(self.sock, seconds)
        kind, stream = struct.unpack_from("=II", raw)
        body = raw[8:]
        if kind == DATA:
            serial, live, at = struct.unpack_from("=IIq", body)
            return Message(what=DATA, stream=stream, serial=serial, live=live, at=at, data=body[16:])
        if kind in (READY, OPENED):
            epoch, serial, flags, length, what, _ = struct.unpack_from("=QIIqII", body)
            type, url = split(body[32:])
            return Message(what=kind, stream=stream, epoch=epoch, serial=serial, flags=flags,
                           length=length, kind=what, type=type, url=url)
        if kind in (END, CUT):
            serial, _, length = struct.unpack("=IIq", body)
            return Message(what=kind, stream=stream, serial=serial, length=length)
        if kind == ERROR:
            serial, code, status, _ = struct.unpack_from("=IIII", body)
            return Message(what=ERROR, stream=stream, serial=serial, code=ERRORS[code],
                           status=status, why=split(body[16:])[0])
        assert kind == TITLE
        return Message(what=TITLE, at=struct.unpack_from("=q", body)[0], text=split(body[8:])[0])

    def answer(self, seconds=DEADLINE):
        """The next message but titles, which are kept."""
        while True:
            message = self.hear(seconds)
            if message.what != TITLE:
                return message
            self.titles.append((message.at, message.text))

    def reset(self, seconds=DEADLINE):
        epoch = random.getrandbits(63)
        self.send(RESET, 0, struct.pack("=Q", epoch))
        while True:
            message = self.answer(seconds)
            if message.what == READY and message.epoch == epoch:
                return message

    def ask(self, at, len=65536, stream=0):
        self.serial += 1
        self.send(READ, stream, struct.pack("=IIq", self.serial, len, at))

    def read(self, at, len=65536, stream=0, seconds=DEADLINE):
        self.ask(at, len, stream)
        message = self.answer(seconds)
        assert message.stream == stream and message.serial == self.serial, message
        if message.what == DATA:
            assert message.at == at and 0 < message.data.__len__() <= len
        return message

    def read_exactly(self, at, n, stream=0):
        got = b""
        while len(got) < n:
            message = self.read(at + len(got), min(65536, n - len(got)), stream)
            assert message.what == DATA, message
            got += message.data
        return got

    def read_all(self, at=0, stream=0, size=65536):
        """(all the bytes from `at` on, the message that ended them)"""
        got = []
        while True:
            message = self.read(at, size, stream)
            if message.what != DATA:
                return b"".join(got), message
            got.append(message.data)
            at += len(message.data)

    def open(self, stream, url, headers="", at=0, end=-1, entry=False):
        self.serial += 1
        self.send(OPEN, stream, struct.pack("=IIqq", self.serial, entry, at, end)
                  + texts(url, headers))
        message = self.answer()
        assert message.stream == stream and message.serial == self.serial, message
        return message

    def close_stream(self, stream):
        self.send(CLOSE, stream, b"")

    def relink(self, url, headers=""):
        self.fetch.say(RELINK, self, texts(url, headers))

    def drop(self):
        self.fetch.say(DROP, self)

    def expect(self, *kinds, seconds=DEADLINE):
        return self.fetch.expect(self, *kinds, seconds=seconds)


def noise(n, seed=1):
    """Bytes that nobody can compress and that are nowhere alike."""
    return random.Random(seed).randbytes(n)


def wait_for(holds, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.01)
