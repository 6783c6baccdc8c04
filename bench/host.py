"""What runs where: processes seen through /proc, and a description of the machine."""
import os
import platform
import re
import shutil
import subprocess

NS = 1_000_000_000


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def children(pid):
    """All processes below pid."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = read(f"/proc/{entry}/stat")
            if stat:
                parents[int(entry)] = int(stat[stat.rindex(")") + 2:].split()[1])
    below, grown = {pid}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return sorted(below - {pid})


def name(pid):
    return read(f"/proc/{pid}/comm").strip()


def cpu_ns(pid):
    """CPU time of all threads, exact to the last time each left its processor."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0
    return sum(int((read(f"/proc/{pid}/task/{task}/schedstat") or "0").split()[0]) for task in tasks)


def wakeups(pid):
    """Times its threads went to sleep of their own accord."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0
    found = (re.search(r"^voluntary_ctxt_switches:\s+(\d+)", read(f"/proc/{pid}/task/{task}/status"), re.M)
             for task in tasks)
    return sum(int(match.group(1)) for match in found if match)


def memory_kb(pid):
    """Its share of memory and its page tables: {pss, private, tables} [KiB]."""
    rollup, status = read(f"/proc/{pid}/smaps_rollup"), read(f"/proc/{pid}/status")

    def kb(text, field):
        return sum(int(n) for n in re.findall(rf"^{field}:\s+(\d+) kB", text, re.M))

    return {"pss": kb(rollup, "Pss"), "tables": kb(status, "VmPTE"),
            "private": kb(rollup, "Private_Dirty") + kb(rollup, "Private_Clean")}


def scheduling(pid):
    """What the process has of the precedence that it asked for."""
    if os.sched_getscheduler(pid) & 0xff == os.SCHED_FIFO:
        return "real-time"
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    return f"nice {nice}" if nice else "ordinary"


class SystemCalls:
    """Counts the system calls of one process over a while, by perf or else by strace."""

    def __init__(self, pid, seconds):
        self.process, self.tool = None, None
        if shutil.which("perf"):
            self.tool = "perf"
            command = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(pid), "sleep", str(seconds)]
        elif shutil.which("strace"):
            self.tool = "strace"
            command = ["timeout", "-s", "INT", str(seconds), "strace", "-f", "-qq", "-c", "-p", str(pid)]
        else:
            return
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def count(self):
        """Waits for the end of the while; None when nothing could count."""
        if not self.process:
            return None
        text = self.process.communicate(timeout=60)[1]
        pattern = r"^(\d+),.*sys_enter" if self.tool == "perf" else r"(\d+)(?:\s+\d+)? total$"
        match = re.search(pattern, text, re.M)
        return int(match.group(1)) if match else None


def available_mb():
    match = re.search(r"^MemAvailable:\s+(\d+)", read("/proc/meminfo"), re.M)
    return int(match.group(1)) // 1024 if match else 0


def load():
    return os.getloadavg()[0]


def describe():
    cpu = re.search(r"^model name\s*:\s*(.*)", read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M)
    return {
        "cpu": cpu.group(1) if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_mb": int(memory.group(1)) // 1024 if memory else None,
        "kernel": platform.release(),
        "virtual": "hypervisor" in read("/proc/cpuinfo"),
    }


def label():
    """A file name for this kind of machine; its host's name is nobody's business."""
    about = describe()
    words = re.sub(r"\(.*?\)|@.*|CPU|Processor|\d+-Core", " ", about["cpu"])
    return "-".join(re.findall(r"[a-z0-9.]+", words.lower())[:5] + [f"{about['cores']}-cores"])
