"""Every command of the table and the shape of what answers it.

The sessions here have no audio connection that reads: they hold at their first frame, so that
nothing depends on time.
"""
import json

import pytest

from lib import sound
from lib.client import Client, new_channel
from lib.control import Control

NUMBER = (int, float)


def shape(event, **types):
    """The event has these fields, of these types."""
    for field, kind in types.items():
        assert field in event, f"{field} is missing in {event}"
        value = event[field]
        assert isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), (field, event)


@pytest.fixture
def still(daemon):
    """A client in credit flow that grants no credit."""
    with Client(daemon) as one:
        yield one


@pytest.fixture
def song(media):
    return media.wav(2.0)


def test_hello_unasked(daemon):
    with Control(daemon) as control:
        first = control.events[0]
        assert first["type"] == "hello" and "tag" not in first
        assert first["protocol"] == 1
        assert first["server"].startswith("tutti/")
        shape(first, client=str)
        assert first["client"] and first["sessions"] == []


def test_hello_asked(daemon):
    with Control(daemon) as control:
        again = control.expect("hello", "hello")
        assert (again["protocol"], again["client"]) == (1, control.client)


def test_clients_have_ids_of_their_own(daemon):
    with Control(daemon) as one, Control(daemon) as other:
        assert one.client != other.client


def test_play_is_answered_by_ready(still, song):
    channel = new_channel()
    ready = still.expect("ready", "play", channel, url=song, play_id="mine")
    shape(ready, channel_id=str, play_id=str, duration=NUMBER, position=NUMBER, passthrough=bool)
    assert (ready["channel_id"], ready["play_id"]) == (str(channel), "mine")
    assert ready["duration"] == pytest.approx(2.0, abs=0.002)
    assert (ready["position"], ready["passthrough"]) == (0, False)
    still.control.plays["mine"] = ready["tag"]


def test_opus_is_passed_through(still, media):
    assert still.start(media.opus())["passthrough"] is True


def test_opus_at_another_volume_is_not(still, media):
    assert still.start(media.opus(), volume=0.5)["passthrough"] is False


def test_play_id_is_made_up(still, song):
    ids = set()
    for _ in range(3):
        channel = new_channel()
        still.control.tags["bare"] = "play"
        line = json.dumps({"type": "play", "channel_id": str(channel), "url": song})
        still.control.send_bytes(line.encode() + b"\n")
        ready = still.control.wait("ready", channel_id=str(channel))
        shape(ready, play_id=str)
        assert ready["play_id"] and "tag" not in ready
        ids.add(ready["play_id"])
        stopped = still.expect("stopped", "stop", channel)
        assert stopped["play_id"] == ready["play_id"]
    assert len(ids) == 3


def test_pause_and_resume(still, song):
    channel = still.start(song)["channel"]
    for kind, answer, state in (("pause", "paused", "paused"), ("resume", "resumed", "streaming")):
        event = still.expect(answer, kind, channel)
        shape(event, channel_id=str, play_id=str, position=NUMBER)
        assert event["position"] == 0
        assert still.session(channel)["state"] == state
        again = still.expect(answer, kind, channel)
        assert again["play_id"] == event["play_id"], "idempotent"


def test_start_paused(still, song):
    channel = still.start(song, paused=True, credit=100)["channel"]
    assert still.session(channel)["state"] == "paused"
    assert still.audio.quiet(channel) == 0
    still.expect("resumed", "resume", channel)
    still.audio.wait_frames(channel, 100)


def test_volume(still, song):
    started = still.start(song)
    for level in (0, 0.25, 1, 2, 1.5):
        event = still.expect("volume", "volume", started["channel"], level=level)
        assert (event["level"], event["play_id"]) == (level, started["play_id"])
        assert still.session(started["channel"])["volume"] == level


def test_seek(still, song):
    started = still.start(song, credit=20)
    tag = still.control.send("seek", channel_id=started["channel_id"], position=1.25)
    still.drip(started["channel"], 50, until=tag)
    event = still.control.answer(tag)
    assert event["type"] == "seeked"
    assert event["play_id"] == started["play_id"]
    assert event["position"] == pytest.approx(1.25, abs=0.002)


