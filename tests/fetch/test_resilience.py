"""Whatever happens to connections, the reader gets every byte once, in order, or a clear end."""
import gzip
import random
import time

import pytest
from lib import (CHANGED, CUT, DATA, END, ERROR, EXPIRED, FAILED, HEAD, LIVE, RANGES, RECONNECTED,
                 RELINKABLE, Fetch, noise, wait_for)
from httpd import Server

SIZE = 1_200_000
SONG = noise(SIZE, 2)
SHAPES = {"range": {}, "no-range": dict(ranges=False), "chunked": dict(ranges=False, chunked=True),
          "gzip": dict(compress=True)}


def begin(server, fetch, path="/a", **options):
    source = fetch.source(server.url(path), **options)
    source.expect(HEAD)
    source.reset()
    return source


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cut_at_random_bytes(server, fetch, shape, reset):
    rng = random.Random(shape)
    cuts = sorted(rng.randrange(20_000, SIZE - 20_000) for _ in range(4))
    if shape == "range":
        cuts = [b - a for a, b in zip([0] + cuts, cuts)]
    server.add("/a", SONG, etag='"v"', script=[dict(cut=n, reset=reset) for n in cuts],
               **SHAPES[shape])
    source = begin(server, fetch)
    got, end = source.read_all(size=50_000)
    assert got == SONG and end.what == END
    said = fetch.collect()
    assert said and all(m.what == RECONNECTED and m.why for m in said)
    assert len(said) <= len(cuts) and len(server.log) == 1 + len(cuts)


def test_cut_at_every_place_of_a_small_file(server, fetch):
    """A cut before the first byte, within the first ones, before the last."""
    small = SONG[:9000]
    for cut in (0, 1, 4095, 4096, 4097, 8999):
        server.add("/s", small, script=[dict(cut=cut)])
        got, end = begin(server, fetch, "/s").read_all()
        assert got == small and end.what == END


def test_flapping_server_is_not_hammered(server, fetch):
    """A byte a connection is no reason to connect again at once, for ever."""
    server.add("/a", SONG[:50_000], script=[dict(cut=20_000)] + [dict(cut=1)] * 4)
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG[:50_000] and end.what == END
    gaps = [b.time - a.time for a, b in zip(server.log[1:], server.log[2:])]
    assert gaps[-1] > gaps[0] and sum(gaps) > 1


def test_a_trickle_is_told_of(server, fetch):
    """What would take minutes to show its first 4 KiB is known by what there is."""
    server.add("/a", SONG, rate=20, type="audio/mpeg")
    source = fetch.source(server.url("/a"))
    head = source.expect(HEAD)
    assert (head.length, head.type) == (SIZE, "audio/mpeg")
    source.reset()
    got = source.read(0)
    assert got.what == DATA and SONG.startswith(got.data)
    source.drop()


def test_pieces_of_a_byte_are_not_asked_for_at_once(server, fetch):
    server.add("/a", SONG, piece=1)
    source = fetch.source(server.url("/a"))
    assert source.expect(HEAD).length == SIZE
    assert len(server.log) < 20
    source.reset()
    assert source.read_exactly(0, 2) == SONG[:2]
    source.drop()


@pytest.mark.parametrize("shape", ["range", "no-range"])
def test_stall(server, fetch, shape):
    server.add("/a", SONG, script=[dict(stall=300_000)], **SHAPES[shape])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == END
    assert "no byte" in source.expect(RECONNECTED).why


def test_stall_before_the_answer(server, fetch):
    """In mid-play, a connection that is taken and says nothing."""
    server.add("/a", SONG, script=[dict(cut=500_000), dict(delay=9), {}])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == END


def test_a_pause_shorter_than_the_limit_is_none(server, fetch):
    server.add("/a", SONG, script=[dict(pause=0.2, at=400_000)])
    source = begin(server, fetch)
    assert source.read_all()[0] == SONG
    assert len(server.log) == 1 and fetch.collect() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_server_errors_in_mid_play(server, fetch, status):
    server.add("/a", SONG, script=[dict(cut=400_000)] + [dict(status=status)] * 2)
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == END
    source.expect(RECONNECTED)
    assert len(server.log) == 4


