"""Words that send a reader back to the start of the sentence."""

import re

from common import finish, project_files, read

WORDS = {
    # The brackets keep this file from finding itself.
    r"who[e]ver": "name the process, the thread or the client",
    r"so man[i]eth": "every n-th",
}
PLACES = ("src/", "docs/", "data/", "clients/", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
TEXT = (".c", ".h", ".md", ".py", ".1", ".5", ".8", ".conf", ".in", ".mjs", ".ts", ".mts")


def main():
    files = [name for name in project_files() if name.startswith(PLACES) and name.endswith(TEXT)]
    problems = []
    for name in files:
        for number, line in enumerate(read(name).split("\n"), 1):
            for word, better in WORDS.items():
                if found := re.search(rf"\b{word}\b", line, re.I):
                    problems.append(f"{name}:{number}: '{found.group(0)}': {better}")
    finish(problems, len(files))


main()
