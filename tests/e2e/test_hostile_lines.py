"""Lines no decent client sends: each is answered with an error, and nothing else happens."""
import json

import pytest

from lib.client import Client, new_channel
from lib.control import Control

C = '"channel_id":"77"'

NOT_JSON = {
    "words": b"play something nice",
    "half": b'{"type":"hello"',
    "single-quotes": b"{'type':'hello'}",
    "garbage-behind": b'{"type":"hello"} x',
    "two-objects": b'{"type":"hello"}{"type":"hello"}',
    "trailing-comma": b'{"type":"hello",}',
    "comment": b'{"type":"hello"/* */}',
    "byte-order-mark": b'\xef\xbb\xbf{"type":"hello"}',
    "invalid-utf8": b'{"type":"hello","client":"\xff\xfe"}',
    "overlong-utf8": b'{"type":"hello","client":"\xc0\xaf"}',
    "surrogate": b'{"type":"hello","client":"\xed\xa0\x80"}',
    "lone-escape": b'{"type":"hello","client":"\\ud800"}',
    "raw-nul": b'{"type":"hello"\0}',
    "nul-first": b'\0{"type":"hello"}',
    "raw-control": b'{"type":"hello","client":"a\x01b"}',
    "nan": b'{"type":"volume",' + C.encode() + b',"level":NaN}',
    "infinity": b'{"type":"volume",' + C.encode() + b',"level":Infinity}',
    "number-overflow": b'{"type":"volume",' + C.encode() + b',"level":1e999}',
    "deep-array": b"[" * 30000,
    "deep-array-closed": b"[" * 20000 + b"]" * 20000,
    "deep-object": b'{"a":' * 10000 + b"1" + b"}" * 10000,
    "binary": bytes(b for b in range(256) if b != 10),
}

NOT_A_COMMAND = {
    "array": "[]", "string": '"hello"', "number": "1", "null": "null", "true": "true", "empty": "{}",
    "array-of-commands": '[{"type":"hello"}]',
    "type-null": '{"type":null}', "type-number": '{"type":1}', "type-object": '{"type":{}}',
    "type-unknown": '{"type":"explode"}', "type-case": '{"type":"PLAY"}', "type-empty": '{"type":""}',
    "type-event": '{"type":"ready"}', "type-nul": '{"type":"hello\\u0000"}',
    "type-long": '{"type":"' + "x" * 5000 + '"}',
    "watch-without": '{"type":"watch"}', "watch-number": '{"type":"watch","on":1}',
    "watch-string": '{"type":"watch","on":"true"}', "watch-null": '{"type":"watch","on":null}',
    "hello-client-number": '{"type":"hello","client":7}',
    "hello-client-object": '{"type":"hello","client":{}}',
    "tag-number": '{"type":"stats","tag":1}', "tag-object": '{"type":"stats","tag":{}}',
    "tag-long": '{"type":"stats","tag":"' + "x" * 65 + '"}',
    "volume-without": f'{{"type":"volume",{C}}}',
    "seek-without": f'{{"type":"seek",{C}}}',
    "stop-without": '{"type":"stop"}', "pause-without": '{"type":"pause"}',
    "play-without-channel": '{"type":"play","url":"/x.mp3"}',
    "play-without-url": f'{{"type":"play",{C}}}',
}

BAD_CHANNELS = ["0", "00", "-1", "+1", "", " 1", "1 ", "1\\n", "1.0", "1e3", "0x10", "abc", "١", "1\\u0000",
                "18446744073709551616", "99999999999999999999999", "9" * 5000]
BAD_CHANNEL_VALUES = ["1", "0", "-1", "1.5", "null", "true", "[]", "{}", '["1"]', "1e400"]
for _i, _id in enumerate(BAD_CHANNELS):
    for _kind in ("stop", "status"):
        NOT_A_COMMAND[f"{_kind}-channel-{_i}"] = f'{{"type":"{_kind}","channel_id":"{_id}"}}'
for _i, _value in enumerate(BAD_CHANNEL_VALUES):
    NOT_A_COMMAND[f"pause-channel-value-{_i}"] = f'{{"type":"pause","channel_id":{_value}}}'
    NOT_A_COMMAND[f"play-channel-value-{_i}"] = f'{{"type":"play","channel_id":{_value},"url":"/x"}}'