def test_retry_after(server, fetch):
    server.add("/a", SONG, script=[dict(cut=400_000),
                                   dict(status=429, headers={"Retry-After": "2"})])
    source = begin(server, fetch)
    assert source.read_all()[0] == SONG
    assert 1.9 < server.log[2].time - server.log[1].time


def test_retry_after_at_first(server, fetch):
    server.add("/a", SONG, script=[dict(status=503, headers={"Retry-After": "1"})])
    source = begin(server, fetch)
    assert source.read_all()[0] == SONG
    assert fetch.collect() == []  # nothing was lost, for nothing had been there


def test_retry_after_is_no_way_around_the_limit(server):
    """Nobody waits when the server asks for an hour; then somebody does."""
    with Fetch("--give-up", "1") as fetch:
        server.add("/a", SONG, script=[dict(cut=150_000)]
                   + [dict(status=503, headers={"Retry-After": "3600"})] * 99)
        source = begin(server, fetch)
        source.read_exactly(0, 1000)
        wait_for(lambda: len(server.log) >= 2 and server.log[1].over)
        got, end = source.read_all(1000)
        assert got == SONG[1000:150_000] and end.code == "source_failed"
        assert "503" in source.expect(FAILED).why


def test_errors_at_first_are_told_soon(server, fetch):
    server.add("/a", script=[dict(status=503)] * 9)
    failed = fetch.source(server.url("/a")).expect(FAILED, seconds=12)
    assert (failed.code, failed.status) == ("source_failed", 0) and "503" in failed.why
    assert len(server.log) == 3


def test_server_away_for_a_while(server, fetch):
    server.add("/a", SONG, rate=2_000_000)
    source = begin(server, fetch)
    assert source.read_exactly(0, 100_000) == SONG[:100_000]
    server.refuse = True
    server.drop_all(reset=True)
    source.ask(100_000)
    at = 100_000
    while True:  # what had been read ahead
        message = source.answer()
        assert SONG[at:at + len(message.data)] == message.data
        at += len(message.data)
        source.ask(at)
        if at >= 100_000 + 64_000 and server.connections > 3:
            break
        try:
            source.sock.settimeout(1)
            source.sock.recv(1, 0x2)  # MSG_PEEK
        except TimeoutError:
            break
    server.refuse = False
    message = source.answer()
    got, end = source.read_all(at + len(message.data))
    assert SONG[at:] == message.data + got and end.what == END
    source.expect(RECONNECTED)


def test_giving_up(server):
    with Fetch("--stall-timeout", "0.5", "--give-up", "2") as fetch:
        server.add("/a", SONG, script=[dict(stall=300_000)] * 99, ranges=False)
        source = begin(server, fetch)
        got, end = source.read_all()
        assert got == SONG[:300_000] and end.what == ERROR and end.code == "source_failed"
        assert source.expect(FAILED).code == "source_failed"
        assert source.read(0).what in (DATA, ERROR)
        assert source.read(1_000_000).what == ERROR


def test_not_given_up_while_nobody_wants_it(server):
    with Fetch("--stall-timeout", "0.3", "--give-up", "1", "--idle-timeout", "1") as fetch:
        server.add("/a", SONG)
        source = begin(server, fetch)
        source.read_exactly(0, 10_000)
        server.refuse = True
        server.drop_all()
        time.sleep(3)
        server.refuse = False
        got, end = source.read_all(10_000)
        assert got == SONG[10_000:] and end.what == END
        assert all(m.what == RECONNECTED for m in fetch.collect())


def test_a_pause_holds_no_connection_and_costs_nothing(server):
    with Fetch("--idle-timeout", "1") as fetch:
        server.add("/a", SONG, etag='"v"')
        source = begin(server, fetch)
        source.read_exactly(0, 10_000)
        wait_for(lambda: not server.open)
        assert len(server.log) == 1
        assert source.read_exactly(10_000, 100_000) == SONG[10_000:110_000]
        got, end = source.read_all(110_000)
        assert got == SONG[110_000:] and end.what == END
        assert len(server.log) == 2
        assert fetch.collect() == []


