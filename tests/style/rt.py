"""Functions marked `rt:` run in the pacer's pass: they reach no allocation, no JSON, no log and no formatting.

Marked is what a comment that begins with `rt:` stands before: a function, or a member that is a pointer to one; then
every function that such a member is set to counts. Calls are followed by their names.
"""

import re

from common import c_files, finish, read
from parse_c import calls, functions

FORBIDDEN = re.compile(r"^(?:[mc]alloc|realloc(?:array)?|strn?dup|v?asprintf|json_\w+|log_(?:error|warn|info|debug|line)"
                       r"|v?s?n?printf|v?[fd]printf|fopen|open|fwrite|fputs)$")
# Where the walk ends, and why that is in order.
ALLOWED = {
    "outqueue_add": "what a connection does not take is kept for it, within its limit",
    "buf_reserve": "a batch grows to the most that one pass brings, once",
    "settle_if_over": "a play ends once; what it says of that is posted until the frames have left",
}
COMMENT = re.compile(r"/\*\s*rt:(?:[^*]|\*(?!/))*\*/\s*\n([^;{]+)[;{]")
POINTER = re.compile(r"\(\*(\w+)\)\s*\(")
DECLARED = re.compile(r"(\w+)\s*\(")


def marked(files):
    """(names of functions, names of members) that are marked."""
    names, members = set(), set()
    for name in files:
        for declaration in COMMENT.findall(read(name)):
            if pointer := POINTER.search(declaration):
                members.add(pointer.group(1))
            elif function := DECLARED.search(declaration):
                names.add(function.group(1))
    return names, members


def implementations(files, members):
    """The functions that are put into members of these names."""
    pattern = re.compile(r"\.(\w+)\s*=\s*&?(\w+)\b")
    return {value for name in files for member, value in pattern.findall(read(name)) if member in members}


def walk(root, by_name, way, seen):
    """Ways from a function to what is forbidden."""
    for name in sorted(calls(root)):
        if FORBIDDEN.match(name):
            yield [*way, name]
            continue
        own = [f for f in by_name.get(name, ()) if f.file == root.file]
        for function in own or [f for f in by_name.get(name, ()) if not f.is_static or f.file.endswith(".h")]:
            key = function.file, function.name
            if key not in seen and name not in ALLOWED:
                seen.add(key)
                yield from walk(function, by_name, [*way, name], seen)


def main():
    files = c_files("src/")
    by_name = {}
    for function in functions(files):
        by_name.setdefault(function.name, []).append(function)
    names, members = marked(files)
    names |= implementations(files, members)
    problems, seen, checked = [], set(), 0
    for name in sorted(names):
        for function in by_name.get(name, ()):
            checked += 1
            ways = walk(function, by_name, [name], seen)
            problems += [f"{function.file}:{function.line}: rt: {' → '.join(way)}" for way in ways]
    problems += [f"{name} is not reached: take it off the list of this gate"
                 for name in sorted(ALLOWED) if not any(name in calls(f) for fs in by_name.values() for f in fs)]
    finish(problems, checked)


main()
