"""What is read is what is there, byte for byte, and with as few requests as can be."""
import gzip
import re
import struct
from pathlib import Path

import pytest
from lib import (CHANGED, CUT, DATA, END, ERROR, FAILED, HEAD, LIVE, MEDIA, OPEN_ENDED, OPENED, PAGE,
                 PLAYLIST, RANGES, RECONNECTED, SOURCE, Fetch, Gone, Source, noise, texts, wait_for)
from httpd import Server

SIZE = 1_500_000
SONG = noise(SIZE)


def whole(source):
    source.reset()
    return source.read_all()


def test_undisturbed_play_is_one_request(server, fetch):
    server.add("/a", SONG, type="audio/mpeg", etag='"v"')
    source = fetch.source(server.url("/a"))
    head = source.expect(HEAD)
    assert (head.length, head.facts, head.kind, head.validator) == (SIZE, RANGES, MEDIA, '"v"')
    got, end = whole(source)
    assert got == SONG and end.what == END and end.length == SIZE
    assert len(server.log) == 1
    assert fetch.collect() == []


@pytest.mark.parametrize("options, facts, ending", [
    (dict(chunked=True, ranges=False), 0, END),
    (dict(ranges=False), 0, END),
    (dict(ranges=False, length=False), OPEN_ENDED, CUT),
    (dict(ranges=False, length=False, http10=True), OPEN_ENDED, CUT),
    (dict(compress=True), 0, END),
    (dict(compress=True, chunked=True), 0, END),
    (dict(piece=200_000), RANGES, END),
], ids=["chunked", "no-range", "close", "http10", "gzip", "gzip-chunked", "pieces"])
def test_ways_to_send(server, fetch, options, facts, ending):
    server.add("/a", SONG, type="audio/mpeg", **options)
    source = fetch.source(server.url("/a"))
    assert source.expect(HEAD).facts == facts
    got, end = whole(source)
    assert got == SONG and end.what == ending and end.length == SIZE
    assert len(server.log) == (8 if "piece" in options else 1)
    assert fetch.collect() == []


def test_what_shrinks_a_lot_is_read_whole(server, fetch):
    """A list in which much repeats itself, twenty times as long as what is sent of it."""
    text = b"".join(b"#EXTINF:4.0,\nhttps://cdn.example/%s/%d.ts\n" % (b"x" * 150, i)
                    for i in range(20_000))
    server.add("/a", text, compress=True, type="application/vnd.apple.mpegurl")
    source = fetch.source(server.url("/a"))
    assert source.expect(HEAD).kind == PLAYLIST
    got, end = whole(source)
    assert got == text and end.what == END and len(server.log) == 1


def peak_memory(fetch):
    """[kB]"""
    status = Path(f"/proc/{fetch.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def test_what_inflates_without_end_takes_no_more_memory(server, fetch):
    server.add("/plain", SONG, ranges=False)
    server.add("/bomb", bytes(60_000_000), compress=True)
    sources = [fetch.source(server.url("/plain")) for _ in range(8)]
    for source in sources:
        source.expect(HEAD)
        source.reset()
        assert source.read_exactly(0, 200_000) == SONG[:200_000]
    before = peak_memory(fetch)
    for source in sources:
        source.drop()
    sources = [fetch.source(server.url("/bomb")) for _ in range(8)]
    for source in sources:
        source.expect(HEAD)
        source.reset()
        assert source.read_exactly(0, 200_000) == bytes(200_000)
    assert peak_memory(fetch) < before + 8_000


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip, gzip"}, {"Content-Encoding": "br"},
                                     {"Content-Encoding": "gzip", "content-encoding": "gzip"},
                                     {"Transfer-Encoding": "gzip, chunked"}])
def test_encodings_that_nobody_asked_for(server, fetch, headers):
    server.add("/a", gzip.compress(gzip.compress(SONG)), ranges=False, headers=headers)
    failed = fetch.source(server.url("/a")).expect(FAILED)
    assert failed.code == "source_failed" and "encod" in failed.why


