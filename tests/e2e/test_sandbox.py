"""A worker's walls, tried inside the real process of a real daemon, and the watchdog over it.

A debugger has the worker make the attempt, so that what is tested is what tutti-worker has put up
around itself. tests/unit/test_sandbox.c has many more attempts, and each wall alone.
"""
import errno
import os
import re
import signal
import subprocess
import time

import pytest

from lib import BUILD, DEADLINE, frames_of, procs
from lib.client import PLENTY, Client
from lib.daemon import lacking, run_tuttid
from lib.network import bot, net, server  # noqa: F401

INJECT = BUILD / "tests/sandbox/inject"
OLD_KERNEL = BUILD / "tests/sandbox/old_kernel"
CONFINE = BUILD / "tutti-confine"
SKIP = 77
BOTH = "seccomp,landlock"


MISSING = lacking()
needs_walls = pytest.mark.skipif(bool(MISSING), reason=f"no {MISSING} here, or a build with a sanitizer")

# With a sanitizer the watchdog waits five times as long.
impatient = pytest.mark.skipif(len(MISSING) == 2, reason="takes too long in a build with a sanitizer")


def inject(worker, *words):
    """What came of it, or a skip where no process may be traced."""
    done = subprocess.run([INJECT, str(worker.pid), *map(str, words)], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    if done.returncode == SKIP:
        pytest.skip("no process may be traced here: " + done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def only_worker(daemon):
    workers = daemon.workers()
    assert workers, "no worker below the daemon"
    return max(workers, key=lambda p: (p.ticks, p.start))


def logged(daemon, pattern):
    """The first match in the daemon's log, as soon as there is one."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = re.search(pattern, daemon.stderr_path.read_text(errors="replace"))
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no {pattern!r} in the log: {daemon.stderr()}")


def status_of(proc):
    with open(f"/proc/{proc.pid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def limits_of(proc):
    with open(f"/proc/{proc.pid}/limits", encoding="ascii") as file:
        rows = [re.split(r" {2,}", line.strip()) for line in file][1:]
    return {row[0]: row[2] for row in rows}


@needs_walls
@pytest.mark.parametrize("who", ["worker", "zygote"])
def test_they_stand_behind_their_walls(daemon, media, who):
    with Client(daemon) as client:
        client.start(media.wav(5.0), credit=5)
        proc = only_worker(daemon) if who == "worker" else daemon.zygote()
        status = status_of(proc)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", status
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        limits = limits_of(proc)
        assert limits["Max core file size"] == "0"
        if who == "worker":
            assert int(status.get("Seccomp_filters", "2")) == 2, "the zygote's and its own"
            assert limits["Max data size"] == str(256 << 20)
            assert limits["Max address space"] == str(1 << 30)
            assert limits["Max processes"] == "0" and int(limits["Max open files"]) <= 64
        # What is not dumpable belongs to root in /proc, and its files cannot be read by its user.
        assert os.stat(f"/proc/{proc.pid}/environ").st_uid == 0
        if os.getuid() == 0:
            with open(f"/proc/{proc.pid}/environ", "rb") as file:
                assert file.read() == b""


ATTEMPTS = {
    "exec": ("execve", "@/bin/true", 0, 0),
    "open to read": ("openat", -100, "@/etc/passwd", 0),
    "open to write": ("openat", -100, "@/tmp/tutti-must-not-be", 0o101, 0o600),
    "socket": ("socket", 2, 1, 0),
    "connect": ("connect", 4, "@xxxxxxxxxxxxxxxx", 16),
    "ptrace": ("ptrace", 16, 1, 0, 0),
    "fork": ("fork",),
    "clone": ("clone", 17, 0, 0, 0, 0),
    "thread": ("clone3", "@", 88),
    "kill": ("kill", 1, 0),
    "code": ("mmap", 0, 4096, 7, 0x22, -1, 0),
    "ring": ("ftruncate", 3, 0),
    "stat": ("newfstatat", -100, "@/etc/passwd", "@", 0),
}


@needs_walls
def test_what_a_worker_attempts_ends_it(new_daemon, media):
    """Each with its reason in the log; the music goes on, with nothing missing."""
    daemon = new_daemon("--max-workers", 2)
    for name, (call, *arguments) in ATTEMPTS.items():
        with Client(daemon) as client:
            started = client.start(media.wav(3.0), credit=20)
            client.audio.wait_frames(started["channel"], 20)
            victim = only_worker(daemon)
            told = inject(victim, "call", call, *arguments)
            assert told.startswith("died of signal"), f"{name}: {told}"
            found = logged(daemon, rf"worker {victim.pid} died: (.*)")
            assert re.fullmatch(rf"forbidden system call {call} \(\d+\)", found[1]), found[0]
            client.audio.credit(started["channel"], PLENTY)
            end = client.control.terminal(started["play_id"])
            assert (end["type"], end["frames"]) == ("finished", frames_of(3 * 48000)), (name, end)
            client.audio.wait_ends(started["channel"]).check()
    assert not os.path.exists("/tmp/tutti-must-not-be")


@needs_walls
def test_what_a_worker_is_refused(new_daemon, media):
    """More memory than it may have, and to write where it may only read: an error, not a death."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        started = client.start(media.wav(20.0), credit=20)
        client.audio.wait_frames(started["channel"], 20)
        worker = only_worker(daemon)
        assert inject(worker, "call", "getpid") == f"returned {worker.pid}"
        for size in (300 << 20, 2 << 30):
            assert inject(worker, "call", "mmap", 0, size, 3, 0x22, -1, 0) == "returned -12"
        client.audio.credit(started["channel"], PLENTY)
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(20 * 48000)
        client.audio.wait_ends(started["channel"]).check()
        assert "died" not in daemon.stderr()


@needs_walls
def test_the_fetcher_is_kept_from_its_user(net, server, bot, media):
    """The daemon's socket and those of other services let in whoever is of this user."""
    with open(media.wav(3.0), "rb") as file:
        server.add("/kept.wav", file.read(), type="audio/wav")
    assert bot.play_through(server.url("/kept.wav", "localhost")).end["type"] == "finished"
    fetcher = next(p for p in net.processes() if p.name == "tutti-fetch")
    for kind in (1, 2, 5):
        assert inject(fetcher, "call", "socket", 1, kind, 0) == f"returned -{errno.EAFNOSUPPORT}", kind
    assert inject(fetcher, "call", "socketpair", 1, 2, 0, "@xxxxxxxx") == f"returned -{errno.EAFNOSUPPORT}"
    assert inject(fetcher, "call", "socketpair", 1, 1, 0, "@xxxxxxxx") == "returned 0"
    assert int(inject(fetcher, "call", "socket", 2, 1, 0).split()[1]) > 3
    assert bot.play_through(server.url("/kept.wav")).end["type"] == "finished"


def test_a_worker_forges_no_line_of_the_log(new_daemon, media):
    """Its standard error is not the daemon's, and what it writes there is told as the worker's."""
    forged = "tuttid: error: pool: it was the butler\n\x1b[2Jtuttid: error: daemon: shutting down\n"
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        client.start(media.wav(5.0), credit=5)
        worker = only_worker(daemon)
        assert os.readlink(f"/proc/{worker.pid}/fd/2").startswith("pipe:")
        with open(f"/proc/{worker.pid}/fdinfo/2", encoding="ascii") as file:
            flags = dict(line.split(":\t") for line in file)["flags"]
        assert int(flags, 8) & os.O_NONBLOCK, "who writes into a full pipe waits"
        assert inject(worker, "call", "write", 2, "@" + forged, len(forged)) == f"returned {len(forged)}"
        logged(daemon, r"(?m)^tuttid: error: worker: tuttid: error: pool: it was the butler$")
        logged(daemon, r"(?m)^tuttid: error: worker: .\[2Jtuttid: error: daemon: shutting down$")
        log = daemon.stderr_path.read_text()
        assert "\x1b" not in log and not re.search(r"(?m)^tuttid: error: (pool|daemon)", log), log


@needs_walls
@pytest.mark.parametrize("wall", ["seccomp", "landlock"])
def test_one_wall_holds_without_the_other(new_daemon, media, wall):
    """On a kernel that lacks one, which is said once: music, and the other wall."""
    daemon = new_daemon("--warm-workers", 0, wrapper=[OLD_KERNEL, wall])
    with Client(daemon) as client:
        log = daemon.stderr_path.read_text(errors="replace")
        assert len(re.findall(rf"(?i)there is no {wall} here", log)) == 1
        assert log.lower().count("there is no") == 1
        started = client.start(media.wav(3.0), credit=20)
        client.audio.wait_frames(started["channel"], 20)
        worker = only_worker(daemon)
        told = inject(worker, "call", "openat", -100, "@/etc/passwd", 0)
        if wall == "landlock":
            assert told.startswith("died of signal")
            logged(daemon, rf"worker {worker.pid} died: forbidden system call openat")
        else:
            assert told == "returned -13"
            assert inject(worker, "call", "execve", "@/bin/true", 0, 0) == "returned -13"
        client.audio.credit(started["channel"], PLENTY)
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(3 * 48000)


@needs_walls
def test_without_any_wall_music_plays(new_daemon, media):
    with Client(new_daemon(wrapper=[OLD_KERNEL, BOTH])) as client:
        client.play_through(media.wav(1.0)).check_complete(51)
        client.play_through(media.opus(1.0))


@needs_walls
@pytest.mark.parametrize("walls", ["seccomp", "landlock", BOTH])
def test_a_sandbox_may_be_required(tmp_path, walls):
    done = run_tuttid("--runtime-dir", tmp_path / "run", "--require-sandbox", wrapper=[OLD_KERNEL, walls])
    assert done.returncode == 111, done.stderr
    assert f"there is no {walls.split(',', maxsplit=1)[0]}" in done.stderr.lower()
    assert done.stdout == ""


@needs_walls
def test_a_required_sandbox_that_is_there(new_daemon, media):
    daemon = new_daemon("--require-sandbox")
    with Client(daemon) as client:
        client.play_through(media.wav(1.0)).check_complete(51)
        assert "there is no" not in daemon.stderr()


def through_a_death(daemon, path, n_frames, harm):
    """Plays it, harms the worker on the way, and takes all there is: nothing may be missing."""
    with Client(daemon) as client:
        started = client.start(path, credit=30)
        client.audio.wait_frames(started["channel"], 30)
        harm(only_worker(daemon))
        client.audio.credit(started["channel"], PLENTY)
        end = client.control.terminal(started["play_id"], 60)
        assert (end["type"], end["frames"]) == ("finished", n_frames), end
        client.audio.wait_ends(started["channel"]).check()
        warnings = [e["code"] for e in client.control.of_play(started["play_id"]) if e["type"] == "warning"]
        assert warnings == ["worker_restarted"]


def test_a_worker_that_is_stopped_for_good(new_daemon, media):
    """Held for dead: the play goes on with another one."""
    daemon = new_daemon("--warm-workers", 0)
    through_a_death(daemon, media.wav(20.0), frames_of(20 * 48000), lambda p: os.kill(p.pid, signal.SIGSTOP))
    logged(daemon, r"worker \d+ died: it hangs")


@impatient
def test_a_worker_that_spins(new_daemon, media):
    daemon = new_daemon("--warm-workers", 0)
    through_a_death(daemon, media.wav(20.0), frames_of(20 * 48000), lambda p: inject(p, "spin"))
    logged(daemon, r"worker \d+ died: it works without end")


@impatient
def test_an_idle_worker_that_spins(new_daemon, media):
    """It burns the processor for nobody, until it is found out."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        client.play_through(media.wav(0.5)).check_complete(frames_of(24000))
        [victim] = daemon.workers()  # one that has never played is given more time
        inject(victim, "spin")
        assert not procs.wait_gone([victim], 60), "it still spins"
        client.play_through(media.wav(0.5)).check_complete(frames_of(24000))


@impatient
def test_a_stopped_zygote_is_replaced(new_daemon, media):
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        end = time.monotonic() + DEADLINE
        while not (zygote := daemon.zygote()) and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(zygote.pid, signal.SIGSTOP)
        tag = client.control.send("play", channel_id="77", url=media.wav(0.5))
        client.audio.credit(77, PLENTY)
        assert client.control.answer(tag, 90)["type"] == "ready"
        logged(daemon, "the zygote does not answer")


def test_nobody_dies_of_a_daemon_that_was_stopped(new_daemon, media):
    """Longer than the watchdog's patience: workers are judged by the daemon's own waking time."""
    daemon = new_daemon()
    with Client(daemon, "paced") as client:
        started = client.start(media.wav(2.0))
        client.audio.wait_frames(started["channel"], 20)
        everybody = daemon.workers()
        for proc in everybody:
            os.kill(proc.pid, signal.SIGSTOP)
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(3.6)
        daemon.process.send_signal(signal.SIGCONT)
        for proc in everybody:
            os.kill(proc.pid, signal.SIGCONT)
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(2 * 48000)
        client.audio.wait_ends(started["channel"]).check()
        assert "died" not in daemon.stderr()


def test_a_paused_play_is_left_alone(new_daemon, media):
    """Its worker makes no frames for a good reason; so does one whose source has ended."""
    daemon = new_daemon("--warm-workers", 0)
    with Client(daemon) as client:
        long = client.start(media.wav(20.0), credit=10)
        short = client.start(media.wav(2.0), credit=10)
        client.expect("paused", "pause", long["channel"])
        time.sleep(4.5)
        client.expect("resumed", "resume", long["channel"])
        for started, seconds in ((long, 20), (short, 2)):
            client.audio.credit(started["channel"], PLENTY)
            assert client.control.terminal(started["play_id"])["frames"] == frames_of(seconds * 48000)
        assert "died" not in daemon.stderr()


@needs_walls
def test_what_an_extractor_may_do(tmp_path):
    """Run programs and write where it was told to; neither read what is private nor trace."""
    private, scratch = tmp_path / "private", tmp_path / "scratch"
    private.write_text("secret")
    scratch.mkdir()
    script = f"""
        echo run; cat {private} 2>/dev/null; echo no >{tmp_path}/new; echo yes >{scratch}/new; cat {scratch}/new
        cat /etc/hostname >/dev/null && echo etc; ls {tmp_path} 2>/dev/null; ulimit -d; echo pid $$
        /usr/bin/python3 -c 'import ssl, urllib.request; print("python")'"""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([CONFINE, "--write", scratch, "--", "sh", "-c", script], text=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, _ = child.communicate(timeout=DEADLINE)
        assert out.split("\n") == ["run", "yes", "etc", "1048576", f"pid {child.pid}", "python", ""], out
    assert not (tmp_path / "new").exists()


REACH_OUT = """
import errno, os, shutil, socket, subprocess, sys
def attempt(name, act):
    try:
        act()
        print(name, "done")
    except OSError as e:
        print(name, errno.errorcode.get(e.errno, e))
def connect():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(sys.argv[1])
attempt("connect", connect)
attempt("pair", socket.socketpair)
attempt("datagrams", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
attempt("child", lambda: subprocess.run(["true"], check=True))
attempt("session", lambda: subprocess.run(["true"], start_new_session=True))
attempt("group", lambda: os.setpgid(0, 0))
attempt("names", lambda: socket.getaddrinfo("localhost", 80))
script = 'require("child_process").spawnSync("true"); require("net").createServer().listen(0, "127.0.0.1", () => process.exit(0))'
attempt("node", lambda: shutil.which("node") is None or subprocess.run(["node", "-"], input=script, text=True, check=True))
"""


@needs_walls
def test_an_extractor_is_kept_from_the_daemon(daemon):
    """It is of the daemon's user, whom the control socket lets in; and it ends with its group."""
    refused = {"connect": "EAFNOSUPPORT", "datagrams": "EAFNOSUPPORT", "session": "EPERM", "group": "EPERM"}
    for walls, expected in (([], {}), ([CONFINE, "--"], refused)):
        done = subprocess.run([*walls, "/usr/bin/python3", "-c", REACH_OUT, daemon.control], capture_output=True,
                              text=True, timeout=DEADLINE, check=False)
        became = dict(line.split() for line in done.stdout.splitlines())
        assert len(became) == 8, done
        assert became == {name: expected.get(name, "done") for name in became}, done


@pytest.mark.parametrize("words, code", [([], 100), (["--no"], 100), (["--", "/nowhere/x"], 127), (["--version"], 0)])
def test_usage_of_confine(words, code):
    done = subprocess.run([CONFINE, *words], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == code, done
