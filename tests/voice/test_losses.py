"""What is lost of a connection, and what becomes of it: resumed wherever that is allowed, over where it is not, and
never a loop."""

import os
import time

import pytest
from standin import Standin
from voice import CLOSED, READY, RESUMING, Talk, wait_for


@pytest.fixture
def call(standins, voices):
    server = standins()
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    return server, voice, server.sessions[0]


def longest_gap_ms(packets):
    return max(b.at - a.at for a, b in zip(packets, packets[1:])) * 1000


@pytest.mark.parametrize("loss", ["cut", 1000, 1001, 1006, 4015])
def test_a_lost_gateway_is_resumed_while_the_sound_goes_on(call, loss):
    server, voice, session = call
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 20)
    if loss == "cut":
        server.cut(session)
    elif loss == 1006:
        server.run(session.socket.transport.close)
    else:
        server.close(session, loss)
    wait_for(lambda: session.resumed == 1, what="op 7")
    voice.wait_state(READY)
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 20)
    talk.stop()
    wait_for(lambda: session.heard() == talk.sent[1], what="every frame")
    assert RESUMING in [s.state for s in voice.states[1]]
    assert server.identifies == 1
    wait_for(lambda: [v for _, v in session.speaking][-1] == 1 and len(session.speaking) >= 2, what="op 5 again")


@pytest.mark.parametrize("first, count", [(0, 0), (65535, 0), (65535, 1), (65534, 3), (7, 2)])
@pytest.mark.parametrize("before", [False, True])
def test_the_last_sequence_is_acknowledged_across_zero_and_the_wrap(standins, voices, first, count, before):
    server = standins()
    server.first_sequence = first
    server.replay_before_op9 = before
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    session = server.sessions[0]
    for _ in range(count):
        server.say(session, 11, {"user_ids": ["1"]})
    last = (first + count) % 65536
    wait_for(lambda: voice.beats.get(1, (None,))[0] == last or (count == 0 and 1 in voice.secrets), what="its sequence")
    server.cut(session)
    wait_for(lambda: session.resumed == 1)
    voice.wait_state(READY)
    assert session.resume_ack == last


def test_heartbeats_bear_the_last_sequence_and_measure_the_way(standins, voices):
    server = standins()
    server.interval_ms = 100
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    wait_for(lambda: server.sessions[0].heartbeats >= 3)
    assert server.sessions[0].acked == 1
    wait_for(lambda: voice.beats.get(1, (0, -1))[1] >= 0, what="a ping")


def test_heartbeats_without_answer_are_noticed(standins, voices):
    server = standins()
    server.interval_ms = 150
    server.answers_heartbeats = False
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    wait_for(lambda: server.sessions[0].resumed >= 1, 5, "a resumption")
    server.answers_heartbeats = True
    voice.wait_state(READY)


@pytest.mark.parametrize("code", [4001, 4002, 4003, 4004, 4005, 4006, 4009, 4011, 4012, 4014, 4016, 4017, 4020, 4021,
                                  4022, 4999])
def test_what_is_over_is_over_and_nothing_leaves_any_more(call, code):
    server, voice, session = call
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 5)
    session.dead = True
    server.close(session, code)
    state = voice.wait_state(CLOSED)
    assert state.code == code and state.why
    count = session.late_packets
    connects = server.connects
    for _ in range(10):
        talk.one()
    time.sleep(0.1)  # nothing is awaited: it must not come
    talk.stop()
    assert session.late_packets == count
    assert server.connects == connects


@pytest.mark.parametrize("code", [4004, 4006, 4011, 4017])
def test_refused_credentials_are_not_tried_again(standins, voices, code):
    server = standins()
    server.refuse_identify = code
    voice = voices()
    voice.connect(server.endpoint())
    assert voice.wait_state(CLOSED).code == code
    assert server.identifies == 1


def test_a_refused_resumption_is_the_end(call):
    server, voice, session = call
    server.refuse_resume = 4006
    server.cut(session)
    assert voice.wait_state(CLOSED).code == 4006
    assert server.resumes == 1


def test_a_busy_server_is_asked_again_with_growing_pauses(call):
    server, voice, session = call
    server.refuse_upgrade = 3
    server.cut(session)
    wait_for(lambda: session.resumed == 1, 15)
    voice.wait_state(READY)


def test_tries_come_to_an_end(call, folder):
    server, voice, _ = call
    server.refuse_upgrade = 10**6
    began = time.monotonic()
    server.cut(server.sessions[0])
    voice.wait_state(CLOSED, seconds=60)
    assert 10 < time.monotonic() - began < 50
    assert len(server.paths) < 15


def test_a_server_that_is_away_for_a_moment_is_found_again(folder, voices):
    server = Standin(folder)
    voice = voices()
    voice.connect(server.endpoint())
    voice.wait_state(READY)
    session = server.sessions[0]
    server.cut(session)
    server.stop()
    voice.wait_state(RESUMING)
    again = Standin(folder, port=server.port)
    again.sessions = [session]
    try:
        voice.wait_state(READY, seconds=30)
        assert session.resumed >= 1 and again.identifies == 0
    finally:
        again.sessions = []
        again.stop()


def take_over(voice, standin, voices, talk, was_speaking=True):
    """What the daemon does when tutti-voice died: another one gets what the first one had."""
    secrets = voice.secrets[1]
    beat = voice.beats.get(1, (1, 0))[0]
    secrets = secrets[:-4] + beat.to_bytes(4, "little", signed=True)
    voice.kill()
    successor = voices()
    for number, fd in voice.sockets.items():
        successor.give_socket(number, os.dup(fd))
    successor.connect(standin.endpoint(), resume=secrets, was_speaking=was_speaking)
    talk.voice = successor
    return successor


def test_another_tutti_voice_goes_on_from_the_same_port_with_the_same_key(call, voices):
    server, voice, session = call
    talk = Talk(voice).start()
    wait_for(lambda: len(session.packets) >= 20)
    with talk.lock:
        successor = take_over(voice, server, voices, talk)
    wait_for(lambda: session.resumed == 1)
    successor.wait_state(READY)
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 20)
    talk.stop()
    assert server.identifies == 1
    assert longest_gap_ms(session.packets) < 400


def test_a_session_that_cannot_be_taken_up_is_begun_anew(call, voices):
    server, voice, session = call
    secrets = voice.secrets[1]
    voice.kill()
    successor = voices()
    successor.connect(server.endpoint(), resume=secrets)  # and no socket
    successor.wait_state(READY)
    assert server.identifies == 2