def test_not_the_encoding_that_is_said(server, fetch):
    """It begins as gzip does, and goes on otherwise."""
    server.add("/a", gzip.compress(b"")[:10] + SONG, ranges=False, headers={"Content-Encoding": "gzip"})
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    got, end = whole(source)
    assert got == b"" and end.code == "source_failed"
    assert "encoded" in source.expect(FAILED).why


def test_empty_resources(server, fetch):
    for path, options in {"/plain": {}, "/none": dict(ranges=False), "/bit": dict(chunked=True)}.items():
        server.add(path, b"", **options)
        source = fetch.source(server.url(path))
        assert source.expect(HEAD).length in (0, -1)
        source.reset()
        assert source.read(0).what == END


@pytest.mark.parametrize("type, body, kind", [
    ("text/html; charset=utf-8", b"<!DOCTYPE html><html>", PAGE),
    ("application/octet-stream", b"  <html><body>", PAGE),
    ("text/plain", b"#EXTM3U\nx", PLAYLIST),
    ("audio/x-scpls", b"[playlist]\nFile1=x", PLAYLIST),
    ("application/vnd.apple.mpegurl", b"\xef\xbb\xbf#EXTM3U\n", PLAYLIST),
    ("audio/x-mpegurl", b"ID3\x04\x00\x00", MEDIA),
    ("audio/mpeg", b"<html>", PAGE),
    ("text/html", b"\x00\x01", MEDIA),
    ("text/html; charset=utf-8", b"ID3\x04\x00\x00", MEDIA),
    ("application/xhtml+xml", b"\xff\xfb\x90\x64\x00", MEDIA),
    ("text/html", b"plain words", PAGE),
    ("text/html", "\ufeff<html>".encode("utf-16"), PAGE),
    ("text/plain", b"plain words", MEDIA),
    ("text/html", b"see http://a/b or <b>c</b>", PAGE),
    ("application/octet-stream", b"# radio\r\nhttp://a/b\r\n", PLAYLIST),
    ("audio/mpeg", b"http://a/b", PLAYLIST),
    ("text/html", b"<?xml version='1.0'?><playlist>", PLAYLIST),
    ("", b"OggS\x00", MEDIA),
])
def test_kinds(server, fetch, type, body, kind):
    server.add("/a", body, type=type)
    assert fetch.source(server.url("/a")).expect(HEAD).kind == kind


def test_seeks(server, fetch):
    server.add("/a", SONG, rate=None)
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    source.reset()
    assert source.read_exactly(0, 65536) == SONG[:65536]
    # Within the read-ahead, and a little back: nothing is asked for.
    assert source.read_exactly(120_000, 1000) == SONG[120_000:121_000]
    assert source.read_exactly(100_000, 1000) == SONG[100_000:101_000]
    assert len(server.log) == 1
    # Farther on: one request, from that byte.
    assert source.read_exactly(1_200_000, 5000) == SONG[1_200_000:1_205_000]
    assert [r.range for r in server.log] == [(0, None), (1_200_000, None)]
    # Back to where the first one stands: none.
    assert source.read_exactly(121_000, 1000) == SONG[121_000:122_000]
    assert len(server.log) == 2
    # And to the end from there.
    got, end = source.read_all(122_000)
    assert got == SONG[122_000:] and end.what == END
    assert len(server.log) == 2
    assert source.read(SIZE + 5).what == END
    assert fetch.collect() == []


def test_seeks_without_ranges_read_through(server, fetch):
    server.add("/a", SONG, ranges=False)
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    source.reset()
    for at in (1_000_000, 10, 700_000):
        assert source.read_exactly(at, 3000) == SONG[at:at + 3000]


def test_redirects(server, fetch):
    server.add("/song", SONG)
    for i in range(10):
        server.add(f"/{i}", redirect=server.url(f"/{i - 1}") if i else "/song",
                   redirect_status=(301, 302, 303, 307, 308)[i % 5])
    source = fetch.source(server.url("/9"))
    assert source.expect(HEAD).base == server.url("/song")
    assert whole(source)[0] == SONG
    # What is asked for later is asked of where it led.
    assert source.read_exactly(10, 5) == SONG[10:15]
    assert [r.path for r in server.log[-2:]] == ["/song", "/song"] and len(server.log) == 12
    server.add("/10", redirect="/9")
    failed = fetch.source(server.url("/10")).expect(FAILED)
    assert failed.code == "source_failed" and "redirects" in failed.why


