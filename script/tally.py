"""Counts test results: `N passed, N failed` over everything named, after the names of what was skipped and
of what failed, with the end of what each failure had to say.

Usage: tally.py FILE...
FILE is meson's testlog.json, a JUnit XML file (pytest), what node's test runner printed (.nodelog),
or NAME.ok / NAME.failed, which count one step. A program of several cmocka tests counts each of them, one that dies before it has reported
counts as one failure. Nothing passed at all is a failure too.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

LINES_OF_A_FAILURE = 25


def cmocka_counts(entry):
    """(passed, failed) as cmocka's own summary lines say."""
    output = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M)))
    failed = sum(map(int, re.findall(r"^\[  FAILED  \] (\d+) test", output, re.M)))
    return passed, failed


def meson_results(path):
    """Yields (name, passed, failed, skipped, what it said) of each program meson ran."""
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        name = entry["name"]
        passed, failed = cmocka_counts(entry)
        if entry["result"] == "SKIP":
            yield name, 0, 0, 1, ""
        elif entry["result"] in ("OK", "EXPECTEDFAIL"):
            yield name, max(passed, 1), 0, 0, ""
        else:
            said = (entry.get("stdout") or "") + (entry.get("stderr") or "")
            yield f"{name} ({entry['result'].lower()})", passed, max(failed, 1), 0, said


def junit_results(path):
    """Yields (name, passed, failed, skipped, what it said) of each test case."""
    cases = list(xml.parse(path).getroot().iter("testcase"))
    if not cases:
        yield f"{path.stem}: no test ran", 0, 1, 0, ""
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = case.find("failure")
        if bad is None:
            bad = case.find("error")
        if bad is not None:
            yield name, 0, 1, 0, bad.text or bad.get("message") or ""
        elif case.find("skipped") is not None:
            yield name, 0, 0, 1, ""
        else:
            yield name, 1, 0, 0, ""


def node_results(path):
    """Yields the sums of each run in the log, and what failed by name."""
    text = path.read_text(encoding="utf-8", errors="replace")

    def total(word):
        return sum(map(int, re.findall(rf"^\S+ {word} (\d+)$", text, re.M)))

    passed, failed = total("pass"), total("fail") + total("cancelled")
    if not failed and (not passed or re.search(r"^# ended with ", text, re.M)):
        failed = 1
    bad = re.findall(r"^(?:not ok|✖) .*$", text, re.M)
    yield "node's test runner", passed, failed, total("skipped"), "\n".join(bad)


def step_results(path):
    failed = path.suffix == ".failed"
    log = path.with_suffix(".log")
    said = log.read_text(encoding="utf-8", errors="replace") if failed and log.exists() else ""
    yield path.stem, int(not failed), int(failed), 0, said


def main():
    readers = {".json": meson_results, ".xml": junit_results, ".nodelog": node_results}
    passed = failed = 0
    failures = []
    for path in map(pathlib.Path, sys.argv[1:]):
        for name, ok, bad, skipped, said in readers.get(path.suffix, step_results)(path):
            passed += ok
            failed += bad
            if bad:
                failures.append(f"FAILED {path.stem}: {name}")
                failures += (f"    {line}" for line in said.splitlines()[-LINES_OF_A_FAILURE:])
            if skipped:
                print(f"skipped {path.stem}: {name}")
    for line in failures:
        print(line)
    if not passed and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
