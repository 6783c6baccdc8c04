"""`meson install` puts everything in place: into a directory of this test's own.

Installing again keeps a configuration that was edited.

Usage: install.py BUILD_DIR
"""

import pathlib
import subprocess
import sys
import tempfile

from common import finish

WANTED = [
    "bin/tuttid", "bin/tutti", "tutti-worker", "tutti-fetch", "tutti-voice",
    "share/man/man1/tutti.1", "share/man/man8/tuttid.8", "share/man/man5/tuttid.conf.5",
    "lib/systemd/system/tuttid.service", "lib/sysusers.d/tutti.conf", "etc/tutti/tuttid.conf",
    "share/bash-completion/completions/tutti", "share/bash-completion/completions/tuttid",
    "share/zsh/site-functions/_tutti", "share/zsh/site-functions/_tuttid",
    "share/fish/vendor_completions.d/tutti.fish", "share/fish/vendor_completions.d/tuttid.fish",
]


def install(place):
    subprocess.run(["meson", "install", "--no-rebuild", "-C", sys.argv[1], "--destdir", place],
                   check=True, stdout=subprocess.DEVNULL)


def check_kept(place):
    """What is wrong with a second installation over an edited configuration."""
    conf = next(pathlib.Path(place).rglob("etc/tutti/tuttid.conf"))
    new = conf.with_name("tuttid.conf.new")
    shipped = conf.read_bytes()
    install(place)
    if new.exists():
        yield "a second installation leaves tuttid.conf.new beside a configuration nobody edited"
    conf.write_bytes(shipped + b"media-root = /srv/music\n")
    install(place)
    if conf.read_bytes() == shipped:
        yield "a second installation overwrites a configuration that was edited"
    if not new.exists() or new.read_bytes() != shipped:
        yield "the configuration of a newer version is not installed beside the edited one"


def main():
    problems = []
    with tempfile.TemporaryDirectory() as place:
        install(place)
        there = [path.as_posix() for path in pathlib.Path(place).rglob("*") if path.is_file()]
        for name in WANTED:
            if not any(path.endswith("/" + name) for path in there):
                problems.append(f"{name} is not installed")
        units = [path for path in there if path.endswith("tuttid.service")]
        if any("@" in line.split("=", 1)[-1] and line.startswith("ExecStart")
               for unit in units for line in pathlib.Path(unit).read_text("utf-8").splitlines()):
            problems.append("tuttid.service still holds a name to be replaced")
        problems += check_kept(place)
    finish(problems, len(WANTED))


main()
