"""The man pages are well-formed: mandoc's lint finds nothing to warn of."""

import shutil
import subprocess

from common import ROOT, finish, project_files, skip


def main():
    if not shutil.which("mandoc"):
        skip("mandoc is missing (script/setup test installs it)")
    pages = [name for name in project_files()
             if name.startswith("docs/") and name.endswith((".1", ".5", ".8"))]
    problems = []
    for name in pages:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", name],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problems.append((done.stdout + done.stderr).strip())
    finish(problems, len(pages))


main()
