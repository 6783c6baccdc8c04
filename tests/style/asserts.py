"""Code says what it takes for granted: at least four asserts in a thousand lines of .c, none trivially true."""

import re

from parse_c import sources
from common import finish, read, without_comments

PER_KLOC = 4
ASSERT = re.compile(r"\b(?:static_assert|_Static_assert|assert)\s*\(")
TRUE = re.compile(r"\s*(?:true|!false|[1-9]\d*|(\w+)\s*==\s*\1)\s*[,)]|\s*\"|[^;]*\|\|\s*(?:true|[1-9]\d*)\s*\)\s*;")


def main():
    problems, lines, n = [], 0, 0
    for name in sources():
        text = without_comments(read(name), strings=False)
        lines += text.count("\n")
        for match in ASSERT.finditer(text):
            n += 1
            if TRUE.match(text, match.end()):
                problems.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: this cannot fail")
    print(f"{n} asserts in {lines} lines: {1000 * n / max(lines, 1):.1f} in a thousand")
    if n * 1000 < PER_KLOC * lines:
        problems.append(f"fewer than {PER_KLOC} asserts in a thousand lines: say what functions demand of their callers")
    finish(problems, lines)


main()
