"""The command line client, as a person uses it."""
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from lib import DEADLINE, FRAME, TUTTI, frames_of, ogg, opus, procs, sound
from lib.audio import Audio
from lib.catalogue import TRANSCODED
from lib.client import PLENTY, Client
from lib.control import Control
from lib.daemon import Daemon, clean_environment
from lib.network import server  # noqa: F401


def tutti(*words, home, env=None, binary=False, seconds=4 * DEADLINE):
    """Run tutti with a runtime directory of its own, so that it finds no other daemon."""
    return subprocess.run([TUTTI, *map(str, words)], capture_output=True, text=not binary, timeout=seconds,
                          env=clean_environment({"XDG_RUNTIME_DIR": str(home), **(env or {})}),
                          stdin=subprocess.DEVNULL, check=False)


@pytest.fixture
def home(tmp_path):
    """A runtime directory without a daemon; afterwards nothing of a private one is left."""
    if os.path.exists("/run/tutti/control.sock"):
        pytest.skip("the system's daemon runs, and would be found")
    path = tmp_path / "xdg"
    path.mkdir(mode=0o700)
    yield path
    assert not procs.wait_gone(procs.orphans()), "processes left behind"
    left = [os.path.join(d, f) for d, _, files in os.walk(path) for f in files]
    assert not left, f"left behind: {left}"


@pytest.fixture
def served(tmp_path, media):
    """A runtime directory with a daemon in the usual place: (directory, daemon)."""
    path = tmp_path / "xdg"
    path.mkdir(mode=0o700)
    with Daemon(media=[media.root], env={"XDG_RUNTIME_DIR": str(path)}, runtime_dir=path / "tutti") as daemon:
        yield path, daemon


def check_ogg(path, source, passed=False):
    """A correct Ogg Opus file: what any player makes of it is the source."""
    file = ogg.read(path)
    assert all(page.intact for page in file.pages), "a checksum is wrong"
    assert [page.number for page in file.pages] == list(range(len(file.pages)))
    assert len({page.serial for page in file.pages}) == 1
    assert file.pages[0].flags & 2 and file.pages[-1].flags & 4, "first and last page are marked"
    assert not any(page.flags & 4 for page in file.pages[:-1])
    granules = [page.granule for page in file.pages[2:] if page.packets]
    assert granules == sorted(granules)
    assert file.pre_skip == 312, "the encoder's look-ahead"
    assert len(file.packets) == frames_of(len(source))
    assert all(opus.samples(packet) == FRAME for packet in file.packets)
    assert abs(file.samples - len(source)) <= 48, f"{file.samples} samples, the source has {len(source)}"
    heard = sound.reference.__wrapped__(str(path))
    assert sound.lag_of(heard, source) == 0, "pre-skip and audio do not agree"
    assert sound.snr(heard, source, 0, skip=4800) > (40 if passed else sound.oracle(source) - 2)


@pytest.mark.parametrize("name", ["mp3-cbr", "flac", "vorbis", "wav-16"])
def test_play_to_a_file(home, media, tmp_path, name):
    path, out = media.make(name, TRANSCODED[name].recipe), tmp_path / "out.ogg"
    done = tutti("play", path, "--out", out, home=home)
    assert done.returncode == 0, done
    check_ogg(out, sound.reference(path))


def test_play_opus_to_a_file(home, media, tmp_path):
    out = tmp_path / "out.ogg"
    assert tutti("play", media.opus(2.0), "--out", out, home=home).returncode == 0
    check_ogg(out, sound.reference(media.opus(2.0)), passed=True)


def test_other_programs_accept_the_file(home, media, tmp_path):
    out = tmp_path / "out.ogg"
    assert tutti("play", media.wav(2.0), "--out", out, home=home).returncode == 0
    probe = subprocess.run(["ffprobe", "-v", "warning", "-show_entries", "format=duration:stream=codec_name",
                            "-of", "json", out], capture_output=True, text=True, check=True)
    assert probe.stderr == ""
    told = json.loads(probe.stdout)
    assert [s["codec_name"] for s in told["streams"]] == ["opus"]
    # ffprobe counts the pre-skip in.
    assert float(told["format"]["duration"]) == pytest.approx(2.0, abs=0.01)
    info = subprocess.run(["opusinfo", out], capture_output=True, text=True, check=True)
    text = info.stdout + info.stderr
    assert "WARNING" not in text.upper(), text
    assert "Pre-skip: 312" in text and "Playback length: 0m:02.00" in text, text


def test_play_into_a_pipe(home, media, tmp_path):
    done = tutti("play", media.wav(1.0), "--out", "-", home=home, binary=True)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "piped.ogg"
    out.write_bytes(done.stdout)
    check_ogg(out, sound.reference(media.wav(1.0)))


