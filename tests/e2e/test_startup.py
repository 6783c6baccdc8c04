"""Starting: sockets, lock, configuration, and refusals that say what is wrong."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from lib import DEADLINE, TUTTID, procs
from lib.client import Client
from lib.control import Control
from lib.daemon import Daemon, clean_environment, run_tuttid


def seats(daemon):
    """The value of max-workers, as the daemon shows it."""
    with Control(daemon) as control:
        return control.expect("stats", "stats")["workers"]["max"]


def test_ready_line(daemon):
    """One line, and both sockets accept when it comes."""
    assert daemon.ready_line == f"ready control={daemon.control} audio={daemon.audio}"
    for path in (daemon.control, daemon.audio):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
    assert os.path.dirname(daemon.control) == str(daemon.dir)


@pytest.mark.parametrize("variables, where", [
    ({"RUNTIME_DIRECTORY": "{base}/a", "XDG_RUNTIME_DIR": "{base}/b"}, "{base}/a"),
    ({"XDG_RUNTIME_DIR": "{base}/b"}, "{base}/b/tutti"),
])
def test_runtime_directory_by_environment(tmp_path_factory, variables, where):
    base = tmp_path_factory.mktemp("rt")
    (base / "a").mkdir(mode=0o700)
    (base / "b").mkdir(mode=0o700)
    env = {k: v.format(base=base) for k, v in variables.items()}
    with Daemon(env=env, runtime_dir=where.format(base=base)) as daemon:
        assert os.path.dirname(daemon.control) == where.format(base=base)
        assert os.path.dirname(daemon.audio) == where.format(base=base)


def test_paths_of_ones_own(tmp_path):
    control, audio = tmp_path / "c.sock", tmp_path / "a.sock"
    with Daemon("--control", control, "--audio", audio) as daemon:
        assert (daemon.control, daemon.audio) == (str(control), str(audio))
        with Client(daemon) as client:
            client.control.sync()


def test_notifies_the_service_manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(DEADLINE)
        with Daemon(env={"NOTIFY_SOCKET": str(tmp_path / "notify")}):
            seen = ""
            while "READY=1" not in seen.split("\n"):
                seen += notify.recv(4096).decode() + "\n"


def test_second_daemon(daemon):
    """111, a message that says why, and the first does not notice."""
    with Control(daemon) as control:
        second = run_tuttid("--runtime-dir", daemon.dir)
        assert second.returncode == 111, second
        assert second.stdout == ""
        assert second.stderr.strip() and str(daemon.dir) in second.stderr, second.stderr
        control.sync()
    with Client(daemon) as client:
        client.control.sync()


def test_stale_sockets_are_replaced(new_daemon, tmp_path):
    """A killed daemon leaves its sockets; the next one takes their place."""
    run = tmp_path / "run"
    first = new_daemon("--runtime-dir", run, runtime_dir=run)
    family = first.processes()
    first.signal(signal.SIGKILL)
    first.process.wait()
    assert os.path.exists(first.control)
    assert not procs.wait_gone(family), "workers outlive the daemon"
    second = new_daemon("--runtime-dir", run, runtime_dir=run)
    with Client(second) as client:
        client.control.sync()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("mine")
    done = run_tuttid("--runtime-dir", tmp_path / "run", "--control", path)
    assert done.returncode in (100, 111) and str(path) in done.stderr, done
    assert path.read_text() == "mine"


def test_impossible_directory(tmp_path):
    (tmp_path / "file").write_text("")
    done = run_tuttid("--runtime-dir", tmp_path / "file" / "below")
    assert done.returncode in (100, 111) and done.stderr.strip(), done


def test_path_too_long_for_a_socket(tmp_path):
    done = run_tuttid("--runtime-dir", tmp_path / ("x" * 120))
    assert done.returncode in (100, 111) and done.stderr.strip(), done


def test_directory_of_somebody_else(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    (tmp_path / "foreign").mkdir()
    os.chown(tmp_path / "foreign", 65534, 65534)
    demote = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"]
    os.chmod(tmp_path, 0o755)
    os.chmod(tmp_path / "foreign", 0o777)
    if subprocess.run([*demote, "test", "-x", TUTTID], check=False).returncode:
        pytest.skip("the build directory is not for others")
    done = subprocess.run([*demote, TUTTID, "--runtime-dir", str(tmp_path / "foreign")], capture_output=True,
                          text=True, timeout=DEADLINE, env=clean_environment(), check=False)
    assert done.returncode in (100, 111) and done.stderr.strip(), done


BAD_OPTIONS = [
    (["--no-such-option"], "no-such-option"), (["--no-such-option=1"], "no-such-option"), (["-Z"], "Z"),
    (["--max-worker", "5"], "max-worker"), (["--log-l=info"], "log-l"), (["--vers"], "vers"),
    (["stray"], "stray"), (["--max-workers"], "max-workers"), (["--max-workers", ""], "max-workers"),
    (["--max-workers", "many"], "max-workers"), (["--max-workers", "0"], "max-workers"),
    (["--max-workers", "-1"], "max-workers"), (["--max-workers", "4097"], "max-workers"),
    (["--max-workers", "5x"], "max-workers"), (["--max-workers", "99999999999999999999"], "max-workers"),
    (["--warm-workers", "-1"], "warm-workers"), (["--worker-idle", "soon"], "worker-idle"),
    (["--client-grace", "-5"], "client-grace"), (["--client-grace", "nan"], "client-grace"),
    (["--buffer", "0"], "buffer"), (["--buffer", "-1"], "buffer"), (["--buffer", "x"], "buffer"),
    (["--bitrate", "1"], "bitrate"), (["--bitrate", "9999999"], "bitrate"),
    (["--complexity", "11"], "complexity"), (["--complexity", "-1"], "complexity"),
    (["--log-level", "chatty"], "log-level"), (["--log-format", "xml"], "log-format"),
    (["--connect-timeout", "x"], "connect-timeout"), (["--stall-timeout", "-1"], "stall-timeout"),
    (["--extract-jobs", "0"], "extract-jobs"), (["--config", "/nowhere/tutti.conf"], "/nowhere/tutti.conf"),
]


@pytest.mark.parametrize("options, name", BAD_OPTIONS, ids=[" ".join(o) or "-" for o, _ in BAD_OPTIONS])
def test_bad_option(tmp_path, options, name):
    """100, and a message that names it."""
    done = run_tuttid("--runtime-dir", tmp_path / "run", *options)
    assert done.returncode == 100, done
    assert name in done.stderr and done.stdout == "", done


@pytest.mark.parametrize("variable, value", [("TUTTI_MAX_WORKERS", "x"), ("TUTTI_MAX_WORKERS", "0"),
                                             ("TUTTI_BUFFER", "deep"), ("TUTTI_COMPLEXITY", "99")])
def test_bad_environment(tmp_path, variable, value):
    done = run_tuttid("--runtime-dir", tmp_path / "run", env={variable: value})
    assert done.returncode == 100, done
    named = done.stderr.lower().replace("_", "-")
    assert variable.lower().replace("_", "-").removeprefix("tutti-") in named, done.stderr


BAD_FILES = {
    "unknown-key": "no-such-key = 1\n", "ill-formed-value": "max-workers = many\n",
    "out-of-range": "max-workers = 0\n", "no-equals": "max-workers 5\n", "no-key": "= 5\n",
    "second-line": "max-workers = 5\nbuffr = 3\n", "config-in-config": "colour = blue\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_configuration_file(tmp_path, name):
    path = tmp_path / "tutti.conf"
    path.write_text(BAD_FILES[name])
    done = run_tuttid("--runtime-dir", tmp_path / "run", "--config", path)
    assert done.returncode == 100 and done.stderr.strip(), done
    key = BAD_FILES[name].splitlines()[-1].partition("=")[0].strip()
    assert key in done.stderr and str(path) in done.stderr, done.stderr


def test_configuration_that_is_a_directory(tmp_path):
    done = run_tuttid("--runtime-dir", tmp_path / "run", "--config", tmp_path)
    assert done.returncode == 100 and str(tmp_path) in done.stderr, done


def test_the_command_line_wins_then_the_environment_then_the_file(new_daemon, tmp_path):
    path = tmp_path / "tutti.conf"
    path.write_text("# seats\n\nmax-workers = 3\n")
    config, env = ["--config", path], {"TUTTI_MAX_WORKERS": "4"}
    assert seats(new_daemon()) == 60
    assert seats(new_daemon(*config)) == 3
    assert seats(new_daemon(*config, env=env)) == 4
    assert seats(new_daemon(*config, "--max-workers", 5, env=env)) == 5
    assert seats(new_daemon("--max-workers=6")) == 6
    assert seats(new_daemon("--max-workers", 4096)) == 4096


def test_media_roots_from_file_and_environment(new_daemon, media, tmp_path):
    path = tmp_path / "tutti.conf"
    path.write_text(f"media-root = {tmp_path}\nmedia-root = {media.root}\n")
    (tmp_path / "song.wav").write_bytes(open(media.wav(1.0), "rb").read())
    with Client(new_daemon("--config", path, roots=[])) as client:
        client.play_through(media.wav(1.0)).check_complete(51)
        client.play_through(tmp_path / "song.wav").check_complete(51)
    with Client(new_daemon(roots=[], env={"TUTTI_MEDIA_ROOT": str(media.root)})) as client:
        client.play_through(media.wav(1.0)).check_complete(51)


def test_a_media_root_that_comes_later(new_daemon, media, tmp_path):
    """It is told of, and no reason to end; what is below it can be played once it is there."""
    root = tmp_path / "disk"
    daemon = new_daemon("--media-root", root, roots=[])
    with Client(daemon) as client:
        song = root / "song.wav"
        assert client.play_through(song).end["code"] == "not_found"
        root.mkdir()
        song.write_bytes(open(media.wav(1.0), "rb").read())
        client.play_through(song).check_complete(51)
    assert str(root) in daemon.stderr()


@pytest.mark.parametrize("option, word", [("--help", "--media-root"), ("--version", "tutti")])
def test_help_and_version(option, word):
    done = run_tuttid(option)
    assert done.returncode == 0 and word in done.stdout and done.stderr == "", done


def test_log_in_json(new_daemon, media):
    """All of it: what the workers say as well."""
    daemon = new_daemon("--log-format", "json", "--log-level", "debug")
    with Client(daemon) as client:
        client.control.send_bytes(b"nonsense \x1b[31m \"quoted\"\n")
        client.play_through(media.wav(1.0)).check_complete(51)
    daemon.stop()
    lines = [json.loads(line) for line in daemon.stderr_path.read_text().splitlines()]
    assert {line["program"] for line in lines} == {"tuttid"}
    said = [line["message"] for line in lines if line["topic"] == "worker" and line["level"] == "debug"]
    assert any("settled at packet" in message for message in said), said