BAD_LEVELS = ["-0.01", "2.01", "3", "-1", "1e300", '"1"', "null", "true", "[]", "{}", "9" * 20]
for _i, _value in enumerate(BAD_LEVELS):
    NOT_A_COMMAND[f"volume-level-{_i}"] = f'{{"type":"volume",{C},"level":{_value}}}'
    NOT_A_COMMAND[f"play-volume-{_i}"] = f'{{"type":"play",{C},"url":"/x","volume":{_value}}}'
for _i, _value in enumerate(["-0.001", "-1", "-1e300", '"1"', "null", "true", "[]", "{}"]):
    NOT_A_COMMAND[f"seek-position-{_i}"] = f'{{"type":"seek",{C},"position":{_value}}}'
    NOT_A_COMMAND[f"play-position-{_i}"] = f'{{"type":"play",{C},"url":"/x","position":{_value}}}'
for _field in ("paused", "cut", "next"):
    for _i, _value in enumerate(["0", "1", '"true"', "null", "[]"]):
        NOT_A_COMMAND[f"play-{_field}-{_i}"] = f'{{"type":"play",{C},"url":"/x","{_field}":{_value}}}'
for _i, _value in enumerate(["1", "null", "true", "[]", "{}"]):
    NOT_A_COMMAND[f"play-url-{_i}"] = f'{{"type":"play",{C},"url":{_value}}}'
    NOT_A_COMMAND[f"play-id-{_i}"] = f'{{"type":"play",{C},"url":"/x","play_id":{_value}}}'
NOT_A_COMMAND["play-id-long"] = f'{{"type":"play",{C},"url":"/x","play_id":"{"x" * 65}"}}'
NOT_A_COMMAND["play-id-long-utf8"] = f'{{"type":"play",{C},"url":"/x","play_id":"{"ä" * 33}"}}'

BAD = NOT_JSON | {name: text.encode() for name, text in NOT_A_COMMAND.items()}


@pytest.fixture(scope="module")
def victim(daemon):
    """One connection takes every blow: it must survive them all."""
    with Control(daemon) as control:
        yield control


@pytest.mark.parametrize("name", BAD)
def test_is_an_invalid_command(victim, name):
    start = len(victim.events)
    victim.send_bytes(BAD[name] + b"\n")
    victim.sync()
    got = [e for e in victim.events[start:] if e["type"] != "stats"]
    assert [(e["type"], e.get("code")) for e in got] == [("error", "invalid_command")], got


def test_all_at_once(daemon):
    """One error a line, in whatever pieces they come."""
    with Control(daemon) as control:
        data = b"\n".join(BAD.values()) + b"\n"
        for start in range(0, len(data), 1013):
            control.send_bytes(data[start:start + 1013])
        control.sync()
        assert [e["type"] for e in control.events[1:-1]] == ["error"] * len(BAD)


@pytest.mark.parametrize("line", ['{"type":"volume","channel_id":"5","level":9,"tag":"%s"}',
                                  '{"type":"explode","tag":"%s"}', '{"tag":"%s"}',
                                  '{"type":"stop","channel_id":"0","tag":"%s"}',
                                  '{"type":"volume","channel_id":"5","level":99999999999999999999,"tag":"%s"}'])
def test_an_error_carries_the_tag(victim, line):
    tag = f"h{len(victim.tags)}"
    victim.tags[tag] = "hostile"
    victim.send_bytes((line % tag).encode() + b"\n")
    answer = victim.answer(tag)
    assert (answer["type"], answer["code"]) == ("error", "invalid_command")


