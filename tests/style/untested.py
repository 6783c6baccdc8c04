"""A .c of more than 120 lines has a unit test of its own name, or is on a list that may only shrink.

The test is tests/unit/test_NAME.c or, where another folder has such a file too, test_FOLDER_NAME.c.
"""

import pathlib

from parse_c import shrink, sources
from common import ROOT, finish, read

LINES = 120
# Tested end to end, or under the name of their folder. The list may only shrink.
KNOWN = {
    "src/bin/tutti_fetch.c",
    "src/bin/tuttid.c",
    "src/cli/daemon.c",
    "src/cli/play.c",
    "src/cli/top.c",
    "src/extract/extractor.c",
    "src/fetch/connection.c",
    "src/fetch/request.c",
    "src/fetch/serve.c",
    "src/fetch/source.c",
    "src/fetch/stream.c",
    "src/fetch/transfer.c",
    "src/media/nested.c",
    "src/media/packets_go.c",
    "src/media/packets_jump.c",
    "src/media/passthrough.c",
    "src/media/serve.c",
    "src/media/serve_next.c",
    "src/media/track.c",
    "src/session/commands.c",
}


def has_test(name):
    path = pathlib.PurePath(name)
    return any((ROOT / f"tests/unit/test_{stem}.c").is_file() for stem in (path.stem, f"{path.parts[1]}_{path.stem}"))


def main():
    files = [name for name in sources() if read(name).count("\n") > LINES]
    found = {name for name in files if not has_test(name)}
    problems = list(shrink(set(KNOWN), found, f"more than {LINES} lines, and no unit test of this name"))
    finish(problems, len(files))


main()
