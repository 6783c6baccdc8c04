"""Servers that talk nonsense, and names and addresses that must not be connected to: the call ends with a reason, and no
other hears of it."""

import json
import os

import pytest
from voice import CLOSED, READY, Talk, wait_for


@pytest.fixture
def neighbour(standins, voices):
    """A call that must hear nothing of what happens to the other."""
    server = standins()
    voice = voices()
    voice.connect(server.endpoint(), id=2, session_id="neighbour")
    voice.wait_state(READY, 2)
    talk = Talk(voice, [2]).start()
    session = server.sessions[0]
    wait_for(lambda: len(session.packets) >= 5)
    yield voice
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 5, what="the neighbour's sound")
    talk.stop()
    wait_for(lambda: session.heard() == talk.sent[2], what="all of the neighbour's sound")
    assert voice.process.poll() is None


NONSENSE = ["", "{}", "null", "[]", "7", '{"op":"8"}', '{"op":-1}', '{"op":1e99}', "\\u0000", "{" * 5000,
            '{"op":8,"d":{"heartbeat_interval":0}}', '{"op":8,"d":{"heartbeat_interval":"x"}}',
            '{"op":8,"d":{"heartbeat_interval":-5}}', '{"op":2,"d":null}', '{"op":2,"d":{"ssrc":1}}',
            '{"op":2,"d":{"ssrc":-1,"ip":"127.0.0.1","port":9,"modes":[]}}',
            '{"op":2,"d":{"ssrc":1,"ip":"127.0.0.1","port":0,"modes":["aead_aes256_gcm_rtpsize"]}}',
            '{"op":2,"d":{"ssrc":1,"ip":"localhost","port":9,"modes":["aead_aes256_gcm_rtpsize"]}}',
            '{"op":2,"d":{"ssrc":1,"ip":"127.0.0.1","port":9,"modes":[1,null,{},"xsalsa20_poly1305"]}}',
            '{"op":4,"d":{"mode":"aead_aes256_gcm_rtpsize","secret_key":[]}}']


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_before_the_call_ends_it_at_worst(standins, neighbour, text):
    server = standins()
    server.first_words = text
    neighbour.connect(server.endpoint())
    state = neighbour.wait_state(CLOSED)
    assert state.why


@pytest.mark.parametrize("message", [
    {"op": 4, "d": {"mode": "other", "secret_key": [1] * 32}},
    {"op": 4, "d": {"mode": "aead_aes256_gcm_rtpsize", "secret_key": [256] * 32}},
    {"op": 4, "d": {"mode": "aead_aes256_gcm_rtpsize", "secret_key": [1] * 32, "dave_protocol_version": 1}},
    {"op": 2, "d": {}},
])
def test_nonsense_in_a_call_ends_it(standins, neighbour, message):
    server = standins()
    neighbour.connect(server.endpoint())
    neighbour.wait_state(READY)
    server.say_text(server.sessions[0], json.dumps(message))
    assert neighbour.wait_state(CLOSED).why


@pytest.mark.parametrize("message", [{"op": 99, "d": 1}, {"op": 9}, {"op": 6}, {"op": 11, "d": {"user_ids": ["1"] * 999}},
                                     {"op": 22, "d": {"transition_id": 0}}, {"op": 5, "d": {"speaking": 1}}])
def test_what_is_not_for_us_is_passed_over(standins, neighbour, message):
    server = standins()
    neighbour.connect(server.endpoint())
    neighbour.wait_state(READY)
    server.say_text(server.sessions[0], json.dumps(message))
    server.call(server.sessions[0].socket.send(b"\x00\x05\x19" + os.urandom(50)))
    wait_for(lambda: neighbour.beats.get(1, (0,))[0] == 5, what="the sequence of the binary message")
    assert neighbour.state().state == READY


def test_messages_beyond_any_sense_are_refused(standins, neighbour):
    server = standins()
    neighbour.connect(server.endpoint())
    neighbour.wait_state(READY)
    server.say_text(server.sessions[0], "x" * 400_000)
    wait_for(lambda: server.sessions[0].resumed or neighbour.state().state == CLOSED, what="the end of that connection")


def test_any_bytes_by_udp_change_nothing(standins, neighbour):
    server = standins()
    neighbour.connect(server.endpoint())
    neighbour.wait_state(READY)
    session = server.sessions[0]
    talk = Talk(neighbour, [1]).start()
    wait_for(lambda: session.packets)
    for length in (0, 1, 8, 12, 73, 74, 75, 1400):
        server.run(session.throw, os.urandom(length))
        server.run(session.throw, (b"\0\2\0\x46" + os.urandom(2000))[:length])
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 10)
    talk.stop()
    assert neighbour.state().state == READY


def test_a_server_that_says_nothing_is_given_up(standins, neighbour):
    server = standins()
    server.is_mute = True
    neighbour.connect(server.endpoint())
    wait_for(lambda: server.connects >= 2, 30, "another try")
    neighbour.disconnect()


# ---- where connections may go ----

@pytest.mark.parametrize("endpoint", ["example.com", "discord.media", "evil-discord.media:443", "discord.media.example.com",
                                      "a.discord.media:0", "a.discord.media:70000", "a.discord.media:x", ":443", "a b:1",
                                      "127.0.0.1:443", "user@a.discord.media", "a.discord.media/x"])
def test_an_endpoint_that_is_no_voice_server_is_refused(neighbour, endpoint):
    neighbour.connect(endpoint)
    state = neighbour.wait_state(CLOSED)
    assert "endpoint" in state.why


def test_a_private_address_is_refused(standins, voices):
    server = standins()
    voice = voices("--voice-host", "localhost")
    voice.connect(server.endpoint())
    state = voice.wait_state(CLOSED)
    assert "private" in state.why
    assert server.connects == 0


def test_a_private_address_in_op_2_is_refused(standins, voices):
    server = standins()
    server.udp_address = ("169.254.169.254", 53)
    voice = voices("--voice-host", "localhost", "--allow-host", "elsewhere")
    voice.connect(server.endpoint())
    assert voice.wait_state(CLOSED).why
    # the gateway's own host is exempt, and what it names is judged under its name
    voice = voices("--voice-host", "localhost", "--allow-private-hosts")
    server.udp_address = ("::ffff:nonsense", 53)
    voice.connect(server.endpoint())
    assert "address" in voice.wait_state(CLOSED).why


def test_a_certificate_of_somebody_else_is_refused(standins, folder):
    from voice import Voice
    server = standins()
    voice = Voice("--allow-private-hosts", "--voice-host", "localhost")
    try:
        voice.connect(server.endpoint())
        wait_for(lambda: b"certificate is not accepted" in voice.log or
                 any("certificate" in s.why for s in voice.states.get(1, [])), 10, "a refusal")
        assert server.sessions == []
    finally:
        voice.stop()


def test_tokens_and_keys_are_in_no_log(standins, voices):
    server = standins()
    voice = voices()
    token = "T0kenThatNobodyMayRead"
    voice.connect(server.endpoint(), token=token, session_id="SessionThatNobodyMayRead")
    voice.wait_state(READY)
    server.cut(server.sessions[0])
    wait_for(lambda: server.sessions[0].resumed)
    server.refuse_resume = 4006
    server.cut(server.sessions[0])
    voice.wait_state(CLOSED)
    voice.stop()
    said = voice.log.decode() + repr(voice.states)
    assert token not in said and "SessionThat" not in said
    assert server.sessions[0].key.hex() not in said
