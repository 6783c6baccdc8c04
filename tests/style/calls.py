"""Calls that have a safer sibling, and notes that should have been an issue, stay out of src/."""

import re

from common import c_files, finish, read, without_comments

CALLS = {
    "usleep": "wait for an event with a deadline",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strcpy": "snprintf or memcpy with a length",
    "strcat": "snprintf",
    "strncpy": "snprintf or memcpy with a length",
    "gets": "fgets",
    "atoi": "strtol, with a check of its end",
    "atol": "strtol, with a check of its end",
    "atof": "strtod, with a check of its end",
    "system": "posix_spawn or uv_spawn with an argument vector",
    "popen": "posix_spawn or uv_spawn with an argument vector",
    "alloca": "a bounded array or the heap",
    "strtok": "strsep or strtok_r",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")
ANY_CHILD = re.compile(r"\bwaitpid\s*\(\s*-1\b")
NOTE = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def main():
    files = c_files("src/")
    problems = []
    for name in files:
        text = read(name)
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            for match in CALL.finditer(line):
                call = match.group(1)
                problems.append(f"{name}:{number}: {call}() is not used here: {CALLS[call]}")
            if ANY_CHILD.search(line):
                problems.append(f"{name}:{number}: waitpid(-1) would take libuv's children: "
                                "wait for a pid")
        for number, line in enumerate(text.split("\n"), 1):
            if NOTE.search(line):
                problems.append(f"{name}:{number}: a note to oneself belongs in an issue")
    finish(problems, len(files))


main()
