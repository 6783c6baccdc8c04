"""What is a station, though not all of its headers say so; and what is none."""
import time

import pytest
from lib import DATA, DROP, END, HEAD, IS_LIVE, LIVE, OPENED, OPEN_ENDED, RECONNECTED, noise, wait_for
from station import Station

RATE = 16000
SONG = noise(40 * RATE)


def begin(server, fetch, path):
    source = fetch.source(server.url(path))
    head = source.expect(HEAD)
    source.reset()
    return source, head


def read_on(source, at, seconds, stream=0):
    """Reads as a player would that takes all there is. Returns (bytes, was the last one of a live stream?)."""
    got, live, end = b"", False, time.monotonic() + seconds
    while time.monotonic() < end:
        message = source.read(at + len(got), stream=stream)
        assert message.what == DATA, message
        got += message.data
        live = message.live
    return got, live


def test_an_invented_length_is_none(server, fetch):
    """A hundred and fifty hours of a station; what comes after a loss is what is on air."""
    server.add("/r", live=Station(SONG, RATE, burst=8192).send, headers={"Content-Length": 8_640_000_000},
               script=[dict(cut=60_000)])
    source, head = begin(server, fetch, "/r")
    assert head.facts == LIVE and head.length == -1
    got, live = read_on(source, 0, 4.5)
    assert live and len(got) > 70_000 and SONG.count(got[62_000:68_000]) == 1
    assert source.expect(RECONNECTED).why and "range" not in server.requests("/r")[1].headers
    source.drop()


def test_a_station_without_headers_is_told_by_its_pace(server, fetch):
    server.add("/r", live=Station(SONG, RATE, burst=16000).send, icy_headers=False)
    source, head = begin(server, fetch, "/r")
    assert head.facts == OPEN_ENDED
    got, live = read_on(source, 0, 7)
    assert not live
    more, live = read_on(source, len(got), 3)
    assert live and source.expect(IS_LIVE)
    server.drop_all()
    at = len(got) + len(more)
    again, live = read_on(source, at, 1)
    assert live and again and source.expect(RECONNECTED)
    source.drop()


def test_other_bytes_the_second_time_and_an_invented_length(server, fetch):
    """Its connection is lost before its pace can tell."""
    server.add("/r", live=Station(SONG, RATE, burst=30_000).send, icy_headers=False,
               headers={"Content-Length": 2_147_483_647}, script=[dict(cut=40_000)])
    source, head = begin(server, fetch, "/r")
    got, live = read_on(source, 0, 4)
    assert live and len(got) > 60_000 and source.expect(IS_LIVE)
    source.drop()


@pytest.mark.parametrize("how", ["chunked", "cut"])
def test_what_is_made_while_it_is_sent_has_an_end(server, fetch, how):
    """Faster than it is heard, and without a length; a reader takes it at its own pace."""
    data = SONG[:400_000]
    server.add("/a", data, ranges=False, length=False, chunked=how == "chunked", http10=how == "cut", rate=200_000)
    source, head = begin(server, fetch, "/a")
    got = b""
    while True:
        message = source.read(len(got), 4000)
        if message.what != DATA:
            break
        assert not message.live
        got += message.data
    assert got == data and message.what in (END, END + 1) and len(server.requests("/a")) <= 2
    source.drop()


def test_behind_a_list(server, fetch):
    """Titles are asked for, the station's name is the first, and it goes on when its connection is lost."""
    list_, station = server.add("/l.pls", b"[playlist]\n", type="audio/x-scpls"), Station(SONG, RATE, piece=4096)
    server.add("/r", live=station.send, icy=4096, titles=[(8192, "A song")], script=[dict(cut=20_000)])
    server.add("/plain", SONG[:1000])
    source, _ = begin(server, fetch, "/l.pls")
    opened = source.open(1, server.url("/r"), entry=True)
    assert opened.what == OPENED and opened.flags == LIVE and opened.length == -1
    got, live = read_on(source, 0, 2.5, stream=1)
    assert live and len(got) > 25_000
    assert source.titles[:2] == [(0, "Radio Test"), (8192, "A song")], source.titles
    assert source.open(2, server.url("/plain")).what == OPENED
    assert "icy-metadata" not in server.requests("/plain")[0].headers
    source.drop()


def test_a_reader_goes_on_behind_a_list_with_another_fetcher(server, fetch):
    server.add("/l.pls", b"[playlist]\n", type="audio/x-scpls")
    server.add("/r", live=Station(SONG, RATE, burst=8192).send)
    source, _ = begin(server, fetch, "/l.pls")
    source.open(1, server.url("/r"), entry=True)
    assert source.read(5_000_000, stream=1).what == DATA
    source.drop()
