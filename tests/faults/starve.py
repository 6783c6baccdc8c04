"""Processes that hardly get the processor: by a quota where a control group can be made, else as idle ones on a
machine whose every processor is busy."""
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib import DEADLINE

PERIOD_US = 100_000
CPU_V1 = Path("/sys/fs/cgroup/cpu")
CPU_V2 = Path("/sys/fs/cgroup")
SPIN = [sys.executable, "-c", "while True: pass"]


def _limit_v1(group, quota_us):
    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (group / "cpu.cfs_quota_us").write_text(str(quota_us or -1))


def _limit_v2(group, quota_us):
    (group / "cpu.max").write_text(f"{quota_us or 'max'} {PERIOD_US}")


def _make_group(quota_us):
    """(directory, how it is limited), or None where this user or this machine has no such groups."""
    for root, limit in ((CPU_V1, _limit_v1), (CPU_V2, _limit_v2)):
        try:
            group = Path(tempfile.mkdtemp(prefix="tutti-", dir=root))
        except OSError:
            continue
        try:
            limit(group, quota_us)
            return group, limit
        except OSError:
            group.rmdir()
    return None


def _move(pids, group):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))


def _home(group):
    """Where the processes came from."""
    if group.parent == CPU_V1:
        return CPU_V1
    path = Path("/proc/self/cgroup").read_text("utf-8").splitlines()[-1].split(":")[-1]
    return CPU_V2 / path.strip("/")


def _disband(group):
    """The zygote may make another member meanwhile, and one that has ended leaves when it is collected."""
    end = time.monotonic() + DEADLINE
    while True:
        _move([int(pid) for pid in (group / "cgroup.procs").read_text("utf-8").split()], _home(group))
        try:
            group.rmdir()
            return
        except OSError:
            assert time.monotonic() < end, "the control group is not empty"
            time.sleep(0.05)


@contextlib.contextmanager
def starved(daemon, quota_us):
    """The zygote and all workers, and those that are made meanwhile, share `quota_us` of a tenth of a second."""
    pids = [daemon.zygote().pid, *(worker.pid for worker in daemon.workers())]
    made = _make_group(quota_us)
    if made is None:
        for pid in pids:
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.ExitStack() as stack:
            for _ in range(os.cpu_count()):
                stack.callback(stack.enter_context(subprocess.Popen(SPIN)).kill)
            yield
        return
    group, limit = made
    try:
        _move(pids, group)
        yield
    finally:
        limit(group, None)
        _disband(group)
