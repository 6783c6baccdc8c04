"""A bot: one control connection and an audio connection that is attached for it."""
import itertools
import time

from lib import DEADLINE, opus
from lib.audio import Audio
from lib.control import TERMINAL, Control

_channels = itertools.count(1_000_000_000_000_001)
PLENTY = 100_000  # frames of credit: more than any test can use


def new_channel():
    return next(_channels)


class Played:
    """A play from its ready to its end, with all that was heard of it."""

    def __init__(self, ready, end, run):
        self.ready, self.end, self.run = ready, end, run
        self.packets = run.packets if run else []

    def heard(self):
        return opus.decode(self.packets)

    def check_complete(self, frames):
        """finished, every frame there, and all counts agree."""
        assert self.end["type"] == "finished", self.end
        self.run.check()
        assert len(self.packets) == frames, f"{len(self.packets)} frames, wanted {frames}"
        assert self.end["frames"] == frames, self.end
        assert all(opus.samples(p) == 960 for p in self.packets), "a packet that is not 20 ms"


class Client:
    def __init__(self, daemon, flow="credit", **options):
        self.daemon = daemon
        self.control = Control(daemon)
        self.audio = Audio(daemon, self.control.client, flow, **options) if flow else None
        self.flow = flow

    def start(self, url, channel=None, credit=0, **fields):
        """Play and wait until it is ready; returns the ready event with the channel as a number."""
        channel = channel or new_channel()
        ready = self.control.expect("ready", "play", channel_id=str(channel), url=str(url), **fields)
        if credit:
            self.audio.credit(channel, credit)
        return {**ready, "channel": channel}

    def gather(self, urls, seconds=3 * DEADLINE, **fields):
        """Play many files at once, each to its end, as fast as they come.

        A play that does not come to its end is returned with an end of type "lost", so that
        one bad play among many does not hide the others.
        """
        started, deadline = [], time.monotonic() + seconds
        for url in urls:
            channel = new_channel()
            tag = self.control.send("play", channel_id=str(channel), url=str(url), **fields)
            started.append((channel, tag))
            if self.flow == "credit":
                self.audio.credit(channel, PLENTY)
        return [self._gathered(channel, tag, deadline) for channel, tag in started]

    def _gathered(self, channel, tag, deadline):
        def left():
            return max(0.5, deadline - time.monotonic())
        answer = None
        try:
            answer = self.control.answer(tag, left())
            if answer["type"] in TERMINAL:
                return Played(None, answer, None)
            end = self.control.terminal(answer["play_id"], left())
            run = self.audio.wait_ends(channel, 1, left()) if end.get("frames", 1) else None
            return Played(answer, end, run)
        except AssertionError as problem:
            return Played(answer, {"type": "lost", "why": str(problem)}, None)

    def play_through(self, url, **fields):
        return self.gather([url], **fields)[0]

    def ask(self, kind, channel=None, **fields):
        if channel is not None:
            fields["channel_id"] = str(channel)
        return self.control.ask(kind, **fields)

    def expect(self, answer, kind, channel=None, **fields):
        if channel is not None:
            fields["channel_id"] = str(channel)
        return self.control.expect(answer, kind, **fields)

    def session(self, channel):
        """The status entry of a channel, or None."""
        found = self.expect("status", "status", channel)["sessions"]
        assert len(found) <= 1, found
        return found[0] if found else None

    def wait_buffered(self, channel, seconds):
        """Wait until so much of a channel lies ready. Of the five seconds of a full ring two may have been taken
        before its worker fills it again."""
        end = time.monotonic() + DEADLINE
        while (session := self.session(channel))["buffered"] < seconds:
            assert time.monotonic() < end, f"not {seconds} s lie ready: {session}"
            time.sleep(0.02)

    def wait_frames_or_end(self, channel, play_id, count, seconds=3 * DEADLINE):
        """Wait for so many frames; a play that ends before says why."""
        end = time.monotonic() + seconds
        while self.audio.count(channel) < count:
            ended = [e for e in self.control.of_play(play_id) if e["type"] in TERMINAL]
            assert not ended and time.monotonic() < end, (self.audio.count(channel), ended, self.session(channel))
            time.sleep(0.02)

    def drip(self, channel, frames=10, until=None):
        """Take frames as a listener does, for so many or until a command is answered."""
        for _ in range(frames):
            if until and any(e.get("tag") == until for e in self.control.events):
                return
            self.audio.credit(channel, 1)
            time.sleep(0.02)
        assert until is None, "the command was not answered while frames were taken"

    def close(self, check=True):
        """Stop what still plays, check the rules, and leave."""
        control = self.control
        if check and not control.closed:
            for session in control.expect("status", "status")["sessions"]:
                if session["play_id"] in control.plays:
                    control.expect("stopped", "stop", channel_id=session["channel_id"])
            control.sync()
            control.check_all_ended()
        control.close()
        if self.audio:
            self.audio.close()
            if check:
                self.audio.check()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(check=kind is None)
