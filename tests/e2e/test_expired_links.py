"""HLS behind a page, whose links expire: they are found anew, and not a frame is lost or repeated."""
import json
import threading
import time

import pytest

from lib.client import PLENTY, Client
from lib.daemon import Daemon
from lib.hls import LIST_TYPE, SECONDS, alike, in_order, segments  # noqa: F401
from lib.network import OPTIONS, bot, net, server  # noqa: F401
from lib.site import LONG, extractor, find_yt_dlp, page, wait_until

# Says what lies beside it under the name that is searched for, as soon as nothing holds it up.
STAND_IN = """#!/bin/sh
for what; do :; done
[ "$what" = --version ] && echo 2099.01.01 && exit
at=${0%/*}/${what##*:}
while [ -e "$at.hold" ]; do sleep 0.05; done
cat "$at.json"
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "yt-dlp"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def net(media, program):  # noqa: F811
    with Daemon(*OPTIONS, "--yt-dlp", program, media=[media.root]) as running:
        yield running


@pytest.fixture
def paced_bot(net):  # noqa: F811
    with Client(net, "paced") as one:
        yield one


_names = (f"song{n}" for n in range(10**6))


class Song:
    """A search term behind which there is HLS; all links are good until the next ones are given out."""

    def __init__(self, server, program, folder):  # noqa: F811
        self.server, self.name = server, next(_names)
        self.files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "keyinfo"}
        self.media = in_order(self.files)
        self.root = "list.m3u8"
        self.link = program.with_name(f"{self.name}.json")
        self.hold = program.with_name(f"{self.name}.hold")
        self.status = 403
        self.token = 0
        self.is_gone = False    # there is nothing behind the page when it is looked up again
        self.immortal = ()      # names of which old links stay good
        self.refuses = None     # a function of the token and the name: then those links are refused, too
        self.on_expired = None  # called once, before the first link that was good is refused
        self.lock = threading.RLock()
        self.renew()

    @property
    def url(self):
        return f"ytsearch:{self.name}"

    def path(self, token, name):
        return f"/{self.name}/{token}/{name}"

    def renew(self):
        with self.lock:
            self.token += 1
            for name, data in self.files.items():
                self.server.add(self.path(self.token, name), data,
                                type=LIST_TYPE if name.endswith("m3u8") else "video/mp2t",
                                guard=lambda _, token=self.token, name=name: self.guard(token, name))
            new = self.link.with_suffix(".new")
            found = {"url": self.server.url(self.path(self.token, self.root)), "title": "Song"}
            new.write_text("null" if self.is_gone else json.dumps(found))
            new.rename(self.link)

    def guard(self, token, name):
        with self.lock:
            if token == self.token and self.refuses and self.refuses(token, name):
                if self.on_expired:
                    self.on_expired, call = None, self.on_expired
                    call()
                self.renew()
            return self.status if token < self.token and name not in self.immortal else None

    def expires_at(self, name):
        """The first links are good until this name is asked for."""
        self.refuses = lambda token, asked: token == 1 and asked == name

    def resource(self, name):
        return self.server.resources[self.path(self.token, name)]

    def asked(self, token, name):
        return len(self.server.requests(self.path(token, name)))


@pytest.fixture
def song(server, program, segments):  # noqa: F811
    return lambda kind="ts": Song(server, program, segments(kind))


_undisturbed = {}


@pytest.fixture
def undisturbed(bot, song):  # noqa: F811
    def undisturbed(kind="ts"):
        if kind not in _undisturbed:
            played = bot.play_through(song(kind).url)
            assert played.end["type"] == "finished", played.end
            played.run.check()
            assert abs(len(played.packets) - SECONDS * 50) <= 4
            assert played.ready["passthrough"] == kind.startswith("opus")
            _undisturbed[kind] = played.packets
        return _undisturbed[kind]
    return undisturbed


def warnings(client, play_id):
    return [e["code"] for e in client.control.of_play(play_id) if e["type"] == "warning"]


def check_same(packets, want, kind="ts"):
    """Frame by frame what it is when nothing expires; where it is encoded, but for what a seam leaves."""
    assert len(packets) == len(want)
    if kind.startswith("opus"):
        assert packets == want
    else:
        assert alike(packets, want) > 0.98


def check_played(client, played, want, kind="ts", reconnections=1):
    assert played.end["type"] == "finished", played.end
    played.run.check()
    check_same(played.packets, want, kind)
    assert warnings(client, played.end["play_id"]) == ["source_reconnected"] * reconnections


@pytest.mark.parametrize("kind,status", [("ts", 403), ("ts", 404), ("fmp4", 410), ("opus", 401), ("opus-fmp4", 403), ("encrypted", 403), ("mp3", 403)])
def test_in_mid_play(bot, song, undisturbed, kind, status):  # noqa: F811
    want = undisturbed(kind)
    one = song(kind)
    one.status = status
    one.immortal = (one.root,)  # what was found earlier is of no use, but does not say so
    one.expires_at(one.media[5])
    check_played(bot, bot.play_through(one.url), want, kind)
    assert one.token == 2
    # Only the new links are asked for from then on.
    assert all(one.asked(1, name) == 0 for name in one.media[6:]) and one.asked(2, one.media[7])


@pytest.mark.parametrize("kind", ["opus-fmp4", "ts", "mp3"])
def test_within_a_segment(bot, song, undisturbed, kind):  # noqa: F811
    """Half of it had come; what the demuxer makes of the last packet in that half is not played."""
    want = undisturbed(kind)
    one = song(kind)
    name = one.media[6]
    one.resource(name).script = [dict(cut=len(one.files[name]) * 2 // 3)]
    one.refuses = lambda token, asked: token == 1 and asked == name and one.asked(1, name) > 1
    check_played(bot, bot.play_through(one.url), want, kind)


def test_a_key(bot, song, undisturbed):  # noqa: F811
    """Without it the demuxer would take what is encrypted for the medium."""
    want = undisturbed("encrypted")
    one = song("encrypted")
    text = one.files["list.m3u8"].decode()
    before = text.rindex("#EXTINF", 0, text.index(one.media[4]))
    one.files["list.m3u8"] = (text[:before] + '#EXT-X-KEY:METHOD=AES-128,URI="key2"\n' + text[before:]).encode()
    one.files["key2"] = one.files["key"]
    one.renew()
    one.immortal = tuple(one.files.keys() - {"key2"})
    one.refuses = lambda token, asked: token == 2 and asked == "key2"
    check_played(bot, bot.play_through(one.url), want)


@pytest.mark.parametrize("kind", ["ts", "opus"])
def test_in_a_pause(bot, song, undisturbed, kind):  # noqa: F811
    want = undisturbed(kind)
    one = song(kind)
    ready = bot.start(one.url, credit=100)
    channel = ready["channel"]
    bot.audio.wait_frames(channel, 100)
    bot.control.expect("paused", "pause", channel_id=str(channel))
    one.renew()
    bot.control.expect("resumed", "resume", channel_id=str(channel))
    bot.audio.credit(channel, PLENTY)
    assert bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = bot.audio.wait_ends(channel)
    run.check()
    check_same(run.packets, want, kind)
    assert warnings(bot, ready["play_id"]) == ["source_reconnected"]


def test_a_seek_after_a_pause(bot, song, undisturbed):  # noqa: F811
    want = undisturbed("opus")
    one = song("opus")
    ready = bot.start(one.url, credit=50)
    channel = str(ready["channel"])
    bot.audio.wait_frames(ready["channel"], 50)
    bot.control.expect("paused", "pause", channel_id=channel)
    one.renew()
    assert bot.control.expect("seeked", "seek", channel_id=channel, position=12.0)["position"] == 12.0
    bot.control.expect("resumed", "resume", channel_id=channel)
    bot.audio.credit(ready["channel"], PLENTY)
    assert bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = bot.audio.wait_ends(ready["channel"])
    run.check()
    assert run.packets == want[:50] + want[600:]


def test_nothing_is_heard_of_it(paced_bot, song, undisturbed):
    """The ring plays on while the page is looked up, in time and without a gap."""
    want = undisturbed("opus")
    one = song("opus")
    one.expires_at(one.media[6])
    ready = paced_bot.start(one.url, position=4)
    paced_bot.control.wait("warning", play_id=ready["play_id"], code="source_reconnected")
    paced_bot.audio.wait_frames(ready["channel"], 550, LONG)
    assert paced_bot.session(ready["channel"])["underruns"] == 0
    assert paced_bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = paced_bot.audio.wait_ends(ready["channel"])
    run.check()
    assert run.packets == want[200:]


def test_a_slow_page_is_waited_for(paced_bot, song, undisturbed):
    """The ring runs dry: that is said once, and what comes then is all there is."""
    want = undisturbed("opus")
    one = song("opus")
    one.expires_at(one.media[6])
    one.on_expired = one.hold.touch
    ready = paced_bot.start(one.url, position=4)
    paced_bot.control.wait("warning", LONG, play_id=ready["play_id"], code="source_stalled")
    one.hold.unlink()
    assert paced_bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = paced_bot.audio.wait_ends(ready["channel"])
    run.check()
    assert run.packets == want[200:]
    assert warnings(paced_bot, ready["play_id"]) == ["source_reconnected", "source_stalled"]


def test_as_often_as_it_gets_on(bot, song, undisturbed):  # noqa: F811
    """Each link is good for one more segment."""
    want = undisturbed("opus")
    one = song("opus")
    one.refuses = lambda token, name: name in one.media and one.media.index(name) > token
    played = bot.play_through(one.url)
    check_played(bot, played, want, "opus", reconnections=one.token - 1)
    assert one.token >= len(one.media) - 2


@pytest.mark.parametrize("status", [403, 404])
def test_again_and_again(bot, song, undisturbed, status):  # noqa: F811
    """No link is good for this segment: what lies before it is heard, then the play has failed."""
    want = undisturbed("opus")
    one = song("opus")
    one.status = status
    one.refuses = lambda token, name: name == one.media[4]
    before = extractor(bot.control)["misses"]
    played = bot.play_through(one.url)
    assert (played.end["type"], played.end["code"]) == ("error", "source_failed"), played.end
    assert str(status) in played.end["message"]
    assert 395 <= len(played.packets) <= 400 and played.packets == want[:len(played.packets)]
    assert 2 <= extractor(bot.control)["misses"] - before <= 6


def test_a_page_that_is_gone(bot, song):  # noqa: F811
    one = song()
    one.expires_at(one.media[4])
    one.is_gone = True
    played = bot.play_through(one.url)
    assert (played.end["type"], played.end["code"]) == ("error", "source_failed"), played.end
    assert 395 <= len(played.packets) <= 400


def test_a_kept_link(bot, song, undisturbed):  # noqa: F811
    """The list of variants is still there, what it names is not."""
    want = undisturbed("opus")
    one = song("opus")
    one.files["master.m3u8"] = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=96000,CODECS=\"opus\"\nlist.m3u8\n"
    one.root, one.immortal = "master.m3u8", ("master.m3u8",)
    one.renew()
    assert bot.play_through(one.url).packets == want
    one.renew()
    again = bot.play_through(one.url)
    check_played(bot, again, want, "opus", reconnections=0)  # nobody had heard anything of it
    # Links that were just found, and are refused, are not looked for for ever.
    one.refuses = lambda token, name: name == one.media[0]
    before = extractor(bot.control)["misses"]
    end = bot.play_through(one.url).end
    assert end["type"] == "error" and "403" in end["message"], end
    assert extractor(bot.control)["misses"] - before == 1


@pytest.mark.parametrize("when", ["before it is opened", "while it waits"])
def test_the_next_play(bot, song, undisturbed, when):  # noqa: F811
    """Its source is opened ahead of time; when its turn comes the links are old."""
    want = undisturbed("opus")
    first, second = song("opus"), song("opus")
    if when == "before it is opened":
        assert bot.play_through(second.url).packets == want  # and the link is kept
        second.immortal = ("list.m3u8",)
        second.renew()
    ready = bot.start(first.url, credit=50)
    channel = ready["channel"]
    bot.audio.wait_frames(channel, 50)
    tag = bot.control.send("play", channel_id=str(channel), url=second.url, next=True)
    wait_until(lambda: second.asked(second.token, second.media[0]), "it is being opened")
    if when == "while it waits":
        second.renew()
        # The end of the first and all that comes of the second's old links have room in the ring.
        bot.audio.credit(channel, len(want) - 150)
        wait_until(lambda: second.asked(second.token, second.media[1]), "it is opened anew")
    bot.audio.credit(channel, PLENTY)
    follows = bot.control.answer(tag, LONG)
    assert follows["type"] == "ready", follows
    for play in (ready, follows):
        assert bot.control.terminal(play["play_id"], LONG)["type"] == "finished"
    for n in (1, 2):
        run = bot.audio.wait_ends(channel, n)
        run.check()
        assert run.packets == want
    assert warnings(bot, ready["play_id"]) == []


@pytest.mark.parametrize("who", ["tutti-fetch", "tutti-worker"])
def test_a_process_dies_meanwhile(bot, net, song, undisturbed, who):  # noqa: F811
    want = undisturbed("opus")
    one = song("opus")
    one.expires_at(one.media[5])
    one.on_expired = lambda: net.kill_all(who)
    played = bot.play_through(one.url)
    assert played.end["type"] == "finished", played.end
    played.run.check()
    assert played.packets == want
    assert "source_reconnected" in warnings(bot, played.end["play_id"])


@pytest.mark.parametrize("what,status", [("media", 403), ("media", 404), ("key", 410), ("media", 400)])
def test_a_direct_link_has_nothing_behind_it(bot, server, song, undisturbed, what, status):  # noqa: F811
    """A recording that lacks something is not finished."""
    want = undisturbed("encrypted")
    one = song("encrypted")
    one.status = status
    missing = one.media[5] if what == "media" else "key"
    one.immortal = tuple(one.files.keys() - {missing})
    one.refuses = lambda _, name: name == missing
    played = bot.play_through(server.url(one.path(1, "list.m3u8")))
    assert (played.end["type"], played.end["code"]) == ("error", "source_failed"), played.end
    assert str(status) in played.end["message"]
    if what == "media":
        assert 480 <= len(played.packets) <= 500
        check_same(played.packets, want[:len(played.packets)])
    assert not warnings(bot, played.end["play_id"])


class Station:
    """Makes a live stream of a song: its list grows as long as somebody asks for it."""

    def __init__(self, one):
        self.one, self.n, self.asked_last = one, 3, 0.0
        text = one.files["list.m3u8"].decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "")
        self.lines = text.replace("TARGETDURATION:2", "TARGETDURATION:1").splitlines()
        self.ends = [i for i, line in enumerate(self.lines) if line.endswith((".ts", ".m4s"))]
        one.files["list.m3u8"] = self.text()
        one.renew()

    def text(self):
        lines = self.lines[:self.ends[self.n - 1] + 1]
        return ("\n".join(lines) + ("\n#EXT-X-ENDLIST\n" if self.n == len(self.ends) else "\n")).encode()

    def grow(self):
        while self.n < len(self.ends):
            self.n += 1
            with self.one.lock:
                self.one.files["list.m3u8"] = self.text()
                for token in range(1, self.one.token + 1):
                    self.one.server.resources[self.one.path(token, "list.m3u8")].data = self.text()
            time.sleep(0.7)


def test_a_live_stream_goes_on_without_an_old_segment(bot, song, undisturbed):  # noqa: F811
    want = undisturbed("ts")
    one = song("ts")
    one.status = 404
    station = Station(one)
    gone = one.media[4]
    one.immortal = tuple(name for name in one.files if name != gone)
    one.refuses = lambda token, name: name == gone
    ready = bot.start(one.url, credit=PLENTY)
    assert ready["duration"] is None
    station.grow()
    assert bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = bot.audio.wait_ends(ready["channel"])
    run.check()
    assert len(want) - 110 <= len(run.packets) <= len(want) - 90
    assert "source_reconnected" not in warnings(bot, ready["play_id"])


def test_a_live_stream_whose_links_expire(bot, song):  # noqa: F811
    one = song("ts")
    station = Station(one)
    ready = bot.start(one.url, credit=PLENTY)
    bot.audio.wait_frames(ready["channel"], 250)
    one.renew()
    station.grow()
    assert bot.control.terminal(ready["play_id"], LONG)["type"] == "finished"
    run = bot.audio.wait_ends(ready["channel"])
    run.check()
    assert "source_reconnected" in warnings(bot, ready["play_id"])
    assert one.asked(one.token, one.media[-1]) == 1  # to its end


def test_through_the_real_yt_dlp(new_daemon, server, song, undisturbed):  # noqa: F811
    want = undisturbed("opus")
    one = song("opus")
    one.expires_at(one.media[5])
    path = f"/{one.name}"
    server.add(path, type="text/html",
               guard=lambda _: setattr(server.resources[path], "data", page(
                   "Song", server.url(one.path(one.token, one.root)))))
    daemon = new_daemon(*OPTIONS, "--yt-dlp", find_yt_dlp(), "--extract-timeout", "60")
    with Client(daemon) as client:
        played = client.gather([server.url(path)], seconds=LONG)[0]
        check_played(client, played, want, "opus")
        assert one.token == 2