NAMES = {"latin-1": ("/caf\xe9.ogg", "/caf%E9.ogg"),
         "utf-8": ("/caf\u00e9 \u266b.ogg?q=\u00fc", "/caf%C3%A9%20%E2%99%AB.ogg?q=%C3%BC"),
         "control": ("/a\x9b2J\tb.ogg", "/a%9B2J%09b.ogg"),
         "encoded": ("/caf%E9%20.ogg", "/caf%E9%20.ogg")}


@pytest.mark.parametrize("coding", NAMES)
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_redirects_to_names_as_files_have_them(server, fetch, coding, absolute):
    """Many servers put a file's name into Location as it is, in whatever coding it has."""
    name, path = NAMES[coding]
    name = name.encode("utf-8" if coding == "utf-8" else "latin-1").decode("latin-1")
    server.add("/a", redirect=server.url(name) if absolute else name)
    escapes = re.compile("%..")  # in small letters where curl has written them
    server.add(path, SONG)
    server.add(escapes.sub(lambda m: m[0].lower(), path), SONG)
    source = fetch.source(server.url("/a"))
    base = source.expect(HEAD).base
    assert escapes.sub(lambda m: m[0].upper(), base) == server.url(path)
    assert whole(source)[0] == SONG
    assert source.reset().url == base


@pytest.mark.parametrize("location", ["http://caf\xe9.invalid/", "http://caf%E9.invalid/", "http://a b/",
                                      "http://caf\xc3\xa9.invalid/", "http://a%0ab/",
                                      "http://\xef\xbc\x91.0.0.1/", "http://127.0.0.1:x\xe9/",
                                      "http://u\xe9:p\xe9@127.0.0.1:1/", "http://127.0.0.1/" + "\xe9" * 6000])
def test_redirects_to_what_is_no_url(server, fetch, location):
    """Such a redirect ends its source, with words that can be read, and nothing else."""
    server.add("/song", SONG)
    server.add("/a", redirect=location)
    other = fetch.source(server.url("/song"))
    other.expect(HEAD)
    failed = fetch.source(server.url("/a")).expect(FAILED)
    assert failed.code == "source_failed" and failed.why.isprintable() and failed.why.isascii()
    assert whole(other)[0] == SONG


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/"])
def test_redirects_to_other_schemes(server, fetch, location):
    server.add("/a", redirect=location)
    assert fetch.source(server.url("/a")).expect(FAILED).code == "forbidden_url"


def test_redirect_target_that_expires(server, fetch):
    """The first URL leads to a fresh place again."""
    server.add("/song1", SONG)
    server.add("/song2", SONG)
    way = server.add("/a", redirect="/song1")
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    source.reset()
    source.read_exactly(0, 1000)
    del server.resources["/song1"]
    way.redirect = "/song2"
    assert source.read_exactly(1_300_000, 1000) == SONG[1_300_000:1_301_000]
    assert fetch.collect() == []


def test_headers(server, fetch):
    server.add("/a", b"x" * 10)
    fetch.source(server.url("/a"), "User-Agent: Me\nX-Key: k: v\nRange: bytes=5-\nCookie: c=1\n"
                 "Accept-Encoding: br\nHost: other\n").expect(HEAD)
    sent = server.log[0].headers
    assert (sent["user-agent"], sent["x-key"], sent["cookie"]) == ("Me", "k: v", "c=1")
    assert sent["range"] == "bytes=0-" and sent["accept-encoding"] == "identity"
    assert sent["host"] == f"127.0.0.1:{server.port}"
    fetch.source(server.url("/a")).expect(HEAD)
    assert server.log[1].headers["user-agent"].startswith("tutti/")


def test_credentials_do_not_follow_a_redirect_elsewhere(server, fetch):
    with Server() as other:
        other.add("/b", b"x")
        server.add("/a", redirect=other.url("/b"))
        fetch.source(server.url("/a"), "Authorization: secret\nCookie: c=1\nX-Y: z\n").expect(HEAD)
        assert "authorization" in server.log[0].headers
        assert "authorization" not in other.log[0].headers and "cookie" not in other.log[0].headers
        assert other.log[0].headers["x-y"] == "z"