def test_stop(still, song):
    started = still.start(song)
    event = still.expect("stopped", "stop", started["channel"])
    assert (event["reason"], event["play_id"]) == ("stop", started["play_id"])
    shape(event, channel_id=str, position=NUMBER)
    assert still.session(started["channel"]) is None
    again = still.expect("stopped", "stop", started["channel"])
    assert again["channel_id"] == str(started["channel"]), "idempotent"


@pytest.mark.parametrize("kind, fields", [("pause", {}), ("resume", {}), ("volume", {"level": 1}),
                                          ("seek", {"position": 1})])
def test_no_session(still, kind, fields):
    error = still.expect("error", kind, new_channel(), **fields)
    assert error["code"] == "no_session"


def test_status_of_one_and_of_all(still, media):
    wav, opus = media.wav(), media.opus()
    one, two = still.start(wav, volume=0.5), still.start(opus, paused=True)
    listed = still.expect("status", "status")["sessions"]
    by_channel = {s["channel_id"]: s for s in listed}
    assert len(by_channel) == len(listed)
    for started, url, state, volume, passed in ((one, wav, "streaming", 0.5, False),
                                                (two, opus, "paused", 1, True)):
        entry = by_channel[started["channel_id"]]
        shape(entry, channel_id=str, play_id=str, state=str, url=str, position=NUMBER, duration=NUMBER,
              volume=NUMBER, passthrough=bool, buffered=NUMBER, underruns=int)
        assert (entry["play_id"], entry["url"], entry["state"]) == (started["play_id"], url, state)
        assert (entry["volume"], entry["passthrough"]) == (volume, passed)
        assert entry["position"] == 0
        assert entry["duration"] == pytest.approx(2, abs=0.02)
        alone = still.session(started["channel"])
        assert alone["play_id"] == entry["play_id"]
    assert still.session(new_channel()) is None


def test_stats(still, song):
    still.start(song)
    still.start(song, paused=True)
    stats = still.expect("stats", "stats")
    shape(stats, uptime=NUMBER, sessions=dict, workers=dict, frames=dict, lateness_us=dict, extractor=dict)
    shape(stats["workers"], idle=int, busy=int, max=int, restarts=int)
    shape(stats["frames"], sent=int, underruns=int, dropped=int)
    shape(stats["lateness_us"], p50=NUMBER, p99=NUMBER, p999=NUMBER, max=NUMBER)
    shape(stats["extractor"], running=int, queued=int, hits=int, misses=int)
    assert stats["workers"]["max"] == 60
    assert stats["workers"]["busy"] >= 2
    assert stats["sessions"].get("paused", 0) >= 1 and stats["sessions"].get("streaming", 0) >= 1


def test_watch(still, daemon, song):
    with Control(daemon) as watcher:
        assert watcher.expect("watching", "watch", on=True)
        started = still.start(song, credit=10)
        seen = watcher.wait("ready", play_id=started["play_id"])
        assert "tag" not in seen, "the tag is the commander's"
        still.expect("paused", "pause", started["channel"])
        watcher.wait("paused", play_id=started["play_id"])
        still.expect("stopped", "stop", started["channel"])
        watcher.wait("stopped", play_id=started["play_id"], reason="stop")
        watcher.expect("watching", "watch", on=False)
        start = len(watcher.events)
        later = still.start(song)
        watcher.sync()
        assert not [e for e in watcher.events[start:] if e.get("play_id") == later["play_id"]]


def test_who_does_not_watch_hears_nothing(still, daemon, song):
    with Control(daemon) as other:
        started = still.start(song)
        still.expect("stopped", "stop", started["channel"])
        other.sync()
        assert [e["type"] for e in other.events] == ["hello", "stats"]


def test_any_connection_may_command(still, daemon, song):
    """The answer goes to the commander, the news to the owner."""
    started = still.start(song)
    owner = still.control
    with Control(daemon) as other:
        def command(kind, answer, **fields):
            event = other.expect(answer, kind, channel_id=str(started["channel"]), **fields)
            assert event["play_id"] == started["play_id"]
            owner.wait_for(lambda e: e["type"] == answer and e.get("play_id") == started["play_id"]
                           and "tag" not in e, f"{answer} for the owner")
        command("pause", "paused")
        command("resume", "resumed")
        command("volume", "volume", level=0.5)
        command("stop", "stopped")
    owner.check_all_ended()