def test_volume_and_position(home, media, tmp_path):
    out, source = tmp_path / "out.ogg", sound.reference(media.wav(2.0))
    done = tutti("play", media.wav(2.0), "--volume", "0.5", "--position", "0.75", "--out", out, home=home)
    assert done.returncode == 0, done
    heard = sound.reference(str(out))
    assert sound.lag_of(heard, source[36000:]) == 0
    assert sound.gain_of(heard, source[36000:], 0) == pytest.approx(0.5, abs=0.03)


def test_play_without_a_daemon_or_a_file(home, media):
    """It plays, in real time, with a daemon of its own, and says how far it is."""
    done = tutti("play", media.wav(1.0), home=home)
    assert done.returncode == 0 and done.stdout.strip() + done.stderr.strip(), done


def test_relative_names(home, media, tmp_path):
    """A person names files as the shell does."""
    out = tmp_path / "out.ogg"
    done = subprocess.run([TUTTI, "play", os.path.basename(media.wav(1.0)), "--out", str(out)], cwd=media.root,
                          env=clean_environment({"XDG_RUNTIME_DIR": str(home)}), capture_output=True,
                          timeout=4 * DEADLINE, check=False)
    assert done.returncode == 0, done
    assert len(ogg.read(out).packets) == 51


@pytest.mark.parametrize("what", ["missing", "directory", "random", "empty"])
def test_bad_files(home, tmp_path, what):
    """Not 0, one line that names the file and the reason; no half-made output."""
    path, out = tmp_path / f"{what}.mp3", tmp_path / "out.ogg"
    if what == "directory":
        path.mkdir()
    elif what != "missing":
        path.write_bytes(os.urandom(5000) if what == "random" else b"")
    done = tutti("play", path, "--out", out, home=home)
    assert done.returncode not in (0, 100) and done.returncode < 128, done
    assert done.stderr.strip(), done


def test_output_that_cannot_be_written(home, media, tmp_path):
    done = tutti("play", media.wav(1.0), "--out", tmp_path / "no" / "dir.ogg", home=home)
    assert 0 < done.returncode < 128 and done.stderr.strip(), done


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_disk_full(home, media):
    done = tutti("play", media.wav(1.0), "--out", "/dev/full", home=home)
    assert 0 < done.returncode < 128 and done.stderr.strip(), done


def in_small_disk(directory):
    """A command line that makes of `directory` a disk of 64 KiB, for what follows it alone."""
    words = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []),
             "sh", "-c", 'mount -t tmpfs -o size=64k none "$0" && exec "$@"', str(directory)]
    if subprocess.run([*words, "true"], capture_output=True, timeout=DEADLINE, check=False).returncode:
        pytest.skip("no disk may be mounted here")
    return words


def test_a_full_disk_harms_nobody_else(served, media, tmp_path):
    """It fills up under way: that play ends, with the reason; another channel misses nothing."""
    home, daemon = served
    disk = tmp_path / "disk"
    disk.mkdir()
    with Client(daemon, "paced") as client:
        started = client.start(media.wav(5.0))
        client.audio.wait_frames(started["channel"], 10)
        done = subprocess.run([*in_small_disk(disk), str(TUTTI), "play", media.wav(60.0), "--channel", "7",
                               "--out", str(disk / "out.ogg")], capture_output=True, text=True, check=False,
                              env=clean_environment({"XDG_RUNTIME_DIR": str(home)}), timeout=4 * DEADLINE)
        assert done.returncode == 111 and "No space left on device" in done.stderr, done
        assert not os.listdir(disk), "it wrote elsewhere"
        assert client.session(7) is None, "its play goes on"
        assert client.control.terminal(started["play_id"])["frames"] == frames_of(5 * 48000)
        run = client.audio.wait_ends(started["channel"])
        run.check()
        assert len(run.frames) == frames_of(5 * 48000)
        assert client.expect("stats", "stats")["frames"]["dropped"] == 0


@pytest.mark.parametrize("words", [["--no-such"], ["dance"], [], ["play"], ["play", "--volume"],
                                   ["play", "--volume", "loud", "x.wav"], ["play", "--volume", "3", "x.wav"],
                                   ["play", "--channel", "0", "x.wav"], ["play", "--position", "-1", "x.wav"]])
def test_bad_usage(home, words):
    done = tutti(*words, home=home)
    assert done.returncode == 100, done
    assert done.stderr.strip(), done


def test_help_and_version(home):
    told = tutti("--help", home=home)
    assert told.returncode == 0
    for word in ("play", "pause", "resume", "stop", "volume", "seek", "status", "stats", "top", "watch"):
        assert word in told.stdout, word
    told = tutti("play", "--help", home=home)
    assert told.returncode == 0 and "--out" in told.stdout
    told = tutti("--version", home=home)
    assert told.returncode == 0 and "tutti" in told.stdout