def test_credentials_do_not_follow_a_list_elsewhere(server, fetch):
    """What a worker opens beside the root takes its headers, but what names the user goes to the
    root's own host only, wherever the list or a redirect leads."""
    for path in ("/list", "/a", "/b", "/c", "/d"):
        server.add(path, SONG)
    server.add("/r", redirect=server.url("/c", host="localhost"))
    server.add("/s", redirect=server.url("/d"))
    source = fetch.source(server.url("/list"), "Cookie: c=1\nAuthorization: Basic x\nX-Key: k\n")
    source.expect(HEAD)
    source.reset()
    for i, (url, asked, is_known) in enumerate([
            (server.url("/a"), "/a", True), (server.url("/b", host="localhost"), "/b", False),
            (server.url("/r"), "/c", False), (server.url("/s", host="localhost"), "/d", True)]):
        assert source.open(i + 1, url).what == OPENED
        source.read_exactly(1_400_000, 1000, stream=i + 1)
        # Twice: the second time the place where the redirect led is asked directly.
        assert len(server.requests(asked)) == 2
        for request in server.requests(asked):
            sent = request.headers
            assert sent["x-key"] == "k"
            assert ("cookie" in sent, "authorization" in sent) == (is_known, is_known)
    # Headers that come with the URL are for its host.
    assert source.open(9, server.url("/b", host="localhost"), "Cookie: own\n").what == OPENED
    assert server.log[-1].headers["cookie"] == "own"


def test_credentials_stay_where_they_are_after_a_redirect(server, fetch):
    """The place that a redirect led to is asked directly when more is wanted."""
    server.add("/song", SONG)
    server.add("/a", redirect=server.url("/song", host="localhost"))
    source = fetch.source(server.url("/a"), "Cookie: c=1\n")
    source.expect(HEAD)
    source.reset()
    source.read_exactly(1_400_000, 1000)
    assert len(server.requests("/song")) == 2
    assert all("cookie" not in r.headers for r in server.requests("/song"))


def test_cookies_are_not_kept(server, fetch):
    server.add("/a", b"x", headers={"Set-Cookie": "id=7"})
    for _ in range(2):
        fetch.source(server.url("/a")).expect(HEAD)
    assert all("cookie" not in r.headers for r in server.log)


@pytest.mark.parametrize("status, code", [(404, "not_found"), (410, "not_found"),
                                          (401, "source_failed")])
def test_refusals_at_first(server, fetch, status, code):
    server.add("/a", script=[dict(status=status)] * 9)
    failed = fetch.source(server.url("/a")).expect(FAILED, seconds=5)
    assert (failed.code, failed.status) == (code, status) and str(status) in failed.why
    assert len(server.log) == 1


def test_nobody_there(fetch):
    with Server() as gone:
        url = gone.url("/a")
    failed = fetch.source(url).expect(FAILED, seconds=12)
    assert failed.code == "source_failed" and "onnect" in failed.why


def test_no_such_host(fetch):
    failed = fetch.source("http://no-such-host.invalid/a").expect(FAILED, seconds=12)
    assert failed.code == "source_failed" and "no-such-host.invalid" in failed.why


def test_reads_after_a_failure_are_answered(server, fetch):
    source = fetch.source(server.url("/none"))
    source.expect(FAILED)
    source.reset()
    error = source.read(0)
    assert (error.what, error.code, error.status) == (ERROR, "not_found", 404)


def test_a_head_without_end(server, fetch):
    server.add("/a", script=[dict(raw=b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"y" * 1000) * 100)] * 5)
    assert fetch.source(server.url("/a")).expect(FAILED, seconds=12).code == "source_failed"


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"SSH-2.0-x\r\n",
                                 b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc"])
