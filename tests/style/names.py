"""No struct of src/ and no function that other files can call has the name of another."""

import collections

from parse_c import ctags, shrink, sources, structs
from common import c_files, finish

# Defined twice today. The lists may only shrink.
KNOWN_STRUCTS = set()
KNOWN_FUNCTIONS = set()


def twice(places):
    return {name: sorted(where) for name, where in places.items() if len(where) > 1}


def main():
    by_struct, by_function = collections.defaultdict(list), collections.defaultdict(list)
    for name in c_files("src/"):
        for struct, _, _ in structs(name):
            by_struct[struct].append(name)
    for tag in ctags(sources()):
        if not tag.get("file") and tag["name"] != "main":
            by_function[tag["name"]].append(tag["path"])
    problems = []
    for kind, places, known in (("struct", by_struct, KNOWN_STRUCTS), ("function", by_function, KNOWN_FUNCTIONS)):
        found = twice(places)
        for problem in shrink(set(known), set(found), "defined twice"):
            name = problem.split(":")[0]
            problems.append(f"{kind} {problem}" + (f" ({', '.join(found[name])})" if name in found else ""))
    finish(problems, len(by_struct) + len(by_function))


main()
