"""Processes seen through /proc: whose child is whose, and who is still there."""
import ctypes
import os
import time
from typing import NamedTuple

from lib import DEADLINE

PR_SET_CHILD_SUBREAPER = 36

# Processes the tests started themselves: children of ours, but no orphans.
started = set()


class Proc(NamedTuple):
    pid: int
    parent: int
    name: str
    state: str
    ticks: int  # CPU time used so far
    start: int  # start time: tells a process from a later one of the same id


def become_subreaper():
    """Orphans of a daemon come to us, so that none can hide by losing its parent."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def read(pid):
    """The process of that id, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    rest = text[text.rindex(")") + 2:].split()
    return Proc(pid, int(rest[1]), name, rest[0], int(rest[11]) + int(rest[12]), int(rest[19]))


def everyone():
    found = (read(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return [proc for proc in found if proc is not None]


def descendants(pid):
    """All living processes below pid, oldest first."""
    procs, below = everyone(), {pid}
    grown = True
    while grown:
        more = {p.pid for p in procs if p.parent in below} - below
        below |= more
        grown = bool(more)
    return sorted((p for p in procs if p.pid in below and p.pid != pid and p.state != "Z"),
                  key=lambda p: (p.start, p.pid))


def orphans(prefix="tutti"):
    """Processes of that name that the test inherited from parents which died."""
    return [p for p in everyone()
            if p.parent == os.getpid() and p.name.startswith(prefix) and p.pid not in started]


def alive(proc):
    """True while proc runs. A dead orphan of ours is reaped on the way."""
    now = read(proc.pid)
    if now is None or now.start != proc.start:
        return False
    if now.state == "Z":
        if now.parent == os.getpid():
            try:
                os.waitpid(proc.pid, os.WNOHANG)
            except ChildProcessError:
                pass
        return False
    return True


def wait_gone(procs, seconds=DEADLINE):
    """Those of procs that are still alive after a while; the empty list as soon as none is."""
    end = time.monotonic() + seconds
    left = [p for p in procs if alive(p)]
    while left and time.monotonic() < end:
        time.sleep(0.02)
        left = [p for p in left if alive(p)]
    return left
