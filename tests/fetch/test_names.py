"""Names that nobody answers for. Inside a network namespace with a name server that says nothing
until it is told to; the resolver waits 90 s for it."""
import os
import socket
import struct
import sys
import threading

import pytest
from namespace import PUBLIC, inside

FILES = {"/etc/hosts": "127.0.0.1 localhost\n",
         "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n"}
NAMES_MAX = 256  # NAMES_MAX of fetch/serve.c

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class NameServer:
    """Answers every name with PUBLIC, when it `speaks`."""

    def __init__(self):
        self.speaks = False
        self.asked = set()
        self.unanswered = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            query, sender = self.sock.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            self.asked.add(".".join(labels))
            self.unanswered.append((query[:at + 5], sender))
            if self.speaks:
                self.speak()

    def speak(self):
        self.speaks = True
        while self.unanswered:
            query, sender = self.unanswered.pop()
            is_v4 = query[-4:-2] == b"\0\1"
            address = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + socket.inet_aton(PUBLIC)
            self.sock.sendto(query[:2] + b"\x81\x80\0\1" + struct.pack(">HHH", is_v4, 0, 0)
                             + query[12:] + (address if is_v4 else b""), sender)


@case
def others_are_served_while_a_name_is_resolved():
    from lib import FAILED, HEAD, Fetch, noise, wait_for
    from httpd import Server
    names, server, song = NameServer(), Server(host="0.0.0.0"), noise(2_000_000)
    server.add("/a", song)
    with Fetch("--connect-timeout", "1") as fetch:
        source = fetch.source(f"http://{PUBLIC}:{server.port}/a")
        source.expect(HEAD)
        source.reset()
        slow = fetch.source("http://slow.example/a")
        wait_for(lambda: "slow.example" in names.asked)
        slow.drop()
        assert source.read_exactly(0, 1_000_000) == song[:1_000_000]
        slow = fetch.source("http://slow.example/a")
        assert "slow.example" in slow.expect(FAILED).why
        assert source.read_exactly(1_000_000, 1_000_000) == song[1_000_000:]


@case
def names_that_nobody_waits_for_are_limited():
    from lib import FAILED, HEAD, Fetch, wait_for
    from httpd import Server
    names, server = NameServer(), Server(host="0.0.0.0")
    server.add("/a", b"x" * 5000)

    def count_threads():
        return len(os.listdir(f"/proc/{fetch.pid}/task"))

    with Fetch() as fetch:
        for i in range(2 * NAMES_MAX):
            source = fetch.source(f"http://n{i}.example/a")
            wait_for(lambda: f"n{i}.example" in names.asked or count_threads() > NAMES_MAX)
            source.drop()
        assert count_threads() <= NAMES_MAX + 8
        failed = fetch.source("http://another.example/a").expect(FAILED)
        assert failed.code == "source_failed" and "too many names" in failed.why
        # Who needs no name is not concerned, and others have their turn again.
        fetch.source(f"http://{PUBLIC}:{server.port}/a").expect(HEAD)
        names.speak()
        wait_for(lambda: count_threads() < NAMES_MAX)
        fetch.source(f"http://another.example:{server.port}/a").expect(HEAD)


@pytest.mark.parametrize("name", CASES)
def test_names(name):
    inside(__file__, name, FILES)


if __name__ == "__main__":
    import lib  # noqa: F401 (finds tests/lib)
    CASES[sys.argv[1]]()