@pytest.mark.parametrize("command", ["status", "stats", "watch"])
def test_without_a_daemon(home, command):
    """Only play starts one of its own; the others say that there is none."""
    done = tutti(command, home=home)
    assert 0 < done.returncode < 128 and done.stderr.strip(), done


def test_with_a_running_daemon(served, media):
    """play uses it, and what it plays goes to whoever listens; status and stats show it."""
    home, daemon = served
    with Control(daemon) as watcher, Audio(daemon) as listener:
        watcher.expect("watching", "watch", on=True)
        done = tutti("play", media.wav(1.0), "--channel", "123456789012345678", home=home)
        assert done.returncode == 0, done
        watcher.wait("ready", channel_id="123456789012345678")
        watcher.wait("finished", channel_id="123456789012345678")
        assert len(listener.wait_ends(123456789012345678).frames) == 51
        ready = watcher.expect("ready", "play", channel_id="42", url=media.wav(2.0))
        for command, word in (("status", "42"), ("stats", "")):
            done = tutti(command, home=home)
            assert done.returncode == 0 and word in done.stdout and done.stdout.strip(), done
        watcher.expect("stopped", "stop", channel_id=ready["channel_id"])


def test_commands_to_a_running_daemon(served, media):
    """Each does what it says to a channel that somebody else plays."""
    home, daemon = served
    with Control(daemon) as owner:
        ready = owner.expect("ready", "play", channel_id="42", url=media.wav(2.0))
        for words, event in ((["pause"], "paused"), (["seek", "1.5"], "seeked"), (["volume", "0.5"], "volume"),
                             (["resume"], "resumed"), (["stop"], "stopped")):
            done = tutti(*words, "--channel", "42", home=home)
            assert done.returncode == 0, done
            owner.wait(event, play_id=ready["play_id"])
        done = tutti("pause", "--channel", "42", home=home)
        assert 0 < done.returncode < 128 and done.stderr.strip(), "nothing plays there"


def test_amounts(served, media):
    """From where it is, and as a part of the whole; the only channel need not be named."""
    home, daemon = served
    with Client(daemon) as bot:
        started = bot.start(media.wav(4.0), credit=50)
        channel = started["channel"]
        bot.audio.wait_frames(channel, 50)
        bot.expect("paused", "pause", channel)  # a seek is then answered when it is in force
        for words, field, value in (
                (["seek", "+1.5"], "position", 2.5), (["seek", "-0.5"], "position", 2.0),
                (["seek", "-0:30"], "position", 0), (["seek", "50%"], "position", 2), (["seek", "0:03"], "position", 3),
                (["volume", "50%"], "volume", 0.5), (["volume", "-20%"], "volume", 0.3),
                (["volume", "+1.9"], "volume", 2)):
            done = tutti(*words, home=home)
            assert done.returncode == 0, done
            assert bot.session(channel)[field] == pytest.approx(value, abs=0.021), words


def begin(*words, home):
    """tutti in the background, to be interrupted."""
    process = subprocess.Popen([TUTTI, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=clean_environment({"XDG_RUNTIME_DIR": str(home)}), stdin=subprocess.DEVNULL)
    procs.started.add(process.pid)
    return process


def interrupt(process):
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=DEADLINE)[0]


def test_play_leaves_a_bot_its_channel(served, media):
    """What it plays is heard by the bot that has the channel, which goes on having it."""
    home, daemon = served
    with Client(daemon) as bot:
        before = bot.start(media.wav(3.0), credit=25)
        channel = before["channel"]
        bot.audio.wait_frames(channel, 25)
        visit = begin("play", "-c", channel, media.wav(1.0, 2), home=home)
        play = bot.control.wait_for(lambda e: e["type"] == "ready" and e["play_id"] != before["play_id"],
                                    "the visitor's ready")["play_id"]
        bot.audio.credit(channel, PLENTY)
        assert bot.control.terminal(play)["type"] == "finished"
        said = visit.communicate(timeout=DEADLINE)[0]
        assert visit.returncode == 0 and "finished" in said and "note" not in said, said
        run = bot.audio.wait_ends(channel, 2)
        run.check()
        sound.check_transcoded(run.packets, sound.reference(media.wav(1.0, 2)))


