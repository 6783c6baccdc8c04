"""What the style gates share: which files belong to the project, and how a gate reports."""

import os
import pathlib
import re
import subprocess
import sys

# The tests of the gates have a tree of their own.
ROOT = pathlib.Path(os.environ.get("TUTTI_GATES_ROOT", pathlib.Path(__file__).resolve().parents[2]))
SKIP = 77  # the exit status by which meson knows a skipped test


def project_files():
    """Every file of the project, as paths relative to its root: what git tracks or would add.

    Without git (a release archive) the tree is walked instead.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, text=True).stdout
        names = [name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if not f.startswith(("build", ".git", "node_modules"))]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
    return sorted(name for name in names if (ROOT / name).is_file())


def c_files(*folders):
    """The C sources and headers below the folders named."""
    return [name for name in project_files()
            if name.endswith((".c", ".h")) and name.startswith(folders)]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def without_comments(text, strings=True):
    """C text with comments (and strings, if wanted) blanked out, line numbers unchanged."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        token = match.group(0)
        if not strings and not token.startswith("/"):
            return token
        return re.sub(r"[^\n]", " ", token)

    return re.sub(pattern, blank, text, flags=re.S)


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIP)


def finish(problems, checked):
    """Prints the problems, one a line, and ends the gate. Nothing checked is a failure too."""
    for problem in problems:
        print(problem)
    if not checked:
        print("nothing was checked: the gate looks in the wrong place")
    print(f"{checked} checked, {len(problems)} problems")
    sys.exit(1 if problems or not checked else 0)
