"""Where the daemon's sockets are, by the daemon's own rules: docs/protocol.md, "Finding the sockets"."""
from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from .errors import TuttiError

SYSTEM_DIR = "/run/tutti"


class Sockets(NamedTuple):
    control: str
    audio: str
    in_tmp: str | None  # the directory in /tmp, which anybody could have made


def find_sockets(runtime_dir: str | None = None, control: str | None = None, audio: str | None = None,
                 environ: Mapping[str, str] | None = None) -> Sockets:
    """What was asked for, else what the surroundings say, else the system's daemon where there is no other."""
    env = os.environ if environ is None else environ
    runtime_dir = runtime_dir or env.get("TUTTI_RUNTIME_DIR") or None
    control = control or env.get("TUTTI_CONTROL") or None
    audio = audio or env.get("TUTTI_AUDIO") or None
    in_tmp = None
    directory = runtime_dir
    if directory is None:
        systemd, xdg = env.get("RUNTIME_DIRECTORY", "").split(":")[0], env.get("XDG_RUNTIME_DIR", "")
        if systemd.startswith("/"):
            directory = systemd
        elif xdg.startswith("/"):
            directory = f"{xdg}/tutti"
        else:
            directory = in_tmp = f"/tmp/tutti-{os.geteuid()}"
        if not (control or audio) and not os.path.exists(f"{directory}/control.sock") \
                and os.path.exists(f"{SYSTEM_DIR}/control.sock"):
            directory, in_tmp = SYSTEM_DIR, None
    return Sockets(control or f"{directory}/control.sock", audio or f"{directory}/audio.sock",
                   None if control and audio else in_tmp)


def check_owner(directory: str) -> None:
    """Raises `no_daemon` unless the directory is this user's alone: another's could pose as the daemon."""
    try:
        found = os.lstat(directory)
    except OSError as error:
        raise TuttiError("no_daemon", f"no daemon is running: {directory}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise TuttiError("no_daemon", f"{directory} is not a directory of this user alone")
