"""A control connection that remembers everything and checks the rules of play at its end."""
import itertools
import json
import socket
import threading
import time

from lib import DEADLINE

TERMINAL = ("finished", "stopped", "error")
_numbers = itertools.count(1)


class Closed(AssertionError):
    """The daemon closed the connection while something was awaited."""


class Control:
    """A reader thread collects the events; every method that waits has a deadline."""

    def __init__(self, daemon, hello=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(daemon.control if hasattr(daemon, "control") else str(daemon))
        self.events = []
        self.tags = {}  # tag -> type of the command that bore it
        self.plays = {}  # play_id -> tag of its play command, for plays sent from here
        self.closed = False
        self.broken = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.hello = self.wait("hello") if hello else None
        self.client = self.hello["client"] if hello else None

    def _read(self):
        rest = b""
        self.sock.settimeout(None)
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            *lines, rest = (rest + data).split(b"\n")
            with self._news:
                for line in lines:
                    try:
                        event = json.loads(line.decode("utf-8"))
                        event["at"] = time.monotonic()
                        self.events.append(event)
                    except (ValueError, TypeError) as problem:
                        self.broken = f"{problem}: {line!r}"
                self.closed = self.closed or not data
                self._news.notify_all()
            if not data:
                return

    # Sending

    def send_bytes(self, data):
        self.sock.sendall(data)

    def send(self, kind, **fields):
        """Send a command with a tag of its own, and return the tag."""
        tag = fields.setdefault("tag", f"t{next(_numbers)}")
        if kind == "play":
            self.plays[fields.setdefault("play_id", f"p{next(_numbers)}")] = tag
        self.tags[tag] = kind
        self.send_bytes(json.dumps({"type": kind, **fields}).encode() + b"\n")
        return tag

    def send_together(self, *commands):
        """Several (kind, fields) in one write; returns their tags."""
        sent, real = [], self.send_bytes
        self.send_bytes = sent.append
        try:
            tags = [self.send(kind, **fields) for kind, fields in commands]
        finally:
            self.send_bytes = real
        self.send_bytes(b"".join(sent))
        return tags

    # Waiting

    def wait_for(self, accept, what, seconds=DEADLINE, start=0):
        """The first event from index start on that accept() likes."""
        end = time.monotonic() + seconds
        with self._news:
            index = start
            while True:
                while index < len(self.events):
                    if accept(self.events[index]):
                        return self.events[index]
                    index += 1
                if self.closed:
                    raise Closed(f"closed while waiting for {what}; got {self.events[-8:]}")
                if not self._news.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"no {what} in time; last events: {self.events[-8:]}")

    def wait(self, kind, seconds=DEADLINE, start=0, **fields):
        """The first event of that type with those fields."""
        def accept(event):
            return event.get("type") == kind and all(event.get(k) == v for k, v in fields.items())
        return self.wait_for(accept, f"{kind} {fields}", seconds, start)

    def answer(self, tag, seconds=DEADLINE):
        return self.wait_for(lambda e: e.get("tag") == tag, f"answer to {self.tags.get(tag)}", seconds)

    def ask(self, kind, **fields):
        """Send a command and return its answer, whatever it is."""
        return self.answer(self.send(kind, **fields))

    def expect(self, answer, kind, **fields):
        """Send a command whose answer must be of that type."""
        event = self.ask(kind, **fields)
        assert event["type"] == answer, f"{kind} {fields} was answered by {event}"
        return event

    def terminal(self, play_id, seconds=DEADLINE):
        return self.wait_for(lambda e: self._ends(e) == play_id, f"end of {play_id}", seconds)

    def wait_closed(self, seconds=DEADLINE):
        with self._news:
            assert self._news.wait_for(lambda: self.closed, seconds), "the daemon did not close"

    def sync(self):
        """Return when the daemon has handled all that was sent before."""
        self.expect("stats", "stats")

    # Judging

    def of_play(self, play_id):
        with self._news:
            return [e for e in self.events if e.get("play_id") == play_id]

    def _ends(self, event):
        """The play that this event ends, or None.

        An error that answers another command than the play ends nothing. The same holds for
        the answer of a stop whose play was ended, before it was ready, by an event of its own.
        """
        play, tag = event.get("play_id"), event.get("tag")
        if event.get("type") not in TERMINAL or play is None:
            return None
        if event["type"] == "error" and tag is not None and self.tags.get(tag, "play") != "play":
            return None
        return play

    def check(self):
        """The promises that hold for every connection at any time."""
        assert self.broken is None, self.broken
        with self._news:
            events = list(self.events)
        for event in events:
            assert isinstance(event.get("type"), str), event
            if event["type"] in ("error", "warning"):
                assert event.get("code") and event.get("message"), event
                assert "\n" not in event["message"], event
        ended = {}
        for event in events:
            play = event.get("play_id")
            if play in ended and not self._own_answer(event, ended[play]):
                raise AssertionError(f"{event} follows the end of its play, {ended[play]}")
            if self._ends(event) is not None:
                ended[play] = event
        answered = [e["tag"] for e in events if "tag" in e]
        assert len(answered) == len(set(answered)), f"a tag was answered twice: {answered}"
        unknown = set(answered) - set(self.tags)
        assert not unknown, f"tags never sent from here: {unknown}"
        return ended

    def _own_answer(self, event, end):
        """A stop's own answer may follow the end of a play that never was ready."""
        return (event["type"] == "stopped" and self.tags.get(event.get("tag")) == "stop"
                and end.get("tag") in self.plays.values())

    def check_all_ended(self):
        """As check(), and every play that was sent from here has come to its end."""
        ended = self.check()
        # A command that could not be understood has made no play.
        refused = {e.get("tag") for e in self.events if e.get("code") == "invalid_command"}
        missing = {play for play, tag in self.plays.items() if tag not in refused} - set(ended)
        assert not missing, f"no terminal event for {missing}: {self.events[-20:]}"

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(DEADLINE)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
        if kind is None:
            self.check()
