"""Nothing in the tree names a path of the machine it was written on."""

import re

from common import finish, project_files, read

# The brackets keep this file from finding itself.
MACHINE = re.compile(r"(?<![\w.~/)}-])/(?:wor[k]|roo[t]|hom[e]|User[s])/[\w.-]+")
BINARY = (".png", ".svg", ".ogg", ".opus", ".mp3", ".flac", ".wav", ".webm", ".m4a")


def main():
    files = [name for name in project_files() if not name.endswith(BINARY)]
    problems = []
    for name in files:
        for number, line in enumerate(read(name).split("\n"), 1):
            match = MACHINE.search(line)
            if match:
                problems.append(f"{name}:{number}: {match.group(0)} is a path of one machine")
    finish(problems, len(files))


main()