# What the protocol leaves open: any answer will do, so long as there is one and life goes on.
OPEN = {
    "leading-zeros": b'{"type":"stop","channel_id":"007"}',
    "duplicate-type": b'{"type":"stats","type":"hello"}',
    "duplicate-channel": b'{"type":"stop","channel_id":"5","channel_id":"6"}',
    "unknown-field": b'{"type":"hello","colour":"green"}',
    "huge-position": b'{"type":"seek","channel_id":"5","position":1e300}',
    "carriage-return": b'{"type":"hello"}\r',
    "empty-url": b'{"type":"play","channel_id":"5","url":""}',
    "nul-in-url": b'{"type":"play","channel_id":"5","url":"/tmp/\\u0000x"}',
    "long-url": b'{"type":"play","channel_id":"5","url":"/' + b"x" * 60000 + b'"}',
    "newline-in-url": b'{"type":"play","channel_id":"5","url":"/tmp/a\\nb"}',
    "escape-in-url": b'{"type":"play","channel_id":"5","url":"/tmp/\\u001b[31mred"}',
    "empty-play-id": b'{"type":"play","channel_id":"5","url":"/x","play_id":""}',
    "control-in-play-id": b'{"type":"play","channel_id":"5","url":"/x","play_id":"a\\nb"}',
    "unknown-scheme": b'{"type":"play","channel_id":"5","url":"gopher://x/"}',
    "option-like-url": b'{"type":"play","channel_id":"5","url":"--exec=true"}',
}


@pytest.mark.parametrize("name", OPEN)
def test_is_answered_somehow(daemon, name):
    with Control(daemon) as control:
        control.send_bytes(OPEN[name] + b"\n")
        answer = control.wait_for(lambda e: True, "answer", start=1)
        if b'"play"' in OPEN[name]:
            assert answer["type"] == "error", answer
        control.sync()


def test_empty_lines_harm_nobody(victim):
    victim.send_bytes(b"\n\n \n\r\n")
    victim.sync()


def padded(length):
    """A hello of so many bytes, without its newline."""
    line = b'{"type":"hello"' + b" " * (length - 16) + b"}"
    assert len(line) == length
    return line + b"\n"


def test_the_longest_line(daemon):
    with Control(daemon) as control:
        control.send_bytes(padded(65535))
        assert control.wait("hello", start=1)
        control.sync()


@pytest.mark.parametrize("length", [65537, 65600, 131072, 200000, 3_000_000])
def test_line_too_long(daemon, length):
    """One error for the whole line; the next one is understood."""
    with Control(daemon) as control:
        control.send_bytes(padded(length))
        control.sync()
        got = [(e["type"], e.get("code")) for e in control.events[1:-1]]
        assert got == [("error", "line_too_long")], got


def test_long_line_in_pieces_between_commands(daemon):
    with Control(daemon) as control:
        first = control.send("stats")
        line = b"x" * 100_000 + b"\n"
        for start in range(0, len(line), 4096):
            control.send_bytes(line[start:start + 4096])
        last = control.send("stats")
        control.answer(last)
        kinds = [e.get("code", e["type"]) for e in control.events[1:]]
        assert kinds == ["stats", "line_too_long", "stats"]
        assert control.events[1]["tag"] == first


def test_sessions_go_on(daemon, media):
    """Neither the connection's own sessions nor others feel any of it."""
    with Client(daemon) as client:
        started = client.start(media.wav(2.0), credit=20)
        client.audio.wait_frames(started["channel"], 20)
        client.control.send_bytes(b"\n".join(BAD.values()) + b"\n")
        client.control.sync()
        client.audio.credit(started["channel"], 1000)
        assert client.control.terminal(started["play_id"])["type"] == "finished"
        client.audio.wait_ends(started["channel"]).check()


def test_disconnected_in_mid_line(daemon):
    for data in (b"", b'{"type":', b'{"type":"stats"}\n' * 100, b"x" * 70000):
        control = Control(daemon)
        control.send_bytes(data)
        control.close()
    with Control(daemon) as control:
        control.sync()


def test_a_hundred_connections(daemon):
    controls = [Control(daemon) for _ in range(100)]
    try:
        assert len({control.client for control in controls}) == 100
        tags = [control.send("status") for control in controls]
        for control, tag in zip(controls, tags):
            assert control.answer(tag)["type"] == "status"
    finally:
        for control in controls:
            control.close()


def test_a_flood_of_plays_and_stops(client, media):
    """Commands for one channel take effect in the order sent; each play has one end."""
    channel, song = str(new_channel()), media.wav(1.0)
    commands = [("play", {"channel_id": channel, "url": song}), ("stop", {"channel_id": channel})] * 20
    tags = client.control.send_together(*commands)
    for tag in tags:
        assert client.control.answer(tag)["type"] in ("stopped", "ready")
    client.control.sync()
    client.control.check_all_ended()
    assert json.dumps(client.session(channel)) == "null"
