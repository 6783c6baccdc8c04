"""Files and functions stay short enough to be read in one go.

Aims (files of 400 lines, functions of 40) are only reported; the hard limits fail.
"""

import json
import shutil
import subprocess

from common import ROOT, c_files, finish, project_files, read

FILE_AIM, FILE_LIMIT = 400, 600
FUNCTION_AIM, FUNCTION_LIMIT = 40, 80


def functions(files):
    """(file, line, name, length in lines) of every function, as ctags sees them."""
    tool = shutil.which("ctags-universal") or shutil.which("ctags")
    if not tool:
        print("ctags is missing: the length of functions is not checked")
        return
    done = subprocess.run(
        [tool, "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne",
         "--output-format=json", "-o", "-", *files],
        cwd=ROOT, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            yield tag["path"], tag["line"], tag["name"], tag["end"] - tag["line"] + 1


def main():
    sources = c_files("src/")
    problems, checked = [], 0
    for name in project_files():
        if not name.endswith((".c", ".h", ".py", ".sh")):
            continue
        checked += 1
        lines = read(name).count("\n")
        if lines > FILE_LIMIT:
            problems.append(f"{name}: {lines} lines, and {FILE_LIMIT} is the limit")
        elif lines > FILE_AIM:
            print(f"note: {name} has {lines} lines (aim: {FILE_AIM})")
    for name, line, function, lines in functions(sources):
        checked += 1
        if lines > FUNCTION_LIMIT:
            problems.append(f"{name}:{line}: {function}() has {lines} lines, "
                            f"and {FUNCTION_LIMIT} is the limit")
        elif lines > FUNCTION_AIM:
            print(f"note: {name}:{line}: {function}() has {lines} lines (aim: {FUNCTION_AIM})")
    finish(problems, checked)


main()
