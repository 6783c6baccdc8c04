"""A call from connect to disconnect, in both encryptions, with what every server must see."""

import pytest
from standin import GCM, XCHACHA
from voice import CLOSED, CONNECTING, READY, Talk, wait_for


def begin(standins, voices, **script):
    server = standins(**script)
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    return server, voice, server.sessions[0]


@pytest.mark.parametrize("mode", [GCM, XCHACHA])
def test_sound_arrives_byte_for_byte_at_its_time(standins, voices, mode):
    server, voice, session = begin(standins, voices, modes=(mode,))
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 100, what="two seconds of sound")
    talk.stop()
    wait_for(lambda: len(session.heard()) == len(talk.sent[1]), what="the last frame")
    assert session.heard() == talk.sent[1]
    assert session.mode == mode
    assert server.paths == ["/?v=8"]
    assert session.identify["user_id"] and session.identify["max_dave_protocol_version"] == 0


def test_the_better_encryption_is_chosen(standins, voices):
    _, _, session = begin(standins, voices, modes=(XCHACHA, "xsalsa20_poly1305", GCM))
    assert session.mode == GCM


def test_speaking_is_told_before_sound_and_silence_after_it(standins, voices):
    _, voice, session = begin(standins, voices)
    talk = Talk(voice)
    for _ in range(3):
        before = len(session.packets)
        talk.start()
        wait_for(lambda: len(session.packets) >= before + 10)
        talk.stop()
        talk.rest()
        wait_for(lambda: session.speaking[-1][1] == 0, what="op 5 with 0")
        assert [p.is_silence for p in session.packets[-6:]] == [False, True, True, True, True, True]
        gaps = [b.at - a.at for a, b in zip(session.packets[-5:], session.packets[-4:])]
        assert all(0.01 < gap < 0.06 for gap in gaps), gaps
    assert [value for _, value in session.speaking] == [1, 0] * 3
    assert session.heard() == talk.sent[1]


# Where 16 bits of sequence, 32 bits of time stamp and 32 bits of nonce begin again.
@pytest.mark.parametrize("tick", [65536 * 200, 2**32 // 960, 2**32])
def test_all_counters_wrap_by_their_modulus(standins, voices, tick):
    _, voice, session = begin(standins, voices)
    talk = Talk(voice, first_tick=tick - 20).start()
    wait_for(lambda: len(session.packets) >= 50)
    talk.stop()
    assert session.packets[0].sequence == (tick - 20) % 65536
    assert session.packets[-1].sequence < session.packets[0].sequence or tick % 65536
    assert session.packets[0].timestamp == (tick - 20) * 960 % 2**32


def test_a_frame_of_the_past_is_skipped_and_never_sent_in_a_burst(standins, voices):
    _, voice, session = begin(standins, voices)
    talk = Talk(voice)
    talk.one()
    wait_for(lambda: len(session.packets) == 1)
    for _ in range(50):  # a second in which nobody could send
        talk.one(late_s=0.5)
    talk.one()
    wait_for(lambda: len(session.packets) == 2)
    assert (session.packets[1].sequence - session.packets[0].sequence) % 65536 == 51
    assert session.heard() == [talk.sent[1][0], talk.sent[1][-1]]


def test_no_tick_is_used_twice(standins, voices):
    _, voice, session = begin(standins, voices)
    talk = Talk(voice)
    talk.one()
    wait_for(lambda: len(session.packets) == 1)
    talk.tick -= 1
    talk.one()
    talk.tick += 5
    talk.one()
    wait_for(lambda: len(session.packets) == 2)
    assert session.heard() == [talk.sent[1][0], talk.sent[1][2]]


def test_discovery_is_asked_for_again_when_it_is_lost(standins, voices):
    server = standins()
    server.lose_discoveries = 3
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    assert server.sessions[0].discoveries >= 4


def test_another_server_is_moved_to_and_the_old_session_hears_nothing_more(standins, voices):
    first, voice, old = begin(standins, voices)
    talk = Talk(voice).start()
    wait_for(lambda: len(old.packets) >= 10)
    second = standins()
    voice.connect(second.endpoint(), token="another")
    wait_for(lambda: second.sessions and len(second.sessions[0].packets) >= 10, what="sound at the new server")
    count = len(old.packets)
    wait_for(lambda: len(second.sessions[0].packets) >= 30)
    talk.stop()
    assert len(old.packets) == count
    assert voice.state().state == READY


def test_the_same_credentials_again_change_nothing(standins, voices):
    server, voice, session = begin(standins, voices)
    voice.connect(server.endpoint())
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 10)
    talk.stop()
    assert server.connects == 1


def test_a_disconnected_call_is_left_and_its_number_serves_again(standins, voices):
    server, voice, session = begin(standins, voices)
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 10)
    voice.disconnect()
    wait_for(lambda: session.socket is None, what="the gateway to be closed")
    talk.stop()
    voice.connect(server.endpoint(), session_id="next")
    wait_for(lambda: len(server.sessions) == 2 and voice.state().state == READY)


def test_many_calls_at_once_by_few_sockets(standins, voices):
    server = standins()
    voice = voices()
    ids = list(range(1, 61))
    for id in ids:
        voice.connect(server.endpoint(), id=id, session_id=f"session-{id}")
    for id in ids:
        voice.wait_state(READY, id)
    talk = Talk(voice, ids).start()
    wait_for(lambda: all(len(s.packets) >= 25 for s in server.sessions), 20)
    talk.stop()
    wait_for(lambda: sum(len(s.heard()) for s in server.sessions) == sum(map(len, talk.sent.values())))
    by_session = {s.id: s.heard() for s in server.sessions}
    assert all(by_session[f"session-{id}"] == talk.sent[id] for id in ids)
    assert len(voice.sockets) == 1
    assert CONNECTING in {s.state for s in voice.states[1]} and voice.state(60).state != CLOSED
