"""Drives a real tutti-voice as the daemon does: messages on one socket, batches of frames on another.

The layout of messages is that of src/proto/vmsg.h.
"""

import os
import random
import socket
import struct
import subprocess
import threading
import time

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TUTTI_BUILD", ROOT / "build"))

AUDIO, SOCKET, CONNECT, DISCONNECT, STATE, SECRETS, BEAT, COUNTS = range(1, 9)
CONNECTING, READY, RESUMING, CLOSED = range(4)
FRAME, REST = range(2)
REST_TICKS = 5
SECRETS_BYTES = 32 + 16 + 2 + 1 + 1 + 4 + 4 + 4
GUILD, USER, CHANNEL = 41771983423143937, 80351110224678912, 127121515262115840


def wait_for(condition, seconds=10, what=""):
    """Looks until it is true. Returns what the condition returned; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"in vain waited for {what or condition}"
        time.sleep(0.005)


class State:
    def __init__(self, state, code, why):
        self.state, self.code, self.why = state, code, why

    def __repr__(self):
        return f"{('connecting', 'ready', 'resuming', 'closed')[self.state]} {self.code} {self.why!r}"


class Voice:
    """The program. What it says is collected by a thread."""

    def __init__(self, *options, ca=None, env=None, prefix=()):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {"PATH": os.environ["PATH"], **(env or {})}
        if ca:
            environment["SSL_CERT_FILE"] = str(ca)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]

        def place():
            os.dup2(theirs.fileno(), 3)
        self.process = subprocess.Popen([*prefix, BUILD / "tutti-voice", *options], preexec_fn=place, pass_fds=(3,),
                                        env=environment, stderr=subprocess.PIPE)
        theirs.close()
        self.audio, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.audio.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        socket.send_fds(self.sock, [struct.pack("II", AUDIO, 0)], [theirs.fileno()])
        theirs.close()
        self.states = {}       # id: [State, …]
        self.secrets = {}      # id: bytes
        self.beats = {}        # id: (seq_ack, ping)
        self.sockets = {}      # number: descriptor
        self.is_over = self.was_killed = False
        self.log = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.errors = threading.Thread(target=self._read_log, daemon=True)
        self.errors.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log += line

    def _read(self):
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self.sock, 4096, 4)
            except OSError:
                break
            if not message:
                break
            kind, number = struct.unpack_from("II", message)
            if kind == STATE:
                state, code = struct.unpack_from("II", message, 8)
                why = message[16:].split(b"\0", 1)[0].decode()
                self.states.setdefault(number, []).append(State(state, code, why))
            elif kind == SECRETS:
                self.secrets[number] = message[8:8 + SECRETS_BYTES]
            elif kind == BEAT:
                self.beats[number] = struct.unpack_from("ii", message, 8)
            elif kind == SOCKET:
                self.sockets[number] = fds[0]
        self.is_over = True

    def connect(self, endpoint, id=1, session_id="session", token="token", guild=GUILD, user=USER, channel=CHANNEL,
                resume=None, was_speaking=False):
        secrets = resume or bytes(SECRETS_BYTES)
        body = struct.pack("<QQQBB6x", guild, user, channel, resume is not None, was_speaking) + secrets
        for text, size in ((session_id, 129), (token, 257), (endpoint, 262)):
            body += text.encode().ljust(size, b"\0")
        body += bytes(-len(body) % 8)
        self.sock.send(struct.pack("II", CONNECT, id) + body)

    def disconnect(self, id=1):
        self.sock.send(struct.pack("II", DISCONNECT, id))

    def give_socket(self, number, fd):
        socket.send_fds(self.sock, [struct.pack("II", SOCKET, number)], [fd])

    def state(self, id=1):
        states = self.states.get(id)
        return states[-1] if states else None

    def wait_state(self, state, id=1, seconds=15):
        wait_for(lambda: self.state(id) and self.state(id).state == state, seconds,
                 f"state {state} of {id}; so far {self.states.get(id)}; log {self.log.decode()[-2000:]}")
        return self.state(id)

    def send(self, records, late_s=0.0):
        """One batch: records of (id, kind, tick, packet)."""
        batch = struct.pack("Q", time.monotonic_ns() - int(late_s * 1e9))
        for id, kind, tick, packet in records:
            batch += struct.pack("QIHH", tick, id, kind, len(packet)) + packet
        self.audio.send(batch)

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.reader.join(5)
        self.errors.join(5)
        self.sock.close()
        self.audio.close()
        for fd in self.sockets.values():
            os.close(fd)

    def kill(self):
        self.was_killed = True
        self.process.kill()
        self.process.wait(10)


class Talk:
    """Hands over a frame of each connection every 20 ms, as the daemon's pacer does. Frames are numbered, so that the
    server's side can tell which came."""

    def __init__(self, voice, ids=(1,), first_tick=None):
        self.voice, self.ids = voice, list(ids)
        self.tick = random.randrange(2**31) if first_tick is None else first_tick
        self.sent = {id: [] for id in ids}
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.thread = None

    def frame(self, n):
        """An Opus packet's first byte, then its number."""
        return b"\xfc" + struct.pack(">I", n) + os.urandom(60)

    def one(self, late_s=0.0):
        records = []
        with self.lock:
            for id in self.ids:
                packet = self.frame(len(self.sent[id]))
                self.sent[id].append(packet)
                records.append((id, FRAME, self.tick, packet))
            self.tick += 1
            self.voice.send(records, late_s)

    def rest(self):
        with self.lock:
            self.voice.send([(id, REST, self.tick, b"") for id in self.ids])
            self.tick += REST_TICKS

    def start(self):
        self.is_over.clear()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        due = time.monotonic()
        while not self.is_over.is_set():
            self.one()
            due += 0.02
            time.sleep(max(0, due - time.monotonic()))

    def stop(self):
        self.is_over.set()
        self.thread.join()
