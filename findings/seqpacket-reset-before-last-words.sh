#!/bin/bash
# Unix sockets of SOCK_SEQPACKET: the reset comes before what the peer said last.
#
# Input: a socket pair as between a node and its worker; the worker says two things and is gone, with an order that
# it had not read yet.
# Guess, before it was run: reading gives both messages, then ECONNRESET (or the end), as it is with SOCK_STREAM.
# Behaviour of Linux: on SOCK_SEQPACKET the first read is ECONNRESET, and only then come the messages, which are all
# still there. A reader that stops at its first error never learns why its worker ended, but only where the worker
# had something unread. Read on after ECONNRESET, until the end.
# Seen on Linux 6.18 with Python 3.11: "stream: one, two, ECONNRESET, end; seqpacket: ECONNRESET, one, two, end".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
python3 - <<'PYTHON'
import errno
import platform
import socket
import sys


def last_words(kind):
    here, worker = socket.socketpair(socket.AF_UNIX, kind)
    here.send(b"order")
    worker.send(b"one")
    worker.send(b"two")
    worker.close()
    heard = []
    for _ in range(4):
        try:
            heard.append(here.recv(3).decode() or "end")
        except OSError as e:
            heard.append(errno.errorcode[e.errno])
    return heard


stream, seqpacket = last_words(socket.SOCK_STREAM), last_words(socket.SOCK_SEQPACKET)
print(f"Linux {platform.release()}: stream: {', '.join(stream)}; seqpacket: {', '.join(seqpacket)}")
so = stream == ["one", "two", "ECONNRESET", "end"] and seqpacket == ["ECONNRESET", "one", "two", "end"]
sys.exit(0 if so else 1)
PYTHON
