"""A tuttid of one's own: started in a private directory, ended and inspected afterwards."""
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from lib import DEADLINE, TUTTID, procs

SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


def clean_environment(extra=None):
    """Our environment without anything that could configure a daemon, plus extra."""
    dropped = ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "WATCHDOG_USEC")
    env = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_") and k not in dropped}
    env.update(extra or {})
    return env


def run_tuttid(*options, env=None, wrapper=()):
    """Run a tuttid that is expected to end by itself."""
    return subprocess.run([*wrapper, TUTTID, *map(str, options)], env=clean_environment(env), text=True,
                          capture_output=True, timeout=DEADLINE, stdin=subprocess.DEVNULL, check=False)


class Daemon:
    """Use as a context manager; leaving it in peace also checks that nothing stays behind."""

    def __init__(self, *options, media=(), env=None, runtime_dir=None, wrapper=()):
        self.base = Path(tempfile.mkdtemp(prefix="te2e-"))
        self.dir = Path(runtime_dir) if runtime_dir else self.base / "run"
        self.options = [str(option) for option in options]
        for root in media:
            self.options += ["--media-root", str(root)]
        if runtime_dir is None:
            self.options += ["--runtime-dir", str(self.dir)]
        self.env = clean_environment(env)
        self.wrapper = list(wrapper)  # a program that becomes the daemon by exec
        self.control = self.audio = self.process = None
        self.ready_line = ""
        self.family = []

    def start(self):
        self.stderr_path = self.base / "stderr"
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen([*self.wrapper, TUTTID, *self.options], env=self.env, stderr=stderr,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        procs.started.add(self.process.pid)
        self.ready_line = self._read_line()
        words = self.ready_line.split()
        assert words[:1] == ["ready"], f"no ready line: {self.ready_line!r}; {self.stderr()}"
        fields = dict(word.split("=", 1) for word in words[1:])
        self.control, self.audio = fields["control"], fields["audio"]
        return self

    def _read_line(self):
        out, line, end = self.process.stdout, b"", time.monotonic() + DEADLINE
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                assert selector.select(end - time.monotonic()), f"no ready line; {self.stderr()}"
                byte = os.read(out.fileno(), 1)
                if not byte:
                    break
                line += byte
        return line.decode().rstrip("\n")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")[-4000:]

    def processes(self):
        return procs.descendants(self.process.pid)

    def zygote(self, after=()):
        """The process that makes the workers, unless it was there before."""
        known = {p.pid for p in after}
        return next((p for p in self.processes() if p.name == "tutti-worker-z" and p.pid not in known), None)

    def workers(self):
        """All worker processes but the zygote, oldest first."""
        return [p for p in self.processes() if p.name == "tutti-worker"]

    def kill_all(self, name="tutti-worker"):
        """All processes of that name, at once. Who has worked most goes last, so that nobody takes over who is about to
        be killed: three such deaths in a row would count against the medium."""
        for proc in sorted((p for p in self.processes() if p.name == name), key=lambda p: p.ticks):
            os.kill(proc.pid, signal.SIGKILL)

    def signal(self, number=signal.SIGTERM):
        """Send a signal, and remember who has to go with the daemon."""
        self.family = self.processes()
        self.process.send_signal(number)

    def wait(self):
        """The exit code, once the daemon has ended."""
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not end in time; {self.stderr()}") from None

    def stop(self):
        """SIGTERM, then every check of a clean end."""
        if self.process.poll() is None:
            self.signal()
        code = self.wait()
        assert code == 0, f"exit code {code}; {self.stderr()}"
        self.check_nothing_left()

    def check_nothing_left(self):
        rest = self.process.stdout.read()
        assert rest == b"", f"more than one line on standard output: {rest!r}"
        left = procs.wait_gone(self.family + procs.orphans())
        assert not left, f"processes left behind: {left}"
        files = sorted(p.name for p in self.dir.iterdir()) if self.dir.exists() else []
        assert not files, f"files left in the runtime directory: {files}"
        for path in (self.control, self.audio):
            assert not os.path.lexists(path), f"{path} left behind"
        self.check_sanitizers()

    def check_sanitizers(self):
        text = self.stderr_path.read_text(errors="replace")
        assert not any(mark in text for mark in SANITIZER_MARKS), text[-8000:]

    def kill(self):
        """End it at once and unchecked; its processes too."""
        if self.process and self.process.poll() is None:
            self.family = self.processes()
            self.process.kill()
            self.process.wait()
        for proc in procs.wait_gone(self.family + procs.orphans(), 3):
            os.kill(proc.pid, signal.SIGKILL)
        if self.process:
            self.process.stdout.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            elif self.process:
                print("the daemon's standard error:\n" + self.stderr())
        finally:
            self.kill()


def lacking():
    """Which of the walls (seccomp, landlock) this machine or build lacks, by the daemon's own word."""
    done = subprocess.run([TUTTID, "--require-sandbox", "--control", "/nowhere/c", "--audio", "/nowhere/a"],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    return [wall for wall in ("seccomp", "landlock") if f"there is no {wall}" in done.stderr.lower()]
