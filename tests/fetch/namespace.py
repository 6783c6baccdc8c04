"""A network namespace of one's own, whose loopback carries public addresses beside private ones."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PUBLIC, PRIVATE = "1.2.3.4", "10.1.2.3"
PUBLIC6, PRIVATE6 = "2a00:1450::1", "fd00::1"

NAMESPACE = ["unshare", "-rnm"]


def may_unshare():
    try:
        return subprocess.run([*NAMESPACE, "sh", "-c", "ip link set lo up && mount -t tmpfs x /mnt"],
                              capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def inside(script, case, files):
    """Runs `script` with the argument `case` in a namespace, where `files` (path: text) are what is
    given here."""
    if not may_unshare():
        pytest.skip("network namespaces are not permitted here (unshare -rnm)")
    with tempfile.TemporaryDirectory() as directory:
        mounts = []
        for i, (path, text) in enumerate(files.items()):
            (Path(directory) / str(i)).write_text(text)
            mounts.append(f"mount --bind {directory}/{i} {path}")
        lines = ["set -e", "ip link set lo up",
                 f"ip addr add {PUBLIC}/32 dev lo", f"ip addr add {PRIVATE}/32 dev lo",
                 "ip addr add 169.254.169.254/32 dev lo",
                 f"ip addr add {PUBLIC6}/128 dev lo nodad || true",
                 f"ip addr add {PRIVATE6}/128 dev lo nodad || true",
                 *mounts, f"exec {sys.executable} -B {Path(script).resolve()} {case}"]
        done = subprocess.run([*NAMESPACE, "sh", "-c", "\n".join(lines)], timeout=120, text=True,
                              capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