def test_play_next_waits_and_may_be_taken_back(served, media):
    """Interrupted, it takes back what it placed, and nothing else."""
    home, daemon = served
    with Client(daemon) as bot, Control(daemon) as watcher:
        watcher.expect("watching", "watch", on=True)
        first = bot.start(media.wav(2.0), credit=25)
        channel = first["channel"]
        visit = begin("play", "--next", "-c", channel, media.wav(1.0, 2), home=home)
        assert "waiting for the end" in visit.stdout.readline()
        said = interrupt(visit)
        watcher.wait("stopped", channel_id=str(channel))
        assert bot.session(channel)["play_id"] == first["play_id"], said
        visit = begin("play", "--next", "-c", channel, media.wav(1.0, 2), home=home)
        assert "waiting for the end" in visit.stdout.readline()
        done = tutti("next", home=home)
        assert done.returncode == 0 and "skipped" in done.stdout and "next is" in done.stdout, done
        assert bot.control.terminal(first["play_id"])["reason"] == "stop"
        bot.audio.credit(channel, PLENTY)
        run = bot.audio.wait_ends(channel, 2)
        sound.check_transcoded(run.packets, sound.reference(media.wav(1.0, 2)))
        assert "finished" in visit.communicate(timeout=DEADLINE)[0]
        assert tutti("next", home=home).returncode == 1, "nothing plays"


def test_a_recording_takes_no_frames_from_a_bot(served, media, tmp_path):
    """It has a channel of its own, and refuses one that plays."""
    home, daemon = served
    with Client(daemon, "paced") as bot:
        started = bot.start(media.wav(3.0), channel=1)
        out = tmp_path / "out.ogg"
        done = tutti("play", "-c", 1, "--out", out, media.wav(1.0), home=home)
        assert done.returncode == 1 and "plays already" in done.stderr, done
        assert tutti("play", "--out", out, media.wav(1.0), home=home).returncode == 0
        check_ogg(out, sound.reference(media.wav(1.0)))
        assert bot.control.terminal(started["play_id"])["type"] == "finished"


def test_errors_name_the_file_and_what_helps(served, media, tmp_path):
    """A hint is one that applies."""
    home, _ = served
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"RIFF")
    for name, words in ((media.root / "no.mp3", ["no.mp3: there is no such file"]),
                        (outside, ["--media-root", "--private"]),
                        (tmp_path / "lost.mp3", ["There is no file", "lost.mp3"]),
                        ("http://127.0.0.1:9/x.mp3", ["127.0.0.1:9/x.mp3", "--private"])):
        done = tutti("play", name, home=home)
        assert done.returncode == 1 and all(word in done.stderr for word in words), done
        assert ("--media-root" in done.stderr) == (name == outside), done


def test_a_private_daemon_reaches_the_hosts_that_were_named(home, server, media, tmp_path):
    out = tmp_path / "out.ogg"
    server.add("/song.wav", Path(media.wav(1.0)).read_bytes(), type="audio/wav")
    done = tutti("play", server.url("/song.wav"), "--out", out, home=home)
    assert done.returncode == 0, done
    assert len(ogg.read(out).packets) == 51


def test_the_daemon_of_the_system_is_found(home, media, tmp_path):
    """In /run/tutti, where nothing was said and none of one's own runs."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    env = {"XDG_RUNTIME_DIR": str(run)}
    with Daemon(media=[media.root], runtime_dir=run / "tutti", env=env) as daemon, Control(daemon) as control:
        ready = control.expect("ready", "play", channel_id="4242", url=media.wav(2.0), paused=True)
        there = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []),
                 "sh", "-c", 'mount --bind "$0" /run && exec "$@"', str(run)]
        if subprocess.run([*there, "true"], capture_output=True, timeout=DEADLINE, check=False).returncode:
            pytest.skip("nothing may be mounted here")
        done = subprocess.run([*there, str(TUTTI), "status"], capture_output=True, text=True, check=False,
                              env=clean_environment({"XDG_RUNTIME_DIR": str(home)}), timeout=DEADLINE)
        assert done.returncode == 0 and "4242" in done.stdout, done
        control.expect("stopped", "stop", channel_id=ready["channel_id"])


def test_watch_prints_events(served, media):
    home, daemon = served
    watch = subprocess.Popen([TUTTI, "watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=clean_environment({"XDG_RUNTIME_DIR": str(home)}), stdin=subprocess.DEVNULL)
    procs.started.add(watch.pid)
    try:
        with Control(daemon) as control:
            for n in range(50):
                ready = control.expect("ready", "play", channel_id=str(n + 1), url=media.wav(1.0))
                control.expect("stopped", "stop", channel_id=ready["channel_id"])
                if n == 0 and watch.poll() is not None:
                    break
        watch.terminate()
        lines = watch.communicate(timeout=DEADLINE)[0].splitlines()
    finally:
        watch.kill()
    kinds = {json.loads(line)["type"] for line in lines}
    assert {"ready", "stopped"} <= kinds, kinds


def test_several_files_one_after_the_other(served, media):
    home, daemon = served
    with Control(daemon) as watcher, Audio(daemon):
        watcher.expect("watching", "watch", on=True)
        done = tutti("play", media.wav(0.5, 1), media.wav(0.5, 2), home=home)
        assert done.returncode == 0, done
        watcher.sync()
        assert len([e for e in watcher.events if e["type"] == "finished"]) == 2
