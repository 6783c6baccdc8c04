"""A struct has at most eight flags: more of them have states that nobody has thought of."""

import re

from parse_c import structs
from common import c_files, finish

LIMIT = 8
# How many flags those have that have too many. The numbers may only shrink.
KNOWN = {
    "src/media/render.c:render": 10,
    "src/media/serve_parts.h:serve": 9,
    "src/proto/command.h:command": 9,
}
FLAGS = re.compile(r"\bbool\s+([^;(){}]+);")


def main():
    files = c_files("src/")
    problems, checked, many = [], 0, set()
    for name in files:
        for struct, line, body in structs(name):
            checked += 1
            n = sum(names.count(",") + 1 for names in FLAGS.findall(body))
            if n > LIMIT:
                many.add(f"{name}:{struct}")
            if n > max(LIMIT, KNOWN.get(f"{name}:{struct}", 0)):
                problems.append(f"{name}:{line}: struct {struct} has {n} flags, and {LIMIT} is the limit: "
                                "use an enum and a table of its moves")
    problems += [f"{known} has few flags now: take it off the list of this gate" for known in sorted(set(KNOWN) - many)]
    finish(problems, checked)


main()
