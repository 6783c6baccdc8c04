"""Servers that want a cookie back, refuse whoever asks for a part, or call what they send what it is not:
what a browser plays is read."""
import gzip

import pytest
from lib import (DATA, END, FAILED, HEAD, MEDIA, OPENED, PLAYLIST, RANGES, RESUMED, Fetch, noise)
from httpd import Server

SONG = noise(300_000, 5)


def whole(source):
    source.expect(HEAD)
    source.reset()
    return source.read_all()


def wants(cookie):
    """A guard of a resource: refuses who does not bring the cookie."""
    return lambda request: None if cookie in request.headers.get("cookie", "").split("; ") else 403


def test_a_cookie_of_a_redirect_is_sent_on_the_way(server, fetch):
    """To the page itself, and to the place behind it; when more is wanted, too."""
    server.add("/song", SONG, guard=wants("seen=7"))
    server.add("/door", redirect="/song", headers={"Set-Cookie": "seen=7; Path=/"})
    server.add("/once", SONG, redirect=lambda r: None if "seen=7" in r.headers.get("cookie", "") else "/once",
               headers={"Set-Cookie": "seen=7"})
    sources = [fetch.source(server.url(path)) for path in ("/door", "/once")]
    for source in sources:
        assert source.expect(HEAD).length == len(SONG)
        source.reset()
        assert source.read_exactly(290_000, 1000) == SONG[290_000:291_000]
        assert source.read_exactly(0, 1000) == SONG[:1000]
    assert len(server.requests("/door")) == 1 and fetch.collect() == []


def test_a_cookie_goes_where_a_browser_sends_it(server, fetch):
    """Not to another host, nor beside its path, nor when it is over."""
    server.add("/a", redirect="/in/b", headers={"Set-Cookie": "a=1; Path=/in", "set-cookie": "z=1; Path=/z"})
    server.add("/in/b", redirect="/out", headers={"Set-Cookie": "b=1; Path=/", "set-cookie": "f=1; Domain=other.test"})
    server.add("/out", redirect=server.url("/c", host="localhost"), headers={"Set-Cookie": "b=; Max-Age=0; Path=/"})
    server.add("/c", redirect="/d")
    server.add("/d", SONG)
    assert whole(fetch.source(server.url("/a")))[0] == SONG
    sent = {r.path: r.headers.get("cookie") for r in server.log}
    assert sent == {"/a": None, "/in/b": "a=1", "/out": "b=1", "/c": None, "/d": None}


def test_a_cookie_stays_with_its_source(server, fetch):
    """What the source opens beside its list brings it along; another source does not."""
    for path in ("/list", "/a"):
        server.add(path, SONG, headers={"Set-Cookie": "id=7"})
    source, other = (fetch.source(server.url("/list")) for _ in range(2))
    for s in (source, other):
        s.expect(HEAD)
    source.reset()
    assert source.open(1, server.url("/a")).what == OPENED
    assert [r.headers.get("cookie") for r in server.log] == [None, None, "id=7"]
    source.drop()
    fetch.source(server.url("/a")).expect(HEAD)
    assert "cookie" not in server.log[-1].headers


def test_cookies_of_both_stand_in_one_line(server, fetch):
    """Those that came with the URL go to its host alone, beside what servers have set."""
    with Server(host="127.0.0.1") as elsewhere:
        elsewhere.add("/b", SONG)
        server.add("/a", redirect="/b", headers={"Set-Cookie": "s=1"})
        server.add("/b", redirect=elsewhere.url("/b", host="localhost"))
        fetch.source(server.url("/a"), "Cookie: u=2; v=3\n").expect(HEAD)
        assert sorted(server.log[1].headers["cookie"].split("; ")) == ["s=1", "u=2", "v=3"]
        assert "cookie" not in elsewhere.log[0].headers


def test_cookies_without_end_take_no_more_memory(server, fetch):
    server.add("/list", SONG)
    many = {name: f"n{i}={'x' * 3900}; Path=/" for i, name in enumerate(["Set-Cookie", "set-cookie", "SET-COOKIE"])}
    source = fetch.source(server.url("/list"))
    source.expect(HEAD)
    source.reset()
    for i in range(1, 30):
        server.add(f"/{i}", b"x", headers={n: v.replace("n", f"n{i}.", 1) for n, v in many.items()})
        assert source.open(1, server.url(f"/{i}")).what == OPENED
        source.close_stream(1)
    sent = [len(r.headers.get("cookie", "")) for r in server.log]
    assert max(sent) < 10_000 and sent[2] > 3900


