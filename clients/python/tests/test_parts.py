"""What needs no daemon: finding sockets, cutting records, a queue and its credit."""
import os
import random
import struct

import pytest
from tutti_client._frames import End, Frame, FrameQueue, Mark, RecordParser
from tutti_client._paths import check_owner, find_sockets
from tutti_client.errors import TuttiError


@pytest.mark.parametrize("given,environ,control", [
    ({"runtime_dir": "/r"}, {"XDG_RUNTIME_DIR": "/x", "TUTTI_RUNTIME_DIR": "/t"}, "/r/control.sock"),
    ({}, {"TUTTI_RUNTIME_DIR": "/t", "RUNTIME_DIRECTORY": "/s"}, "/t/control.sock"),
    ({}, {"RUNTIME_DIRECTORY": "/nowhere/a:/nowhere/b", "XDG_RUNTIME_DIR": "/x"}, "/nowhere/a/control.sock"),
    ({}, {"XDG_RUNTIME_DIR": "/nowhere"}, "/nowhere/tutti/control.sock"),
    ({}, {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": "x"}, f"/tmp/tutti-{os.geteuid()}/control.sock"),
    ({"control": "/c.sock"}, {}, "/c.sock"),
    ({}, {"TUTTI_CONTROL": "/c.sock"}, "/c.sock"),
])
def test_sockets_are_found_by_the_daemons_rules(given, environ, control, monkeypatch):
    monkeypatch.setattr("tutti_client._paths.SYSTEM_DIR", "/nowhere/system")
    assert find_sockets(**given, environ=environ).control == control


def test_the_daemon_of_the_system_is_found(tmp_path, monkeypatch):
    """Where nothing was said, and none of one's own is there."""
    monkeypatch.setattr("tutti_client._paths.SYSTEM_DIR", str(tmp_path))
    (tmp_path / "control.sock").touch()
    assert find_sockets(environ={"XDG_RUNTIME_DIR": "/nowhere"}).control == str(tmp_path / "control.sock")
    assert find_sockets(environ={"TUTTI_RUNTIME_DIR": "/t"}).control == "/t/control.sock"


def test_a_directory_of_somebody_else_is_not_trusted(tmp_path):
    check_owner(str(tmp_path))
    tmp_path.chmod(0o777)
    for bad in (tmp_path, tmp_path / "none"):
        with pytest.raises(TuttiError, match="no_daemon"):
            check_owner(str(bad))


def record(channel, sequence, body=b""):
    return struct.pack(">IQI", 12 + len(body), channel, sequence) + body


def test_records_are_cut_wherever_they_are_torn():
    mark = struct.pack(">QQ", 9, 96000) + "tänze".encode()
    data = record(0, 0) + record(0, 5, mark) + record(9, 5, b"abc") + record(9, 6) + record(9, 0, b"x" * 1275)
    whole = list(RecordParser().feed(data))
    assert whole == [(0, None), (9, Mark("tänze", 96000)), (9, Frame(b"abc")), (9, End()), (9, Frame(b"x" * 1275))]
    for seed in range(50):
        chance, parser, torn, rest = random.Random(seed), RecordParser(), [], data
        while rest:
            n = chance.randint(1, 40)
            torn += parser.feed(rest[:n])
            rest = rest[n:]
        assert torn == whole, seed
    for length in (0, 11, 65537):
        with pytest.raises(ValueError):
            list(RecordParser().feed(struct.pack(">IQI", length, 1, 0)))


@pytest.mark.parametrize("seed", range(30))
def test_credit_given_is_frames_taken(seed):
    """Whatever is held, dropped, sought or reattached: outstanding credit and waiting frames are the window."""
    chance, given, window, heard = random.Random(seed), [0], 10, []
    queue = FrameQueue(window, lambda n: given.__setitem__(0, given[0] + n), lambda *news: heard.append(news))
    queue.attached()
    n_plays, taken = 0, []
    for _ in range(400):
        what = chance.random()
        if what < 0.5 and given[0]:
            if n_plays == 0 or chance.random() < 0.05:
                if n_plays:
                    queue.put(End())
                n_plays += 1
                queue.put(Mark(f"p{n_plays}", 0))
            queue.put(Frame(b"%d" % n_plays))
            given[0] -= 1
        elif what < 0.9:
            if packet := queue.take():
                taken.append(int(packet))
        elif what < 0.93:
            queue.hold(chance.random() < 0.5)
        elif what < 0.95 and n_plays:
            queue.drop(f"p{n_plays}")
        elif what < 0.97 and n_plays:
            queue.put(Mark(f"p{n_plays}", 48000))
            queue.jump(f"p{n_plays}")
        elif what < 0.98:
            given[0] = 0
            queue.attached()
        waiting = sum(isinstance(item, Frame) for item in queue._items)
        assert given[0] + waiting + queue._owed == window
    assert taken == sorted(taken)
    queue.hold(False)
    while queue.take():
        pass
    assert given[0] == window, "credit was lost"


def test_rest_and_waking_cannot_overtake_each_other():
    queue = FrameQueue(10, lambda n: None, lambda *news: None)
    calls = []
    assert queue.take(lambda: calls.append("idle"), lambda: calls.append("wake")) is None
    queue.put(Mark("p", 0))
    assert calls == ["idle", "wake"]
    queue.hold(True)
    assert queue.take(lambda: calls.append("idle"), lambda: calls.append("wake")) is None
    queue.put(Frame(b"a"))
    assert calls == ["idle", "wake", "idle"], "it is held"
    queue.hold(False)
    assert calls[-1] == "wake" and queue.take() == b"a"
