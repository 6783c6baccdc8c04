"""Shell scripts parse, and pass shellcheck."""

import shutil
import subprocess

from common import ROOT, finish, project_files, read


def is_shell(name):
    if name.endswith((".sh", ".bash")):
        return True
    if "." in name.rsplit("/", 1)[-1]:
        return False
    first = read(name).split("\n", 1)[0]
    return first.startswith("#!") and first.split("/")[-1].split()[0] in ("sh", "bash", "env bash")


def complaint(command, name):
    done = subprocess.run([*command, name], cwd=ROOT, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr).strip()]


def main():
    scripts = [name for name in project_files() if is_shell(name)]
    problems = []
    for name in scripts:
        problems += complaint(["bash", "-n"], name)
    if shutil.which("shellcheck"):
        for name in scripts:
            problems += complaint(["shellcheck", "-x", "-f", "gcc"], name)
    else:
        print("shellcheck is missing: only bash's own parser looked")
    finish(problems, len(scripts))


main()
