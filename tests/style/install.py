"""`meson install` puts everything in place: into a directory of this test's own.

Usage: install.py BUILD_DIR
"""

import pathlib
import subprocess
import sys
import tempfile

from common import finish

WANTED = [
    "bin/tuttid", "bin/tutti", "tutti-worker",
    "share/man/man1/tutti.1", "share/man/man8/tuttid.8", "share/man/man5/tuttid.conf.5",
    "lib/systemd/system/tuttid.service", "lib/sysusers.d/tutti.conf", "etc/tutti/tuttid.conf",
    "share/bash-completion/completions/tutti", "share/bash-completion/completions/tuttid",
    "share/zsh/site-functions/_tutti", "share/zsh/site-functions/_tuttid",
    "share/fish/vendor_completions.d/tutti.fish", "share/fish/vendor_completions.d/tuttid.fish",
]


def main():
    problems = []
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["meson", "install", "--no-rebuild", "-C", sys.argv[1], "--destdir", place],
                       check=True, stdout=subprocess.DEVNULL)
        there = [path.as_posix() for path in pathlib.Path(place).rglob("*") if path.is_file()]
        for name in WANTED:
            if not any(path.endswith("/" + name) for path in there):
                problems.append(f"{name} is not installed")
        units = [path for path in there if path.endswith("tuttid.service")]
        if any("@" in line.split("=", 1)[-1] and line.startswith("ExecStart")
               for unit in units for line in pathlib.Path(unit).read_text("utf-8").splitlines()):
            problems.append("tuttid.service still holds a name to be replaced")
    finish(problems, len(WANTED))


main()
