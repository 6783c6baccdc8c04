"""The latest commits say where and what: `folder: lower-case imperative`, at most 72 characters."""

import re
import subprocess

from common import ROOT, finish, skip

LATEST = 10
SUBJECT = re.compile(r"[a-z0-9][a-z0-9_./-]*(?:, [a-z0-9][a-z0-9_./-]*)*: \S.*[^.\s]")


def main():
    try:
        log = subprocess.run(
            ["git", "log", "--no-merges", f"-{LATEST}", "--format=%h %s"],
            cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        skip("this tree has no git history")
    problems = []
    commits = [line.split(" ", 1) for line in log.splitlines()]
    for commit, subject in commits:
        if len(subject) > 72:
            problems.append(f"{commit}: the subject has {len(subject)} characters: {subject}")
        if not SUBJECT.fullmatch(subject):
            problems.append(f"{commit}: not of the form `folder: imperative`: {subject}")
    finish(problems, len(commits))


main()
