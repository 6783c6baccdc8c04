"""What the gates know of the C code: functions with what they call, structs with what they hold."""

import json
import re
import shutil
import subprocess
from typing import NamedTuple

from common import ROOT, c_files, read, skip, without_comments

CALL = re.compile(r"(?<![\w.>])([a-z_]\w*)\s*\(")
STRUCT = re.compile(r"\bstruct\s+(\w*)\s*\{")
LINKAGE = re.compile(r"^(?:static|extern)\b")


class Function(NamedTuple):
    name: str
    file: str
    line: int
    is_static: bool
    body: str  # without comments and strings


def ctags(files):
    """The functions that are defined there, as ctags sees them."""
    tool = shutil.which("ctags-universal") or shutil.which("ctags")
    if not tool:
        skip("ctags is missing")
    if not files:
        return []
    done = subprocess.run(
        [tool, "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+nef", "--output-format=json",
         "-o", "-", *files], cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def functions(files):
    texts = {name: without_comments(read(name)).split("\n") for name in files}
    return [Function(tag["name"], tag["path"], tag["line"], bool(tag.get("file")) or tag["path"].endswith(".h"),
                     "\n".join(texts[tag["path"]][tag["line"] - 1:tag["end"]]))
            for tag in ctags(files) if "end" in tag]


def calls(function):
    """The names that are called in it."""
    return set(CALL.findall(function.body.partition("{")[2]))


def _closing(text, at):
    """Where the brace ends that opens before `at`."""
    depth = 1
    while depth and at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


def structs(name):
    """(name, line, text between the braces) of every struct that has a name and a body."""
    text = without_comments(read(name))
    for match in STRUCT.finditer(text):
        if match.group(1):
            yield (match.group(1), text.count("\n", 0, match.start()) + 1,
                   text[match.end():_closing(text, match.end()) - 1])


def sources():
    return [name for name in c_files("src/") if name.endswith(".c")]


def shrink(known, found, what):
    """Problems: what was found beyond a list that may only shrink, and what of the list is mended."""
    for one in sorted(found - known):
        yield f"{one}: {what}"
    for one in sorted(known - found):
        yield f"{one} is mended: take it off the list of the gate"
