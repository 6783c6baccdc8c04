"""Lets the allocations of src/ fail, one in each run of a unit test.

Usage: sweep.py FAIL_ALLOC_LIBRARY SECONDS TEST [ARGUMENT...] [-- TEST [ARGUMENT...]]...

An assertion of the test may fail. But no program may die of a signal, nor run in a circle: a failed
allocation ends one session, never the process. Each place that allocates has its turns (the first,
the last, some between), those that had the fewest first, until all had or SECONDS are over.
SWEEP_ALL=1 tries every single allocation, however long that takes.
"""

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

TURNS = 6  # of each place
WAIT_S = 4  # longer than usual: a test that waits for an event which never comes is ended
BUSY = 0.7  # the part of its time which, spent on the processor, is a circle

EVERY = os.environ.get("SWEEP_ALL") == "1"


class Test:
    def __init__(self, command, library):
        self.command = command
        self.name = pathlib.Path(command[0]).name
        self.library = library
        self.usual_s = 30 - WAIT_S  # until it is known
        self.functions = self._functions()

    def _functions(self):
        """[(from, to, function, source file or "")], of the program."""
        listed = subprocess.run(["readelf", "-sW", self.command[0]], capture_output=True, text=True,
                                check=True, timeout=20).stdout
        functions, source = [], ""
        for line in listed.splitlines():
            row = line.split()
            if len(row) < 8 or not row[0].rstrip(":").isdigit():
                continue
            kind, binding, name = row[3], row[4], row[7]
            if kind == "FILE":
                source = name
            elif kind == "FUNC" and row[6] != "UND":
                size = int(row[2], 0)
                start = int(row[1], 16)
                functions.append((start, start + size, name, source if binding == "LOCAL" else ""))
        return functions

    def own(self):
        """The functions of the test, whose own allocations do not fail."""
        return [(start, end) for start, end, name, source in self.functions
                if source.startswith("test_") or name == "main"]

    def where(self, offset):
        for start, end, name, _ in self.functions:
            if start < offset <= end:
                return name
        return hex(offset)

    def run(self, at, scratch):
        """(status, part of its time on the processor, [callers]) with allocation `at` failing."""
        trace = pathlib.Path(scratch) / f"{self.name}.{at}"
        env = dict(os.environ, LD_PRELOAD=self.library, FAIL_ALLOC_AT=str(at), TMPDIR=str(scratch),
                   FAIL_ALLOC_TRACE=str(trace), MALLOC_PERTURB_="165",
                   FAIL_ALLOC_SKIP=",".join(f"{a:x}-{b:x}" for a, b in self.own()))
        with open(os.devnull, "r+b") as null:
            child = subprocess.Popen(self.command, stdin=null, stdout=null, stderr=null, env=env,
                                     start_new_session=True)
        begin = time.monotonic()
        status, busy = wait(child, self.usual_s + WAIT_S)
        if at == 0:
            self.usual_s = time.monotonic() - begin
        callers = [int(line, 16) for line in trace.read_text().split()] if trace.exists() else []
        trace.unlink(missing_ok=True)
        return status, busy, callers


def wait(child, seconds):
    """(status or None at the deadline, part of that time for which the child alone was busy)"""
    busy = 0.0
    try:
        status = child.wait(seconds)
    except subprocess.TimeoutExpired:
        fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        busy = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") / seconds
        status = None
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    return status, busy


def turns(callers):
    """[(how many turns its place had before, which allocation)]"""
    places = {}
    for n, caller in enumerate(callers, 1):
        places.setdefault(caller, []).append(n)
    for all_of in places.values():
        if EVERY or len(all_of) <= TURNS:
            chosen = all_of
        else:
            step = (len(all_of) - 1) / (TURNS - 1)
            chosen = [all_of[round(i * step)] for i in range(TURNS)]
        yield from enumerate(chosen)


def judge(test, at, scratch):
    """(what is wrong or None, whether the test waited in vain)"""
    status, busy, callers = test.run(at, scratch)
    if len(callers) < at:
        return None, False  # not reached this time
    place = f"{test.name}: allocation {at}, in {test.where(callers[at - 1])}()"
    if status is None and busy > BUSY:
        return f"{place}: runs in a circle", False
    if status is not None and status < 0:
        return f"{place}: {signal.Signals(-status).name}", False
    return None, f"{place}: waits in vain" if status is None else False


def plan(tests, scratch, pool):
    """[(turn, test, which allocation)], the first turns of all places first"""
    wanted, problems = [], []
    for test, (status, _, callers) in zip(tests, pool.map(lambda t: t.run(0, scratch), tests)):
        if status != 0:
            problems.append(f"{test.name}: ends with {status} where no allocation fails")
        wanted += [(turn, test, at) for turn, at in turns(callers)]
    return sorted(wanted, key=lambda w: w[0]), problems


def sweep(tests, seconds):
    deadline = time.monotonic() + seconds

    def turn(wanted):
        if not EVERY and time.monotonic() > deadline:
            return None
        return judge(wanted[1], wanted[2], scratch)

    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        wanted, problems = plan(tests, scratch, pool)
        n_judged = 0
        for judged in pool.map(turn, wanted):
            if judged is None:
                continue
            problem, vain = judged
            n_judged += 1
            if problem:
                problems.append(problem)
            if problem or vain:
                print(problem or vain, flush=True)  # to see it before all are done
    print(f"{n_judged} of {len(wanted)} allocations failed, "
          f"{len({w[1].name for w in wanted})} programs")
    return problems


def main():
    library, seconds, rest = sys.argv[1], float(sys.argv[2]), "\n".join(sys.argv[3:])
    tests = [Test(part.split("\n"), library) for part in re.split(r"\n--\n", rest)]
    problems = sweep(tests, seconds)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