@pytest.mark.parametrize("status", [400, 403, 405, 406, 416, 501])
def test_a_server_that_refuses_parts(server, fetch, status):
    """It is asked once more, for all; what it says of ranges is not believed."""
    for path, headers in {"/a": {}, "/b": {"Accept-Ranges": "bytes"}}.items():
        server.add(path, SONG, ranges=False, headers=headers,
                   guard=lambda r: status if r.range else None, script=[{}, dict(cut=100_000)])
        source = fetch.source(server.url(path))
        assert source.expect(HEAD).facts == 0
        source.reset()
        got, end = source.read_all()
        assert got == SONG and end.what == END
        asked = ["range" in r.headers for r in server.requests(path)]
        assert asked == [True, False, False]  # the last is after the cut


def test_a_part_of_what_is_given_whole_only(server, fetch):
    """A segment that is named by its bytes is read from the start."""
    server.add("/list", SONG)
    server.add("/a", SONG, ranges=False, guard=lambda r: 416 if r.range else None)
    source = fetch.source(server.url("/list"))
    source.expect(HEAD)
    source.reset()
    assert source.open(1, server.url("/a"), at=100_000, end=150_000).what == OPENED
    got, end = source.read_all(100_000, stream=1)
    assert got == SONG[100_000:150_000] and end.what == END


@pytest.mark.parametrize("status", [400, 403, 405, 406, 416, 501])
def test_a_refusal_of_all_is_one(server, fetch, status):
    server.add("/a", script=[dict(status=status)] * 9)
    failed = fetch.source(server.url("/a")).expect(FAILED, HEAD, seconds=12)
    assert ["range" in r.headers for r in server.log][:2] == [True, False]
    assert failed.what == FAILED and failed.code == "source_failed" and str(status) in failed.why
    assert len(server.log) <= (2 if status < 500 else 4)


def test_an_empty_resource_is_no_refusal(server, fetch):
    server.add("/a", b"")
    assert fetch.source(server.url("/a")).expect(HEAD).length == 0 and len(server.log) == 1


def test_who_has_given_a_part_is_believed(server, fetch):
    server.add("/a", SONG, script=[dict(cut=100_000)] + [dict(status=403)] * 3)
    source = fetch.source(server.url("/a"))
    assert source.expect(HEAD).facts == RANGES
    source.reset()
    got, end = source.read_all()
    assert got == SONG[:100_000] and end.status == 403
    assert all("range" in r.headers for r in server.log)


TUNE = b"ID3\x04" + SONG


@pytest.mark.parametrize("words", ["aws-chunked", "utf-8", "binary", "8bit", "x-none-such, none", "gzip", "x-gzip",
                                   "deflate", "gzip,aws-chunked", "gzip, gzip", "br", "zstd"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_wrong_encoding(server, fetch, words, ranges):
    """What is not packed is played and sought as it is, whatever it is called."""
    server.add("/a", TUNE, ranges=ranges, headers={"Content-Encoding": words})
    source = fetch.source(server.url("/a"))
    head = source.expect(HEAD)
    assert (head.length, head.facts, head.kind) == (len(TUNE), RANGES if ranges else 0, MEDIA)
    source.reset()
    assert source.read_exactly(250_000, 1000) == TUNE[250_000:251_000]
    got, end = source.read_all()
    assert got == TUNE and end.what == END and fetch.collect() == []


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "identity"}, {"Content-Encoding": "gzip,aws-chunked"}],
                         ids=["unsaid", "denied", "half said"])
@pytest.mark.parametrize("options", [{}, dict(ranges=False), dict(chunked=True, ranges=False)],
                         ids=["range", "no-range", "chunked"])
def test_packed_and_nobody_says_so(server, fetch, headers, options):
    packed = gzip.compress(TUNE, 1)
    server.add("/a", packed, headers=headers, script=[dict(cut=200_000)], **options)
    source = fetch.source(server.url("/a"))
    head = source.expect(HEAD)
    assert (head.length, head.facts, head.kind) == (-1, 0, MEDIA)
    source.reset()
    got, end = source.read_all()
    assert got == TUNE and end.what == END
    server.add("/list", gzip.compress(b"#EXTM3U\nx\n"), headers=headers, **options)
    assert fetch.source(server.url("/list")).expect(HEAD).kind == PLAYLIST


def test_it_is_known_byte_by_byte(server, fetch):
    """The first two bytes come alone."""
    for path, body in {"/plain": TUNE[:5000], "/packed": gzip.compress(TUNE[:5000]), "/one": b"\x1f" * 5000}.items():
        for words in ("gzip", "identity"):
            server.add(path, body, ranges=False, headers={"Content-Encoding": words},
                       script=[dict(pause=0.05, at=1)])
            source = fetch.source(server.url(path))
            source.expect(HEAD)
            source.reset()
            assert source.read_all()[0] == (body if path == "/one" else TUNE[:5000])


def test_packed_for_a_fetcher_that_is_new(server):
    """Another one died while it was read."""
    server.add("/a", gzip.compress(TUNE, 1))
    with Fetch() as fetch:
        source = fetch.source(server.url("/a"), flags=RESUMED)
        source.reset()
        assert source.read_exactly(150_000, 1000) == TUNE[150_000:151_000]
        assert source.read(0).what == DATA
