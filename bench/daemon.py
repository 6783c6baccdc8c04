"""A tuttid of one's own, its control connection, and a receiver on its audio socket."""
import json
import os
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import host

NOTE = np.dtype([("at_ns", "<u8"), ("sequence", "<u4"), ("channel", "<u2"), ("len", "<u2")])
PATIENCE_S = 60
ROLES = {"tutti-worker-z": "zygote", "tutti-worker": "worker", "tutti-fetch": "fetch"}


class Daemon:
    """Use as a context manager. CPU and memory are those of tuttid and all its processes."""

    def __init__(self, build, media, channels, options=(), frames_max=4_000_000):
        self.base = tempfile.TemporaryDirectory(prefix="tutti-bench-")
        self.dir = Path(self.base.name)
        dropped = ("RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC")
        env = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_") and k not in dropped}
        self.log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(
            [build / "tuttid", "--runtime-dir", self.dir / "run", "--media-root", media,
             "--max-workers", str(max(channels, 60)), *options],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"tuttid did not start: {(self.dir / 'log').read_text()}")
        self.pid = self.process.pid
        self.control = Control(self.dir / "run" / "control.sock")
        self.listener = Listener(build, self.dir, self.control.client, frames_max)

    def __enter__(self):
        return self

    def __exit__(self, *about):
        self.listener.close()
        self.control.sock.close()
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.log.close()
        self.base.cleanup()

    def processes(self):
        """{role: [pids]}"""
        found = {"tuttid": [self.pid], "zygote": [], "worker": [], "fetch": []}
        for pid in host.children(self.pid):
            role = ROLES.get(host.name(pid))
            if role:
                found[role].append(pid)
        return found

    def sum(self, measure):
        """{role: sum of measure(pid)}"""
        return {role: sum(measure(pid) for pid in pids) for role, pids in self.processes().items()}


class Control:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.rest, self.events = b"", []
        self.client = self.wait(lambda e: e["type"] == "hello")["client"]

    def send(self, kind, **fields):
        """Returns when it was sent [ns]."""
        line = json.dumps({"type": kind, **fields}).encode() + b"\n"
        at_ns = time.monotonic_ns()
        self.sock.sendall(line)
        return at_ns

    def poll(self, timeout):
        """Takes in what comes within the time-out."""
        if select.select([self.sock], [], [], timeout)[0]:
            data = self.sock.recv(1 << 16)
            if not data:
                raise RuntimeError("the daemon closed the control connection")
            *lines, self.rest = (self.rest + data).split(b"\n")
            self.events += [json.loads(line) for line in lines]

    def wait(self, wanted, patience_s=PATIENCE_S):
        """The first event that is wanted; it is taken out. An error is nobody's wish."""
        end = time.monotonic() + patience_s
        while True:
            for i, event in enumerate(self.events):
                if wanted(event):
                    return self.events.pop(i)
                if event["type"] == "error":
                    raise RuntimeError(f"the daemon says {event}")
            if time.monotonic() > end:
                raise RuntimeError("the daemon does not answer")
            self.poll(0.5)

    def buffered_s(self):
        """Seconds of frames that lie ready, of all channels together."""
        self.send("status")
        return sum(s["buffered"] for s in self.wait(lambda e: e["type"] == "status")["sessions"])

    def stats(self):
        self.send("stats")
        return self.wait(lambda e: e["type"] == "stats")


class Listener:
    def __init__(self, build, folder, client, frames_max):
        self.out = folder / "notes"
        self.process = subprocess.Popen(
            [build / "bench" / "listen", folder / "run" / "audio.sock", client, str(frames_max), self.out],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest, self.lines, self.closed = b"", [], False
        self.wait("attached")

    def wait(self, word, channel=None, patience_s=PATIENCE_S):
        """The numbers of the first line that begins so; it is taken out."""
        end = time.monotonic() + patience_s
        while True:
            for i, line in enumerate(self.lines):
                if line[0] == word and (channel is None or line[1] == channel):
                    return self.lines.pop(i)[1:]
            if time.monotonic() > end:
                raise RuntimeError(f"no frames came: waited for {word} {channel}")
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                if not data:
                    raise RuntimeError("the listener ended")
                *lines, self.rest = (self.rest + data).split(b"\n")
                for line in lines:
                    word_, *numbers = line.decode().split()
                    self.lines.append([word_, *map(int, numbers)])

    def close(self):
        if not self.closed:
            self.closed = True
            self.process.stdin.close()
            self.process.wait(PATIENCE_S)
            self.process.stdout.close()

    def notes(self):
        """Closes it: (all frames, how late its own sleeper was [ns])."""
        self.close()
        return np.fromfile(self.out, NOTE), np.fromfile(f"{self.out}.sleep", "<u4")