def test_nonsense_instead_of_an_answer(server, fetch, raw):
    server.add("/a", script=[dict(raw=raw)] * 9)
    fetch.source(server.url("/a")).expect(FAILED, HEAD, seconds=15)


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n",
                                 b"HTTP/1.1 200 OK\r\nContent-Length: 50", b"HTTP/1.1 20",
                                 b"HTTP/1.1 103 Early\r\n\r\n", b"HTTP/1.1 050 X\r\n\r\nabc",
                                 b"ICY garbage", b"ICY OK\r\n\r\nabc"])
def test_a_connection_that_ends_within_the_head(server, fetch, raw):
    server.add("/a", SONG, script=[dict(raw=raw)] * 9)
    failed = fetch.source(server.url("/a")).expect(FAILED, seconds=15)
    assert failed.code == "source_failed" and failed.why
    # Once, it is a loss like another.
    server.add("/b", SONG, script=[dict(cut=300_000), dict(raw=raw)])
    assert whole(fetch.source(server.url("/b")))[0] == SONG


def test_nested(server, fetch):
    server.add("/list", b"#EXTM3U\n")
    server.add("/s1", SONG, type="video/mp2t")
    source = fetch.source(server.url("/list"), "X-Key: root\n")
    source.expect(HEAD)
    source.reset()
    opened = source.open(7, server.url("/s1"), at=1000, end=400_000)
    assert (opened.what, opened.length, opened.type) == (OPENED, SIZE, "video/mp2t")
    assert server.log[-1].range == (1000, 399_999) and server.log[-1].headers["x-key"] == "root"
    got, end = source.read_all(1000, stream=7)
    assert got == SONG[1000:400_000] and end.what == END
    assert len(server.requests("/s1")) == 1
    source.close_stream(7)
    assert source.open(7, server.url("/s1"), "X-Key: mine\n").what == OPENED
    assert server.log[-1].headers["x-key"] == "mine"
    assert source.read(0, stream=0).data == b"#EXTM3U\n"
    assert source.open(8, server.url("/none")).code == "not_found"
    # A new reader finds them closed.
    source.reset()
    assert source.open(7, server.url("/s1")).what == OPENED


@pytest.mark.parametrize("breach", ["read twice", "unknown stream", "open twice", "nine streams",
                                    "garbage", "nothing"])
def test_a_worker_that_breaks_the_rules_is_dropped(server, fetch, breach):
    server.add("/a", SONG, script=[dict(stall=5000)] * 9)
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    source.reset()
    if breach == "read twice":
        source.ask(100_000)
        source.ask(100_000)
    elif breach == "unknown stream":
        source.ask(0, stream=5)
    elif breach == "open twice":
        source.open(1, server.url("/a"))
        source.send(3, 1, b"\0" * 16 + b"\xff" * 8 + server.url("/a").encode() + b"\0\0")
    elif breach == "nothing":
        source.sock.send(b"")
    elif breach == "nine streams":
        for i in range(1, 9):
            source.open(i, server.url("/a"))
        source.send(3, 9, b"\0" * 16 + b"\xff" * 8 + server.url("/a").encode() + b"\0\0")
    else:
        source.sock.send(b"\1" * 40)
    with pytest.raises(Gone):
        while True:
            source.hear(10)
    assert source.expect(FAILED, RECONNECTED).what in (FAILED, RECONNECTED)
    # The others do not notice.
    server.add("/b", SONG)
    assert whole(fetch.source(server.url("/b")))[0] == SONG


def test_a_slow_worker_is_waited_for(server, fetch):
    """Its queue is full; then it takes all at once."""
    server.add("/a", SONG)
    source = fetch.source(server.url("/a"))
    source.expect(HEAD)
    source.reset()
    for i in range(1, 9):
        assert source.open(i, server.url("/a")).what == OPENED
    for i in range(9):
        source.ask(0, stream=i)
    got = {}
    while len(got) < 9:
        message = source.answer()
        assert message.what == DATA
        got[message.stream] = message.data
    assert all(SONG.startswith(d) for d in got.values())


def test_tls(certificate):
    ca, *pair = certificate
    with Server(pair) as server:
        server.add("/a", SONG, script=[dict(cut=300_000, reset=True), dict(cut=5)])
        with Fetch(env={"SSL_CERT_FILE": str(ca)}) as fetch:
            source = fetch.source(server.url("/a", "localhost"))
            source.expect(HEAD)
            assert whole(source)[0] == SONG
        with Fetch() as fetch:
            failed = fetch.source(server.url("/a", "localhost")).expect(FAILED)
            assert failed.code == "source_failed" and "certificate" in failed.why


