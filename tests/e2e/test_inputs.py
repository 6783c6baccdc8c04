"""What is no good: each bad input gets the error that the protocol names, in one line."""
import os
import random
import shutil
import socket
import subprocess
import time
from urllib.parse import quote

import pytest

from lib import frames_of, opus, sound
from lib.catalogue import TRANSCODED
from lib.client import PLENTY, Client
from lib.daemon import Daemon


@pytest.fixture(scope="module")
def zoo(media):
    """A media root with everything in it that can go wrong: name → path."""
    root = media.root / "zoo"
    shutil.rmtree(root, ignore_errors=True)
    (root / "directory").mkdir(parents=True)
    outside = media.root.with_name(media.root.name + "-outside")
    outside.mkdir(exist_ok=True)
    song = open(media.wav(1.0), "rb").read()
    (outside / "song.wav").write_bytes(song)
    (root / "song.wav").write_bytes(song)
    (root / "empty.mp3").write_bytes(b"")
    for name, size in (("random.mp3", 100_000), ("random.ogg", 5000), ("random.m4a", 300), ("random", 1)):
        (root / name).write_bytes(random.Random(size).randbytes(size))
    (root / "zeros.wav").write_bytes(bytes(200_000))
    (root / "text.txt").write_text("Never gonna give you up\n" * 500)
    (root / "headless.wav").write_bytes(song[:20])
    (root / "header-only.wav").write_bytes(song[:44])
    os.mkfifo(root / "fifo.mp3")
    os.symlink("song.wav", root / "inside.wav")
    os.symlink(outside / "song.wav", root / "escape.wav")
    os.symlink(f"../../{outside.name}/song.wav", root / "escape-relative.wav")
    os.symlink(outside, root / "way-out")
    os.symlink("loop.wav", root / "loop.wav")
    os.symlink("/dev/zero", root / "zero.wav")
    os.symlink("/proc/self/environ", root / "environ.wav")
    (root / "with space and ü%41.wav").write_bytes(song)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(root / "sock"))
    (root / "secret.wav").write_bytes(song)
    yield root
    shutil.rmtree(outside)
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def zoo_daemon(zoo):
    with Daemon(media=[zoo]) as running:
        yield running


@pytest.fixture
def visitor(zoo_daemon):
    with Client(zoo_daemon) as one:
        yield one


def refused(client, url, *codes):
    error = client.ask("play", next(_CHANNELS), url=str(url))
    assert error["type"] == "error", error
    assert error["code"] in codes, error
    message = error["message"]
    assert message and "\n" not in message and len(message) < 400, message
    return message


_CHANNELS = iter(range(5000, 9000))

