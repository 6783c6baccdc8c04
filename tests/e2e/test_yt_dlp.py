"""What the real yt-dlp cannot be made to do here: a program in its place that fails as told."""
import os

import pytest

from lib import TUTTID, procs
from lib.client import Client, new_channel
from lib.daemon import Daemon, lacking
from lib.site import LONG, Site, children, extractor, wait_until

# The last argument is the search term: its words choose what happens.
STAND_IN = """#!/bin/sh
for what; do :; done
case "$what" in
--version) echo "$VERSION" ;;
*:private*) echo "ERROR: [youtube] x: Private video. Sign in if you've been granted access" >&2; exit 1 ;;
*:age*) echo "ERROR: [youtube] x: Sign in to confirm your age. Use --cookies" >&2; exit 1 ;;
*:region*) echo "ERROR: [x] 1: The uploader has not made this video available in your country" >&2; exit 1 ;;
*:removed*) echo "ERROR: [x] 1: Video unavailable. This video has been removed by the uploader" >&2; exit 1 ;;
*:live*) echo "ERROR: [x] 1: This live event will begin in 3 days." >&2; exit 1 ;;
*:limited*) echo "ERROR: [x] 1: HTTP Error 429: Too Many Requests" >&2; exit 1 ;;
*:unsupported*) echo "ERROR: Unsupported URL: x" >&2; exit 1 ;;
*:login*) echo "ERROR: [x] 1: This video is only available for registered users" >&2; exit 1 ;;
*:odd*) printf 'ERROR: [x] 1: \\033[31mthe moon\\033[0m is \\001 full\\nand more' >&2; exit 1 ;;
*:silent*) exit 1 ;;
*:killed*) kill -9 $$ ;;
*:nonsense*) echo "this is no JSON" ;;
*:null*) echo null ;;
*:empty*) echo '{"entries": []}' ;;
*:parts*) echo "[$(yes '{},' | head -n 200000 | tr -d '\\n')0]" ;;
*:flood*) exec tr '\\0' x </dev/zero ;;
*:complains*) exec tr '\\0' x </dev/zero >&2 ;;
*:group*) sleep 600 & sleep 600 & wait ;;
*:leaves*) setsid -fw sleep 600; sleep 600 ;;
*:stubborn*) trap '' TERM; sleep 600 & wait; sleep 600 ;;
*:arguments*) shift $(($# - 2)); echo "ERROR: [$1] [$2]" >&2; exit 1 ;;
*:good*|*:list*) echo "{\\"url\\": \\"$MEDIA\\", \\"title\\": \\"Good\\", \\"duration\\": 3, \\"playlist_count\\": 7}" ;;
*:several*) echo "{\\"entries\\": [{\\"url\\": \\"$MEDIA\\"}]}" ;;
esac
"""

HUNGRY = """#!/usr/bin/python3
import sys
sys.argv[-1] == "--version" and (print("2099.01.01"), sys.exit())
kept = [bytearray(1 << 24) for _ in range(1 << 8)]
"""


@pytest.fixture(scope="module")
def site():
    one = Site()
    yield one
    one.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    def make(text):
        path = tmp_path_factory.mktemp("program") / "yt-dlp"
        path.write_text(text)
        path.chmod(0o755)
        return path
    return make


@pytest.fixture(scope="module")
def stand_in(media, site, program):
    site.routes["/a.opus"] = media.opus(3.0, seed=41)
    env = {"VERSION": "2099.01.01", "MEDIA": site.base + "/a.opus"}
    with Daemon("--allow-private-hosts", "--yt-dlp", program(STAND_IN), media=[media.root], env=env) as one:
        yield one


@pytest.fixture
def client(stand_in):
    with Client(stand_in) as one:
        yield one


def fail(client, term):
    channel = new_channel()
    tag = client.control.send("play", channel_id=str(channel), url=f"ytsearch:{term}")
    end = client.control.answer(tag, LONG)
    assert end["type"] == "error", end
    return end


@pytest.mark.parametrize("term, words", [
    ("private", "private"), ("age", "age-restricted"), ("region", "part of the world"), ("removed", "removed"),
    ("live", "not started"), ("limited", "robot"), ("unsupported", "does not know the site"),
    ("login", "logged in"), ("odd", "the moon is   full"), ("silent", "no reason"), ("killed", "no reason"),
    ("nonsense", "cannot be understood"), ("null", "cannot be understood"), ("empty", "nothing to play"),
    ("flood", "too long"), ("complains", "too long"), ("parts", "too many parts"),
])
def test_what_went_wrong_is_said(client, term, words):
    end = fail(client, term)
    assert end["code"] == "extraction_failed" and words in end["message"], end


def test_failures_are_not_kept(client):
    before = extractor(client)["misses"]
    fail(client, "private again")
    fail(client, "private again")
    assert extractor(client)["misses"] - before == 2