def test_connections_are_used_again(server, fetch):
    for i in range(5):
        server.add(f"/{i}", noise(50_000, i))
        assert whole(fetch.source(server.url(f"/{i}")))[0] == noise(50_000, i)
    assert server.connections == 1


def test_proxy(server):
    with Server() as proxy:
        proxy.add("/a", SONG)
        with Fetch("--http-proxy", f"http://127.0.0.1:{proxy.port}") as fetch:
            source = fetch.source("http://media.example/a")
            source.expect(HEAD)
            assert whole(source)[0] == SONG
        assert proxy.proxied[0] == "http://media.example/a"
        with Fetch(env={"http_proxy": f"http://127.0.0.1:{proxy.port}",
                        "no_proxy": "localhost,127.0.0.1"}) as fetch:
            fetch.source("http://media.example/a").expect(HEAD)
            server.add("/a", b"x")
            assert fetch.source(server.url("/a")).expect(HEAD).length == 1


def test_tls_through_a_proxy(certificate):
    ca, *pair = certificate
    with Server(pair) as server, Server() as proxy:
        server.add("/a", SONG)
        with Fetch("--http-proxy", proxy.url("/"), env={"SSL_CERT_FILE": str(ca)}) as fetch:
            source = fetch.source(server.url("/a", "localhost"))
            source.expect(HEAD)
            assert whole(source)[0] == SONG
        assert proxy.proxied == [f"localhost:{server.port}"]


def test_more_sources_than_descriptors(server):
    """Some are refused; nothing that has begun suffers, and there is room again afterwards."""
    server.add("/a", SONG, rate=4_000_000)
    with Fetch("--log-level", "error", wrapper=["prlimit", "--nofile=260:260"]) as fetch:
        first = fetch.source(server.url("/a"))
        first.expect(HEAD)
        first.reset()
        sources = [fetch.source(server.url("/a")) for _ in range(250)]
        heard = [s.expect(HEAD, FAILED).what for s in sources]
        assert heard.count(HEAD) > 50 and heard.count(FAILED) > 30
        assert first.read_all()[0] == SONG
        for s in sources:
            s.drop()
        assert whole(fetch.source(server.url("/a")))[0] == SONG


def test_a_source_whose_descriptor_got_lost(server, fetch):
    """As it happens when the fetcher has no place for one: the others go on."""
    server.add("/a", SONG)
    other = fetch.source(server.url("/a"))
    other.expect(HEAD)
    lost = Source(fetch, 77)
    body = struct.pack("=qIIII", -1, 0, 0, 0, 0) + texts(server.url("/a"), "", "", "", "")
    fetch.say(SOURCE, lost, body)
    assert lost.expect(FAILED).code == "internal"
    lost.drop()
    assert whole(other)[0] == SONG


def test_it_ends_with_the_daemon(server):
    server.add("/a", SONG, rate=1000)
    fetch = Fetch()
    fetch.source(server.url("/a"))
    wait_for(lambda: server.log)
    fetch.close()
    assert fetch.process.returncode == 0


def test_resumed_source_asks_when_it_is_read(server, fetch):
    """A fetcher that died had it: nothing is asked for until somebody reads."""
    server.add("/a", SONG, etag='"v"')
    source = fetch.source(server.url("/a"), flags=2, length=SIZE, facts=RANGES, validator='"v"',
                          type="audio/mpeg", base=server.url("/a"))
    ready = source.reset()
    assert (ready.length, ready.type) == (SIZE, "audio/mpeg") and not server.log
    assert source.read_exactly(700_000, 5000) == SONG[700_000:705_000]
    assert [r.range for r in server.log] == [(700_000, None)]
    assert fetch.collect() == []
    source = fetch.source(server.url("/a"), flags=2, length=SIZE, facts=RANGES, validator='"old"',
                          base=server.url("/a"))
    source.reset()
    assert source.read(700_000).what == ERROR
    source.expect(CHANGED)
