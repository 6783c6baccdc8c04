"""Pages: the real yt-dlp looks behind pages of a site on loopback, and its stream is played."""
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from lib import procs
from lib.client import Client, new_channel
from lib.daemon import Daemon
from lib.site import LONG, Site, children, extractor, find_yt_dlp, page, wait_until



@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


@pytest.fixture(scope="module")
def song(media):
    return media.opus(12.0, seed=31)


def options(*more):
    return ("--allow-private-hosts", "--yt-dlp", find_yt_dlp(), "--extract-timeout", "60", *more)


@pytest.fixture(scope="module")
def pages_daemon(media):
    with Daemon(*options(), media=[media.root]) as running:
        yield running


@pytest.fixture
def client(pages_daemon):
    with Client(pages_daemon) as one:
        yield one


def play(client, url, finishes=True):
    """Play a page to its end; the daemon's own words if that is not as it should be."""
    played = client.gather([url], seconds=LONG)[0]
    if finishes:
        assert played.end["type"] == "finished", f"{played.end}; {client.daemon.stderr()}"
    return played


def test_a_page_plays_as_its_file_does(client, site, song):
    site.routes = {"/song": page("Der S&auml;nger", "/a.opus"), "/a.opus": song}
    plain = client.play_through(song)
    before = extractor(client)
    first = play(client, site.base + "/song")
    assert first.packets == plain.packets
    assert first.ready["title"].startswith("Der Sänger"), first.ready
    assert first.ready["passthrough"]
    again = play(client, site.base + "/song")
    assert again.packets == plain.packets
    after = extractor(client)
    assert after["misses"] - before["misses"] == 1 and after["hits"] - before["hits"] == 1
    assert site.count("/song", by_yt_dlp=True) == 1


def test_a_link_is_not_a_page(client, site, song):
    site.routes = {"/a.opus": song, "/a.html": song}  # what it is decides, not its name
    before = extractor(client)
    for path in site.routes:
        play(client, site.base + path)
    assert extractor(client)["misses"] == before["misses"]


def test_what_the_page_declares(client, site, song, media):
    """Its title is the one that is told, whatever the file's tags say."""
    tagged = media.root / "tagged.opus"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", song, "-c", "copy", "-metadata", "title=Tagged", str(tagged)],
                   check=True)
    declared = ('<script type="application/ld+json">{"@context":"https://schema.org","@type":"VideoObject",'
                '"name":"Declared","duration":"PT12S","uploadDate":"2026-01-01","thumbnailUrl":"%s/t.jpg",'
                '"contentUrl":"%s/a.opus"}</script>' % (site.base, site.base))
    site.routes = {"/ld": page("x", extra=declared), "/a.opus": str(tagged)}
    played = play(client, site.base + "/ld")
    assert played.ready["title"] == "Declared"
    assert abs(played.ready["duration"] - 12) < 0.1


def test_the_first_entry_of_a_list(client, site, song, media):
    other = media.opus(1.0, seed=32)
    site.routes = {"/list": page("List", "/a.opus", "/b.opus"), "/a.opus": song, "/b.opus": other}
    plain = client.play_through(song)
    played = play(client, site.base + "/list")
    assert played.packets == plain.packets
    codes = [e["code"] for e in client.control.of_play(played.ready["play_id"]) if e["type"] == "warning"]
    assert codes == ["first_entry"]


def test_pages_without_media(client, site):
    site.routes = {"/empty": page("Nothing"), "/gone": 404,
                   "/loop": page("Loop", "/other.mp3"), "/other.mp3": page("Other"),
                   "/file": page("File", "file:///etc/passwd")}
    for path, code in (("/empty", "extraction_failed"), ("/gone", "not_found"),
                       ("/loop", "extraction_failed"), ("/file", "extraction_failed")):
        end = play(client, site.base + path, finishes=False).end
        assert (end["type"], end["code"]) == ("error", code), end
    assert not any(path.startswith("/etc") for path, _ in site.requests)


class Tokens:
    """Media behind links that are good only until the next token is given out."""

    def __init__(self, site, song):
        self.site, self.body, self.good, self.cut = site, Path(song).read_bytes(), 1, {}
        site.routes["/page"] = lambda _: page("Tokens", f"/media/{self.good}/a.opus")
        for token in range(1, 6):
            site.routes[f"/media/{token}/a.opus"] = lambda h, token=token: self.media(h, token)

    def media(self, handler, token):
        if token != self.good:
            return 403
        cut = self.cut.get(token)
        if cut is not None:
            self.good += 1
        self.site.send(handler, self.body, "audio/ogg", cut)
        return None


