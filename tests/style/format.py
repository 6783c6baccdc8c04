"""Every C file looks as .clang-format says."""

import re
import shutil
import subprocess

from common import ROOT, c_files, finish, skip


def find_clang_format():
    """Version 14 where there is a choice: other versions break lines in other places."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path:
            return path
    return skip("clang-format is missing (script/setup test installs it)")


def main():
    tool = find_clang_format()
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(r"version 14\.", version):
        skip(f"the tree is formatted by clang-format 14, and this is {version.strip()}")
    files = c_files("src/", "tests/", "bench/")
    problems = []
    for name in files:
        done = subprocess.run([tool, "--dry-run", "-Werror", name], cwd=ROOT,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            first = done.stderr.splitlines()[0] if done.stderr else f"{name}: not formatted"
            problems.append(f"{first} (clang-format -i {name})")
    finish(problems, len(files))


main()