@pytest.mark.parametrize("how", ["etag", "date", "length", "content"])
def test_changed_resource_is_not_stitched(server, fetch, how):
    a = server.add("/a", SONG, etag='"1"' if how == "etag" else None,
                   last_modified="Mon, 02 Nov 2026 10:00:00 GMT" if how == "date" else None,
                   ranges=how != "content", chunked=how == "content",
                   script=[dict(cut=700_000)])
    source = begin(server, fetch)
    got = source.read_exactly(0, 200_000)
    a.data = noise(SIZE + (7 if how == "length" else 0), 3)
    a.etag = '"2"' if how == "etag" else None
    if how == "date":
        a.last_modified = "Tue, 03 Nov 2026 10:00:00 GMT"
    rest, end = source.read_all(200_000)
    assert end.what == ERROR
    assert SONG.startswith(got + rest) and len(rest) < 600_000
    assert source.expect(CHANGED, RECONNECTED).what == CHANGED


def test_changed_on_seek(server, fetch):
    a = server.add("/a", SONG, etag='"1"')
    source = begin(server, fetch)
    source.read_exactly(0, 1000)
    a.etag = '"2"'
    assert source.read(1_000_000).what == ERROR
    source.expect(CHANGED)


def test_weak_tag_is_the_same_tag(server, fetch):
    a = server.add("/a", SONG, etag='"1"')
    source = begin(server, fetch)
    a.etag = 'W/"1"'
    assert source.read_exactly(1_000_000, 10) == SONG[1_000_000:1_000_010]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_expired_link(server, fetch, status):
    server.add("/old", SONG, etag='"1"', script=[dict(cut=400_000)] + [dict(status=status)] * 9)
    server.add("/new", SONG, etag='"other server"')
    source = begin(server, fetch, "/old", flags=RELINKABLE)
    got = source.read_exactly(0, 400_000)
    source.ask(400_000)
    assert source.expect(EXPIRED).status == status
    source.relink(server.url("/new"), "X-New: 1\n")
    message = source.answer()
    got += message.data
    rest, end = source.read_all(len(got))
    assert got + rest == SONG and end.what == END
    assert [r.range for r in server.requests("/new")] == [(400_000, None)]
    assert server.requests("/new")[0].headers["x-new"] == "1"


def test_expired_link_to_something_else(server, fetch):
    server.add("/old", SONG, script=[dict(cut=400_000)] + [dict(status=403)] * 9)
    server.add("/new", SONG[:-5])
    source = begin(server, fetch, "/old", flags=RELINKABLE)
    source.read_exactly(0, 400_000)
    source.ask(400_000)
    source.expect(EXPIRED)
    source.relink(server.url("/new"))
    assert source.answer().what == ERROR
    source.expect(CHANGED)


def test_refused_in_mid_play(server, fetch):
    server.add("/a", SONG, script=[dict(cut=400_000), dict(status=404)])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG[:400_000] and (end.what, end.status) == (ERROR, 404)
    source.expect(FAILED)


def test_more_promised_than_there_is(server, fetch):
    """It breaks off at the same byte for ever, and says where its end is when asked."""
    server.add("/a", SONG, lie=1000)
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == CUT and end.length == SIZE


def test_end_of_connection_without_a_length_is_uncertain(server, fetch):
    server.add("/a", SONG, ranges=False, length=False, script=[dict(cut=600_000)])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG[:600_000] and end.what == CUT


def test_new_worker_reads_on(server, fetch):
    """The read-ahead survives its reader."""
    server.add("/a", SONG)
    server.add("/b", SONG)
    source = begin(server, fetch)
    source.read_exactly(0, 100_000)
    source.ask(100_000)
    source.send(3, 3, b"\0" * 8 + b"\0" * 8 + b"\xff" * 8 + server.url("/b").encode() + b"\0\0")
    source.reset()
    got, end = source.read_all(110_000)
    assert got == SONG[110_000:] and end.what == END
    assert len(server.requests("/a")) == 1


def test_http11_connection_that_died_in_the_pool(server, fetch):
    server.add("/a", SONG[:50_000])
    server.add("/b", SONG)
    begin(server, fetch).read_all()
    server.drop_all(reset=True)
    assert begin(server, fetch, "/b").read_all()[0] == SONG


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_connection_that_dies_when_it_is_used_again(server, fetch, reset):
    """As when a server ends idle connections just then: nothing was lost, so nothing is told."""
    server.add("/a", SONG, piece=300_000, script=[{}, dict(raw=b"", reset=reset)])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == END
    assert fetch.collect() == [] and len(server.log) == 5


# ---- radio