BAD = {
    "missing.mp3": ["not_found"], "no/such/dir.mp3": ["not_found"], "song.wav/below": ["not_found"],
    "directory": ["unsupported_url", "not_found", "decode_failed", "forbidden_url"],
    "fifo.mp3": ["unsupported_url", "not_found", "decode_failed", "forbidden_url"],
    "sock": ["unsupported_url", "not_found", "decode_failed", "forbidden_url"],
    "empty.mp3": ["decode_failed"], "random.mp3": ["decode_failed"], "random.ogg": ["decode_failed"],
    "random.m4a": ["decode_failed"], "random": ["decode_failed"], "text.txt": ["decode_failed"],
    "headless.wav": ["decode_failed"], "zeros.wav": ["decode_failed"],
    "escape.wav": ["forbidden_url"], "escape-relative.wav": ["forbidden_url"],
    "way-out/song.wav": ["forbidden_url"], "zero.wav": ["forbidden_url"], "environ.wav": ["forbidden_url"],
    "loop.wav": ["forbidden_url", "not_found"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file(visitor, zoo, name):
    message = refused(visitor, zoo / name, *BAD[name])
    assert not any(word in message for word in ("errno", "AVERROR", "-22", "Errno")), message


OUTSIDE = ["/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/", "/etc/../etc/passwd",
           "{root}/../../{name}-outside/song.wav", "{root}/../../../../etc/passwd",
           "{root}/directory/../../../etc/passwd", "{root}-outside/song.wav", "file:///etc/passwd",
           "file:{root}/../../etc/passwd", "/proc/self/root/{root}/song.wav",
           "file://{root}/%2e%2e/%2e%2e/etc/passwd", "file://{root}/..%2f..%2fetc/passwd"]


@pytest.mark.parametrize("url", OUTSIDE)
def test_outside_of_the_roots(visitor, zoo, url):
    """forbidden_url, whether or not there is something: nothing is learnt about it."""
    root = str(zoo)
    refused(visitor, url.format(root=root, name=zoo.parent.name), "forbidden_url")


def test_missing_and_existing_outside_look_the_same(visitor):
    assert refused(visitor, "/etc/passwd", "forbidden_url").replace("passwd", "x") == \
        refused(visitor, "/etc/nothing-here", "forbidden_url").replace("nothing-here", "x")


NO_URL = ["song.wav", "./song.wav", "../song.wav", "~/song.wav", "", " ", "ftp://host/x.mp3", "gopher://x",
          "data:audio/wav;base64,AAAA", "concat:a|b", "pipe:0", "fd:3", "subfile,,start,0,end,0,,:/etc/passwd",
          "lavfi:sine", "crypto:/etc/passwd", "javascript:alert(1)", "-i", "--help", "file://otherhost/x.wav",
          "file:song.wav"]


@pytest.mark.parametrize("url", NO_URL)
def test_no_such_kind_of_url(visitor, url):
    codes = ["unsupported_url", "forbidden_url"] + (["invalid_command"] if not url.strip() else [])
    refused(visitor, url, *codes)


GOOD = ["{root}/song.wav", "file:{root}/song.wav", "file://{root}/song.wav", "file://localhost{root}/song.wav",
        "{root}/./song.wav", "{root}//song.wav", "{root}/directory/../song.wav", "{root}/inside.wav",
        "{root}/with space and ü%41.wav"]


@pytest.mark.parametrize("url", GOOD)
def test_ways_to_name_a_file(visitor, zoo, url):
    visitor.play_through(url.format(root=zoo)).check_complete(51)


def test_percent_encoding(visitor, zoo):
    """A file: URL is decoded, a path is not."""
    visitor.play_through("file://" + quote(str(zoo / "with space and ü%41.wav"))).check_complete(51)
    refused(visitor, str(zoo / "song%2ewav"), "not_found")
    visitor.play_through(f"file://{zoo}/song%2Ewav").check_complete(51)
    for bad in ("song%00.wav", "song%zz.wav", "song%2", "song.wav%00.mp3"):
        refused(visitor, f"file://{zoo}/{bad}", "unsupported_url", "not_found", "forbidden_url")


def test_no_media_root_no_files(new_daemon, media):
    daemon = new_daemon(roots=[])
    with Client(daemon) as client:
        refused(client, media.wav(1.0), "forbidden_url")
        refused(client, "/nothing/there", "forbidden_url")


def test_several_roots(new_daemon, media, zoo, tmp_path):
    daemon = new_daemon(roots=[tmp_path, zoo])
    with Client(daemon) as client:
        client.play_through(zoo / "song.wav").check_complete(51)
        (tmp_path / "other.wav").write_bytes((zoo / "song.wav").read_bytes())
        client.play_through(tmp_path / "other.wav").check_complete(51)
        refused(client, media.wav(1.0), "forbidden_url")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_unreadable_file(visitor, zoo):
    (zoo / "secret.wav").chmod(0)
    refused(visitor, zoo / "secret.wav", "forbidden_url", "not_found")


CUT = ["mp3-cbr", "flac", "wav-16", "vorbis", "aac-adts", "mkv-flac", "m4a-index-first", "wma", "aiff", "ac3"]


@pytest.mark.parametrize("name", [*CUT, "opus"])
def test_truncated_file(client, media, name):
    """It plays what is there, or has no audio; what was heard is right either way.

    Where the container tells how much there should be, source_truncated says it is not all.
    """
    path = media.opus(2.0) if name == "opus" else media.make(name, TRANSCODED[name].recipe)
    data = open(path, "rb").read()
    cut = media.root / f"cut-{name}{os.path.splitext(path)[1]}"
    cut.write_bytes(data[:len(data) * 6 // 10])
    one = client.play_through(cut)
    if one.end["type"] == "error":
        assert one.end["code"] == "decode_failed", one.end
        assert name == "m4a-index-first", "there is audio in it"
        return
    assert one.end["type"] == "finished", one.end
    one.run.check()
    source = sound.reference(path)
    assert 40 <= len(one.packets) <= 80, f"{len(one.packets)} frames of 60 % of 2 s"
    lag = sound.lag_of(one.heard(), source)
    assert lag == 312
    codes = [e["code"] for e in client.control.of_play(one.end["play_id"]) if e["type"] == "warning"]
    assert set(codes) <= {"source_truncated"}
    if name in ("wav-16", "flac", "m4a-index-first", "aiff", "mp3-cbr"):
        assert codes == ["source_truncated"], codes


def test_index_cut_off(client, media):
    """An MP4 without its index has nothing to play."""
    data = open(media.make("m4a-index-last", TRANSCODED["m4a-index-last"].recipe), "rb").read()
    path = media.root / "no-index.m4a"
    path.write_bytes(data[:len(data) * 6 // 10])
    refused(client, path, "decode_failed")


def test_header_without_audio(visitor, zoo):
    """A WAV of no samples: no audio in it, or finished at once; never a frame of nothing."""
    answer = visitor.ask("play", 4000, url=str(zoo / "header-only.wav"))
    end = visitor.control.terminal(answer["play_id"])
    assert (end["type"], end.get("code", "decode_failed")) in (("error", "decode_failed"),
                                                              ("finished", "decode_failed"))


def test_file_that_shrinks(client, media):
    """While it plays: what was read goes on, then the truncated end."""
    path = media.root / "shrinking.wav"
    path.write_bytes(open(media.wav(60.0), "rb").read())
    started = client.start(path, credit=50)
    client.audio.wait_frames(started["channel"], 50)
    os.truncate(path, 1_000_000)
    client.audio.credit(started["channel"], PLENTY)
    end = client.control.terminal(started["play_id"])
    assert end["type"] == "finished" or end["code"] in ("decode_failed", "source_failed"), end
    if end["type"] == "finished":
        assert client.control.wait("warning", code="source_truncated")
    run = client.audio.wait_ends(started["channel"])
    run.check()
    assert len(run.frames) < frames_of(60 * 48000)
    heard = opus.decode(run.packets[:100])
    assert sound.lag_of(heard, sound.reference(media.wav(60.0))[:100 * 960]) == 312


def test_file_that_is_deleted(client, media):
    """An open file stays an open file."""
    path = media.root / "deleted.wav"
    path.write_bytes(open(media.wav(20.0), "rb").read())
    started = client.start(path, credit=10)
    path.unlink()
    client.audio.credit(started["channel"], PLENTY)
    assert client.control.terminal(started["play_id"])["frames"] == frames_of(20 * 48000)
    client.audio.wait_ends(started["channel"]).check()


def test_video_without_audio(client, media):
    path = media.root / "silent-film.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=64x64:duration=1", "-c:v",
                    "mpeg4", str(path)], check=True)
    refused(client, path, "decode_failed")


def test_bad_inputs_leave_nothing_behind(visitor, zoo):
    """A hundred failures: the workers are free again, and good files still play."""
    for _ in range(5):
        for name in ("empty.mp3", "random.mp3", "missing.mp3", "escape.wav", "directory"):
            refused(visitor, zoo / name, *BAD[name])
    end = time.monotonic() + 10
    while visitor.expect("stats", "stats")["workers"]["busy"] and time.monotonic() < end:
        time.sleep(0.05)
    assert visitor.expect("stats", "stats")["workers"]["busy"] == 0
    visitor.play_through(zoo / "song.wav").check_complete(51)