def test_what_is_found_plays(client):
    played = client.play_through("ytsearch:good")
    assert played.end["type"] == "finished" and played.ready["title"] == "Good"
    # One result was asked for: nothing was left out.
    several = client.play_through("ytsearch:several")
    assert several.end["type"] == "finished"
    wanted = client.play_through("ytsearch5:several")
    assert [e["code"] for e in client.control.of_play(several.ready["play_id"]) if e["type"] == "warning"] == []
    assert [e["code"] for e in client.control.of_play(wanted.ready["play_id"]) if e["type"] == "warning"] \
        == ["first_entry"]


def test_a_term_is_no_option(client):
    end = fail(client, "arguments --exec=evil $(touch x); `x`")
    assert end["message"].endswith("[--] [ytsearch:arguments --exec=evil $(touch x); `x`]"), end


@pytest.mark.skipif("seccomp" in lacking(), reason="no seccomp here, or a build with a sanitizer")
def test_nothing_leaves_the_group(client, stand_in):
    channel = new_channel()
    client.control.send("play", channel_id=str(channel), url="ytsearch:leaves")
    wait_until(lambda: any(p.name == "sleep" for p in children(stand_in)), "it runs")
    group = {os.getpgid(p.pid) for p in children(stand_in)}
    assert len(group) == 1, "one of them has left"
    client.expect("stopped", "stop", channel)
    wait_until(lambda: children(stand_in) == [], "all are gone")


@pytest.mark.parametrize("term", ["group", "stubborn"])
def test_stop_ends_the_whole_group(client, stand_in, term):
    channel = new_channel()
    tag = client.control.send("play", channel_id=str(channel), url=f"ytsearch:{term}")
    least = {"group": 3, "stubborn": 2}[term]
    wait_until(lambda: len(children(stand_in)) >= least, "it runs")
    running = children(stand_in)
    client.expect("stopped", "stop", channel)
    assert client.control.answer(tag)["type"] == "stopped"
    assert procs.wait_gone(running) == []
    wait_until(lambda: extractor(client)["running"] == 0, "the run is gone")


def test_a_crowd_that_leaves(client, stand_in):
    """Hundreds ask and go: nothing is left of them, and those who stay are served."""
    channels = [new_channel() for _ in range(40)]
    for i, channel in enumerate(channels):
        client.control.send("play", channel_id=str(channel), url=f"ytsearch:group {i}")
    stay = client.control.send("play", channel_id=str(new_channel()), url="ytsearch:good for all")
    wait_until(lambda: extractor(client)["queued"] >= 37, "they wait")
    assert extractor(client)["running"] == 4
    for channel in channels:
        client.expect("stopped", "stop", channel)
    assert client.control.answer(stay, LONG)["type"] == "ready"
    wait_until(lambda: (extractor(client)["running"], extractor(client)["queued"]) == (0, 0), "all are gone")
    assert children(stand_in) == []


def has_sanitizer():
    """A build with one lifts the limits of memory, as its run-time reserves terabytes."""
    return b"__asan_" in TUTTID.read_bytes()


@pytest.mark.skipif(has_sanitizer(), reason="a build with a sanitizer")
def test_memory_has_a_limit(new_daemon, program):
    daemon = new_daemon("--yt-dlp", program(HUNGRY), "--extract-timeout", "60")
    with Client(daemon) as one:
        end = fail(one, "anything")
        assert end["code"] == "extraction_failed" and "MemoryError" in end["message"], end


def test_none_is_there(new_daemon, program):
    path = program("x").with_name("missing")
    daemon = new_daemon("--yt-dlp", path)
    with Client(daemon) as one:
        end = fail(one, "anything")
        assert end["code"] == "extraction_failed"
        assert "not installed" in end["message"] and "tuttid(8)" in end["message"], end
    wait_until(lambda: "there is no yt-dlp" in daemon.stderr(), "the log says so")


def test_an_old_one_is_told_of(new_daemon, program):
    daemon = new_daemon("--yt-dlp", program(STAND_IN), env={"VERSION": "2023.03.04"})
    wait_until(lambda: "days old" in daemon.stderr(), "the log says so")
    with Client(daemon) as one:
        assert "update it" in fail(one, "unsupported")["message"]
        assert "update it" not in fail(one, "private")["message"]


def test_the_end_of_the_daemon_is_the_end_of_all(media, program):
    daemon = Daemon("--yt-dlp", program(STAND_IN), media=[media.root])
    with daemon:
        with Client(daemon) as one:
            one.control.send("play", channel_id=str(new_channel()), url="ytsearch:stubborn")
            wait_until(lambda: len(children(daemon)) >= 2, "it runs")
            running = children(daemon)
            daemon.stop()
            one.control.wait_closed()
    assert procs.wait_gone(running) == []
    assert all(not os.path.exists(f"/proc/{p.pid}") or procs.read(p.pid).state != "Z" for p in running)