INTERVAL = 4096


def radio(at):
    time.sleep(0.005)
    return noise(INTERVAL, at // INTERVAL)


@pytest.mark.parametrize("icy_status", [False, True], ids=["http", "icy"])
def test_radio(server, fetch, icy_status):
    server.add("/r", live=radio, icy=INTERVAL, icy_status=icy_status, type="audio/mpeg",
               titles=[(INTERVAL, "One"), (5 * INTERVAL, "Zwölf 'Pfund'"),
                       (9 * INTERVAL, b"StreamTitle='Caf\xe9';StreamUrl='';")])
    source = fetch.source(server.url("/r"))
    head = source.expect(HEAD)
    assert head.facts == LIVE and head.length == -1 and head.name == "Radio Test"
    source.reset()
    at = 0
    places = []
    for _ in range(12):
        got = source.read_exactly(at, INTERVAL)
        assert got == noise(INTERVAL, at // INTERVAL)
        at += INTERVAL
        places += [(t, at) for t in source.titles]
        source.titles = []
    assert [t for t, _ in places] == [(INTERVAL, "One"), (5 * INTERVAL, "Zwölf 'Pfund'"),
                                      (9 * INTERVAL, "Café")]
    assert all(place - t[0] == INTERVAL for t, place in places)
    source.drop()


def test_radio_reconnects(server, fetch):
    """What comes then goes on behind what was: nothing twice, no end."""
    server.add("/r", live=radio, icy=INTERVAL, titles=[(INTERVAL, "One")],
               script=[dict(cut=10 * (INTERVAL + 1)), dict(stall=10 * (INTERVAL + 1))])
    source = begin(server, fetch, "/r")
    got = source.read_exactly(0, 24 * INTERVAL)
    blocks = [got[i:i + INTERVAL] for i in range(0, len(got), INTERVAL)]
    first = [noise(INTERVAL, i) for i in range(11)]
    n = next(i for i in range(1, 24) if blocks[i] == first[0])
    assert blocks[:n] == first[:n]
    assert source.expect(RECONNECTED).why
    assert len(server.log) >= 2
    source.drop()


def test_radio_goes_on_only(server, fetch):
    server.add("/r", live=radio, icy=INTERVAL)
    source = begin(server, fetch, "/r")
    source.read_exactly(0, 300_000)
    assert source.read(0).code == "not_seekable"
    source.drop()


def test_file_with_titles(server, fetch):
    """On demand, but with metadata in it, and cut: it is read again from the start."""
    server.add("/a", SONG, icy=8192, titles=[(8192, "One"), (800_000, "Two")], ranges=False,
               script=[dict(cut=700_000)])
    source = begin(server, fetch)
    got, end = source.read_all()
    assert got == SONG and end.what == END
    assert [t for _, t in source.titles] == ["One", "Two"]


def wrapped(layers):
    """A gzip body that is nothing but empty blocks, wrapped again and again: all work, no bytes."""
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\0\0\0\xff\xff" * 4_000_000
    for _ in range(layers - 1):
        data = gzip.compress(data, 9)
    return data


HEADS = {"one header": "200 OK\r\nContent-Encoding: gzip, gzip, gzip",
         "three headers": "200 OK\r\n" + "\r\n".join(["Content-Encoding: gzip"] * 3),
         "transfer": "200 OK\r\nTransfer-Encoding: gzip, gzip, gzip",
         "both": "200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: gzip, gzip",
         "interim": "100 Continue\r\nTransfer-Encoding: gzip, gzip, gzip\r\n\r\nHTTP/1.1 200 OK",
         "redirect": "302 Found\r\nLocation: /song\r\nTransfer-Encoding: gzip, gzip, gzip"}


@pytest.mark.parametrize("head", HEADS)
def test_a_body_is_unwrapped_once(server, fetch, head):
    """Two kilobytes that would keep the fetcher, and all other sources with it, busy for long."""
    server.add("/song", SONG)
    server.add("/a", script=[dict(raw=f"HTTP/1.1 {HEADS[head]}\r\n\r\n".encode() + wrapped(3))] * 9)
    failed = fetch.source(server.url("/a")).expect(FAILED)
    assert failed.code == "source_failed" and "encod" in failed.why
    assert begin(server, fetch, "/song").read_all()[0] == SONG