def test_replacing_moves_ownership(still, daemon, song):
    """The end of the old play is told to its owner, the new play belongs to the newcomer."""
    started = still.start(song)
    with Control(daemon) as other:
        ready = other.expect("ready", "play", channel_id=str(started["channel"]), url=song)
        still.control.wait("stopped", play_id=started["play_id"], reason="replaced")
        sessions = other.expect("hello", "hello")["sessions"]
        assert [s["play_id"] for s in sessions] == [ready["play_id"]]
        assert still.expect("hello", "hello")["sessions"] == []
        other.expect("stopped", "stop", channel_id=str(started["channel"]))
        other.check_all_ended()


def test_hello_lists_own_sessions_only(still, daemon, song):
    started = still.start(song)
    with Control(daemon) as other:
        mine = other.expect("ready", "play", channel_id=str(new_channel()), url=song)
        listed = still.expect("hello", "hello")["sessions"]
        assert [s["play_id"] for s in listed] == [started["play_id"]]
        other.expect("stopped", "stop", channel_id=mine["channel_id"])


def test_a_play_that_is_not_accepted_is_named(still, song):
    """Its error carries its channel, its id and its tag."""
    answer = still.ask("play", new_channel(), url=song, play_id="loud", volume=7)
    assert (answer["code"], answer["play_id"]) == ("invalid_command", "loud"), answer


def test_stop_before_ready(still, song):
    """A play that is ended before ready gets one terminal event, with its own tag."""
    channel = str(new_channel())
    play, stop = still.control.send_together(("play", {"channel_id": channel, "url": song}),
                                             ("stop", {"channel_id": channel}))
    assert still.control.answer(stop)["type"] == "stopped"
    assert still.control.answer(play)["type"] in ("stopped", "ready")
    still.control.sync()
    still.control.check_all_ended()


def test_commands_before_ready_hold_for_the_start(still, song):
    channel = new_channel()
    base = {"channel_id": str(channel)}
    play, pause, volume, seek = still.control.send_together(
        ("play", {**base, "url": song}), ("pause", base), ("volume", {**base, "level": 0.5}),
        ("seek", {**base, "position": 1.0}))
    for tag, kind in ((play, "ready"), (pause, "paused"), (volume, "volume"), (seek, "seeked")):
        assert still.control.answer(tag)["type"] == kind
    entry = still.session(channel)
    assert (entry["state"], entry["volume"]) == ("paused", 0.5)
    assert entry["position"] == pytest.approx(1.0, abs=0.002)
    still.audio.credit(channel, 1000)
    assert still.audio.quiet(channel) == 0
    still.expect("resumed", "resume", channel)
    packets = still.audio.wait_ends(channel).packets
    sound.check_transcoded(packets, sound.reference(song)[48000:], gain=0.5)


def test_one_byte_at_a_time(still):
    line = b'{"type":"stats","tag":"slowly"}\n'
    still.control.tags["slowly"] = "stats"
    for byte in line:
        still.control.send_bytes(bytes([byte]))
    assert still.control.answer("slowly")["type"] == "stats"


def test_many_commands_in_one_write(still):
    """All are answered, in order."""
    tags = still.control.send_together(*[("stats", {})] * 50, ("hello", {}), *[("status", {})] * 50)
    still.control.answer(tags[-1])
    seen = [e["tag"] for e in still.control.events if "tag" in e]
    assert seen == tags


def test_half_a_line_at_the_end_does_nothing(daemon, song):
    with Control(daemon) as control:
        control.send_bytes(b'{"type":"stats"}')
        with Control(daemon) as other:
            other.sync()
        assert [e["type"] for e in control.events] == ["hello"]


def test_largest_channel(still, song):
    channel = 2**64 - 1
    started = still.start(song, channel, credit=10)
    assert started["channel_id"] == str(channel)
    still.audio.wait_frames(channel, 10)


@pytest.mark.parametrize("tag", ["", "x" * 64, "ä" * 32, "☃ \\\"", "𝄞"])
def test_tags_come_back(still, tag):
    still.control.tags[tag] = "stats"
    assert still.ask("stats", tag=tag)["tag"] == tag


@pytest.mark.parametrize("play_id", ["", "x" * 64, "ü" * 32, "a\"b\\c"])
def test_play_ids_come_back(still, song, play_id):
    assert still.start(song, play_id=play_id)["play_id"] == play_id