def test_an_expired_link_is_found_anew(client, site, song):
    tokens = Tokens(site, song)
    tokens.cut = {1: len(tokens.body) // 3, 2: len(tokens.body) // 3}
    plain = client.play_through(song)
    played = play(client, site.base + "/page")
    assert played.packets == plain.packets
    assert site.count("/page", by_yt_dlp=True) == 3


def test_a_kept_link_may_have_expired(client, site, song):
    tokens = Tokens(site, song)
    first = play(client, site.base + "/page")
    tokens.good = 2
    again = play(client, site.base + "/page")
    assert again.packets == first.packets
    assert site.count("/media/1/a.opus") >= 2 and site.count("/page", by_yt_dlp=True) == 2


class Gate:
    """A page that is there for the fetcher, and keeps yt-dlp waiting until it is opened."""

    def __init__(self, site, path, body):
        self.open = threading.Event()
        site.routes[path] = self.serve
        self.body = body

    def serve(self, handler):
        if "Sec-Fetch-Mode" in handler.headers:
            self.open.wait(LONG)
        return self.body


def test_plays_of_one_page_share_a_run(client, site, song):
    site.routes["/a.opus"] = song
    gate = Gate(site, "/shared", page("Shared", "/a.opus"))
    before = extractor(client)
    channels = [new_channel() for _ in range(3)]
    tags = [client.control.send("play", channel_id=str(c), url=site.base + "/shared") for c in channels]
    wait_until(lambda: extractor(client)["hits"] - before["hits"] == 2, "all three wait for it")
    site.wait("/shared", by_yt_dlp=True)
    gate.open.set()
    for tag in tags:
        assert client.control.answer(tag, LONG)["type"] == "ready"
    after = extractor(client)
    assert after["misses"] - before["misses"] == 1
    assert site.count("/shared", by_yt_dlp=True) == 1


def test_stop_ends_yt_dlp(new_daemon, site):
    daemon = new_daemon(*options())
    Gate(site, "/slow", page("Slow", "/a.opus"))
    with Client(daemon) as one:
        channels = [new_channel(), new_channel()]
        tags = [one.control.send("play", channel_id=str(c), url=site.base + "/slow") for c in channels]
        site.wait("/slow", by_yt_dlp=True)
        assert one.session(channels[0])["state"] == "extracting"
        running = children(daemon)
        assert running
        one.expect("stopped", "stop", channels[0])
        assert one.control.answer(tags[0])["type"] == "stopped"
        assert extractor(one)["running"] == 1  # the other one still waits for it
        one.expect("stopped", "stop", channels[1])
        assert procs.wait_gone(running) == []
        wait_until(lambda: extractor(one)["running"] == 0, "the run is gone")


def test_an_extraction_takes_only_so_long(new_daemon, site):
    daemon = new_daemon("--allow-private-hosts", "--yt-dlp", find_yt_dlp(), "--extract-timeout", "0.5")
    Gate(site, "/slow", page("Slow", "/a.opus"))
    with Client(daemon) as one:
        end = play(one, site.base + "/slow", finishes=False).end
        assert (end["type"], end["code"]) == ("error", "extraction_timeout"), end
        wait_until(lambda: extractor(one)["running"] == 0, "the run is gone")


def test_so_many_at_a_time_the_rest_in_order(new_daemon, site, song):
    daemon = new_daemon(*options("--extract-jobs", "1"))
    site.routes["/a.opus"] = song
    gates = [Gate(site, f"/{i}", page(f"{i}", "/a.opus")) for i in range(3)]
    with Client(daemon) as one:
        tags = []
        for i in range(3):
            tags.append(one.control.send("play", channel_id=str(new_channel()), url=f"{site.base}/{i}"))
            wait_until(lambda i=i: extractor(one)["misses"] == i + 1, "it is in the queue")
        site.wait("/0", by_yt_dlp=True)
        stats = extractor(one)
        assert (stats["running"], stats["queued"]) == (1, 2)
        for gate, tag in zip(gates, tags):
            gate.open.set()
            assert one.control.answer(tag, LONG)["type"] == "ready"
        order = [path for path, by_yt_dlp in site.requests if by_yt_dlp and path in ("/0", "/1", "/2")]
        assert order == ["/0", "/1", "/2"]


def test_a_helper_stays_and_may_die(new_daemon, site, song):
    daemon = new_daemon(*options())
    site.routes["/a.opus"] = song
    for i in range(4):
        site.routes[f"/{i}"] = page(f"Page {i}", "/a.opus")
    gate = Gate(site, "/busy", page("Busy", "/a.opus"))

    def helper():
        found = [p for p in children(daemon) if p.name.startswith("python")]
        assert len(found) <= 1, found
        return found[0] if found else None
    with Client(daemon) as one:
        assert helper() is None  # nobody has asked for a page yet
        play(one, site.base + "/0")
        first = helper()
        assert first
        play(one, site.base + "/1")
        assert helper().pid == first.pid
        os.kill(first.pid, signal.SIGKILL)
        assert procs.wait_gone([first]) == []
        play(one, site.base + "/2")
        second = helper()
        assert second.pid != first.pid
        # One that dies while it works is replaced by the program.
        tag = one.control.send("play", channel_id=str(new_channel()), url=site.base + "/busy")
        site.wait("/busy", by_yt_dlp=True)
        os.kill(second.pid, signal.SIGKILL)
        site.wait("/busy", by_yt_dlp=True, times=2)
        gate.open.set()
        assert one.control.answer(tag, LONG)["type"] == "ready"


def test_private_addresses(new_daemon, site, song):
    site.routes = {"/p": page("P", "/a.opus"), "/a.opus": song,
                   "/elsewhere": page("E", f"http://127.0.0.1:{site.port}/a.opus")}
    strict = new_daemon("--yt-dlp", find_yt_dlp())
    with Client(strict) as one:
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"):
            end = one.play_through(f"http://{host}:{site.port}/p").end
            assert (end["type"], end["code"]) == ("error", "forbidden_url"), end
        assert site.requests == []
    named = new_daemon("--yt-dlp", find_yt_dlp(), "--extract-timeout", "60", "--allow-host", "localhost")
    with Client(named) as one:
        local = f"http://localhost:{site.port}"
        play(one, local + "/p")
        end = play(one, local + "/elsewhere", finishes=False).end
        assert (end["type"], end["code"]) == ("error", "forbidden_url"), end
