"""Every header compiles alone, and twice, with the flags of its own folder.

The flags are taken from the build's compile_commands.json, so that there is no second list.
Usage: headers.py BUILD_DIR
"""

import json
import pathlib
import shlex
import subprocess
import sys

from common import ROOT, c_files, finish


def flags_by_folder(build):
    """{source folder: the compiler and its -I, -D, -std and similar arguments}."""
    ret = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        source = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if not source.is_relative_to(ROOT):
            continue
        words = shlex.split(entry["command"])
        compiler = [w for w in words[:2] if "ccache" not in w and not w.startswith("-")][:1]
        kept = [w for w in words
                if w.startswith(("-I", "-D", "-std", "-isystem", "-pthread", "-W"))]
        ret.setdefault(str(source.parent.relative_to(ROOT)), compiler + kept)
    return ret


def main():
    build = pathlib.Path(sys.argv[1])
    flags = flags_by_folder(build)
    headers = [name for name in c_files("src/", "tests/") if name.endswith(".h")]
    problems = []
    for name in headers:
        folder = str(pathlib.PurePath(name).parent)
        command = flags.get(folder) or next(iter(flags.values()))
        include = name[len("src/"):] if name.startswith("src/") else str(ROOT / name)
        done = subprocess.run(
            command + ["-Werror", "-fsyntax-only", "-I", str(ROOT / "src"), "-x", "c", "-"],
            input=f'#include "{include}"\n#include "{include}"\n', cwd=build,
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            problems.append(f"{name} does not compile alone: {(errors or ['?'])[0]}")
    finish(problems, len(headers))


main()
