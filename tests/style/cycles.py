"""Inside a folder of src/, files call each other without a cycle, and headers include each other without one."""

import collections
import pathlib
import re

from parse_c import calls, functions, shrink
from common import c_files, finish, read, without_comments

# In a cycle today. The list may only shrink.
KNOWN = {
    "src/media/serve.c",
    "src/media/serve_hear.c",
    "src/media/serve_next.c",
    "src/media/serve_say.c",
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([\w/]+)\.h"', re.M)


def folder_of(name):
    return pathlib.PurePath(name).parts[1]


def include_edges(files):
    for name in files:
        for target in INCLUDE.findall(without_comments(read(name), strings=False)):
            other = f"src/{target}.h"
            if folder_of(other) == folder_of(name):
                yield name, other


def call_edges(files):
    defined = functions(files)
    homes = {(folder_of(f.file), f.name): f.file for f in defined if not f.is_static}
    own = {(f.file, f.name) for f in defined if f.is_static}
    for function in defined:
        for name in calls(function):
            other = homes.get((folder_of(function.file), name))
            if other and other != function.file and (function.file, name) not in own:
                yield function.file, other


def reached(graph, start):
    seen, todo = set(), [start]
    while todo:
        for other in graph[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    return seen


def in_cycles(graph):
    """The nodes that reach themselves."""
    return {node for node in list(graph) if node in reached(graph, node)}


def main():
    files = c_files("src/")
    graph = collections.defaultdict(set)
    for name, other in (*include_edges(files), *call_edges(files)):
        graph[name].add(other)
    looped = in_cycles(graph)
    problems = []
    for problem in shrink(KNOWN, looped, "in a cycle of its folder"):
        name = problem.split(":")[0]
        back = [other for other in sorted(graph[name] & looped) if name in reached(graph, other)]
        problems.append(f"{problem}, by way of {', '.join(back)}" if name in looped else problem)
    finish(problems, len(files))


main()
