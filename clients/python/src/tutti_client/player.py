"""One channel: its plays as the daemon tells of them, its commands, and its frames."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ._commands import Event
from ._emitter import Emitter
from ._frames import FrameQueue
from .errors import TuttiError

if TYPE_CHECKING:
    from .client import TuttiClient

_TERMINAL = ("finished", "stopped", "error")
_NEWS_KEPT = 32


class Play:
    """A track that was given to the daemon, from there to its end."""

    def __init__(self, player: "Player", play_id: str, url: str, position: float, is_next: bool, paused: bool) -> None:
        self.play_id = play_id
        self.url = url
        self.title: str | None = None
        self.duration: float | None = None
        """Seconds; None where it is not known, and for a live stream."""
        self.live = False
        self.paused = paused
        self.is_ready = False
        self._player = player
        self._start = position
        self._next = is_next
        self._known = False  # to the daemon: it has said something of it
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._end: asyncio.Future[Event] = loop.create_future()

    @property
    def position(self) -> float:
        """Where in the source its listener is, in seconds."""
        heard = self._player._queue.playing(self.play_id)
        return self._start if heard is None else heard

    @property
    def ended(self) -> bool:
        return self._end.done()

    async def ready(self) -> None:
        """Waits until it is heard; raises what prevents that."""
        await asyncio.shield(self._ready)

    async def wait(self) -> Event:
        """Waits until its listener has heard its end; returns `finished`, `stopped` or `error`, as in the protocol."""
        return await asyncio.shield(self._end)

    def _message(self, position: float) -> Event:
        message: Event = {"type": "play", "channel_id": str(self._player.channel_id), "url": self.url,
                          "play_id": self.play_id, "position": round(position, 3), "paused": self.paused}
        return {**message, "next": True} if self._next else message

    def _learn(self, event: Event) -> None:
        self._known = True
        self.title = event.get("title") or self.title
        self.url = event.get("url") or self.url
        if "duration" in event:
            self.duration = event["duration"]
        self.live = event.get("live", self.live)

    def _finish(self, event: Event) -> None:
        if not self._ready.done():
            if event["type"] == "error":
                self._ready.set_exception(TuttiError(event["code"], event["message"],
                                                     channel_id=self._player.channel_id, play_id=self.play_id))
            else:
                self._ready.set_exception(TuttiError("stopped", f"it ended before it was heard: {event.get('reason')}",
                                                     channel_id=self._player.channel_id, play_id=self.play_id))
            self._ready.exception()
        if not self._end.done():
            self._end.set_result(event)


class Player:
    """A channel of this client. See TuttiClient.player().

    Events (`player.on(name, handler)`): those of the daemon about this channel. `finished` comes when the end has
    been heard, where somebody takes the frames.
    """

    def __init__(self, client: "TuttiClient", channel_id: int, window: int) -> None:
        self.channel_id = channel_id
        self.volume = 1.0
        self.paused = False
        self.current: Play | None = None
        self._client = client
        self._emitter = Emitter()
        self.on = self._emitter.on
        self._plays: dict[str, Play] = {}
        self._abandoned: set[str] = set()
        self._news: dict[str, Event] = {}  # `ready` of plays that may be others'
        self._unheard: dict[str, Event] = {}  # `finished`, whose last frames wait to be taken
        self._recovering: Play | None = None  # what was heard, and is not ready yet at another daemon …
        self._held_back: list[Play] = []  # … which it must be before these: one that fails must leave it playing
        self._queue = FrameQueue(window, lambda frames: client._grant(channel_id, frames),
                                 lambda play_id, is_end: client._soon(self._heard, play_id, is_end))

    # ---- frames

    def read(self) -> bytes | None:
        """The next Opus packet of 20 ms, or None where none is due now. Any thread, from one clock: each packet
        that is taken makes the daemon send another one."""
        return self._queue.take()

    # ---- commands

    async def play(self, url: str, *, position: float = 0.0, next: bool = False, cut: bool = False,
                   paused: bool = False, play_id: str | None = None, timeout: float | None = None) -> Play:
        """Plays a file, an http(s) URL or a search term; returns when it is heard, or raises what prevents that.

        What plays goes on until then, unless `cut`. With `next` it joins behind what plays without a gap, and this
        returns at once: see Play.ready(). When waiting is given up, by `timeout` or by cancelling, the play is taken
        back: it never replaces anything later.
        """
        play = Play(self, play_id or self._client._new_play_id(), url, position, next, paused)
        if play.play_id in self._plays:
            raise ValueError(f"the play_id {play.play_id} is in use")
        message = {**play._message(position), **({"cut": True} if cut else {})}
        command = self._client._issue(message, held=self._recovering is not None)
        self._plays[play.play_id] = play
        if self._recovering:
            self._held_back.append(play)
        if next:
            command.future.add_done_callback(lambda answer: self._answered(play, answer))
            return play
        try:
            await self._client._answer(command, timeout)
        except TuttiError as error:
            if error.code == "timeout":
                self._take_back(play)
            else:
                self._forget(play, {"type": "error", "code": error.code, "message": error.message})
            raise
        except asyncio.CancelledError:
            self._take_back(play)
            raise
        await play.ready()
        return play

    async def pause(self) -> None:
        """Silence at once; no frame is lost."""
        self._queue.hold(True)
        try:
            await self._command("pause")
        except BaseException:
            self._queue.hold(self.paused)
            raise

    async def resume(self) -> None:
        await self._command("resume")

    async def stop(self) -> None:
        """Ends what plays and what waits behind it."""
        for play_id in self._plays:
            self._queue.drop(play_id)
        await self._command("stop")

    async def skip(self) -> None:
        """Ends what plays; what waits behind it follows."""
        if not self.current:
            raise TuttiError("no_session", "nothing plays", channel_id=self.channel_id)
        self._queue.drop(self.current.play_id)
        await self._command("stop", play_id=self.current.play_id)

    async def seek(self, position: float) -> None:
        await self._command("seek", position=max(0.0, position))

    async def set_volume(self, level: float) -> None:
        """0 to 2. It is the player's: it holds for what plays and for all that follows, until it is set again."""
        await self._command("volume", level=level, keep=True)
        self.volume = level

    async def status(self) -> Event | None:
        """What the daemon has in this channel, or None."""
        sessions = await self._client.status(self.channel_id)
        return sessions[0] if sessions else None

    @property
    def position(self) -> float:
        """Of what plays, in seconds; 0 where nothing does."""
        return self.current.position if self.current else 0.0

    async def _command(self, kind: str, **fields: Any) -> Event:
        return await self._client._ask({"type": kind, "channel_id": str(self.channel_id), **fields})

    # ---- plays that come and go

    def _answered(self, play: Play, answer: "asyncio.Future[Event]") -> None:
        """Of a play that nobody waits for. It may have been refused, which is no event of a play that is known."""
        if not answer.cancelled() and not answer.exception() and answer.result()["type"] == "error":
            self._forget(play, answer.result())

    def _take_back(self, play: Play) -> None:
        """Nobody waits for it any more."""
        self._forget(play, {"type": "stopped", "reason": "stop"})
        self._abandoned.add(play.play_id)
        self._queue.drop(play.play_id)
        self._client._send({"type": "stop", "channel_id": str(self.channel_id), "play_id": play.play_id})

    def _forget(self, play: Play, event: Event) -> None:
        self._plays.pop(play.play_id, None)
        self._unheard.pop(play.play_id, None)
        if self.current is play:
            self.current = None
            self._set_paused(False)
        play._finish({"channel_id": str(self.channel_id), "play_id": play.play_id, **event})
        self._recovered(play)

    def _adopt(self, play_id: str, event: Event) -> Play:
        """The daemon has a play here that this process did not give it."""
        play = Play(self, play_id, event.get("url", ""), event.get("position", 0.0), False, False)
        self._plays[play_id] = play
        if not play.url:
            task = asyncio.ensure_future(self._learn_url(play))
            self._emitter._tasks.add(task)
            task.add_done_callback(self._emitter._tasks.discard)
        return play

    async def _learn_url(self, play: Play) -> None:
        try:
            session = await self.status()
        except TuttiError:
            return
        if session and session["play_id"] == play.play_id:
            play._learn(session)

    def _set_current(self, play: Play, event: Event) -> None:
        play._learn(event)
        play.is_ready = True
        play._next = False
        play._start = event.get("position", play._start)
        self.current = play
        self._set_paused(play.paused)
        if not play._ready.done():
            play._ready.set_result(None)
        self._recovered(play)

    def _set_paused(self, paused: bool) -> None:
        self.paused = paused
        if self.current:
            self.current.paused = paused
        self._queue.hold(paused)

    # ---- events

    def _heard(self, play_id: str, is_end: bool) -> None:
        """The clock has come to the first frame of a play, or past its last one."""
        if not is_end:
            news = self._news.pop(play_id, None)
            if play_id not in self._plays and play_id not in self._abandoned and news:
                self._set_current(self._adopt(play_id, news), news)
        elif play_id in self._unheard:
            self._say_finished(play_id)

    def _say_finished(self, play_id: str) -> None:
        event = self._unheard.pop(play_id, None)
        if event:
            play = self._plays.get(play_id)
            if play:
                self._forget(play, event)
            self._say(event)

    def _wait_heard(self, play_id: str) -> None:
        """`finished` has come; its last frames may wait for the clock still, if there is one."""
        if play_id not in self._unheard:
            return
        if self._queue.is_heard_out(play_id):
            self._say_finished(play_id)
        else:
            asyncio.get_running_loop().call_later(1.0, self._wait_heard, play_id)

    def _say(self, event: Event) -> None:
        self._emitter._emit(event["type"], event)
        self._client._emit(event["type"], event)

    def _on_event(self, event: Event) -> None:
        kind, play_id = event["type"], event.get("play_id")
        if play_id is None or play_id in self._abandoned:
            return
        play = self._plays.get(play_id)
        if kind == "ready" and not play:
            self._news[play_id] = event
            while len(self._news) > _NEWS_KEPT:
                del self._news[next(iter(self._news))]
            if not self._client._watching:
                play = self._adopt(play_id, event)
        if play and kind in _TERMINAL:
            self._on_end(play, event)
            return
        is_again = kind == "ready" and play is not None and play.is_ready
        if play and kind == "ready":
            self._set_current(play, event)
        elif play:
            self._on_news(play, event)
        self._say({**event, "type": "replayed"} if is_again else event)

    def _on_news(self, play: Play, event: Event) -> None:
        kind = event["type"]
        play._learn(event)
        if kind in ("paused", "resumed"):
            play.paused = kind == "paused"
            self._set_paused(play.paused)
        elif kind == "seeked":
            self._queue.jump(play.play_id)
            if self._queue.playing(play.play_id) is None:
                play._start = event["position"]
        elif kind == "volume":
            self.volume = event["level"]

    def _on_end(self, play: Play, event: Event) -> None:
        if event.get("reason") == "shutdown" or event.get("code") == "shutting_down":
            return  # it goes on with the next daemon
        if event["type"] == "finished":
            self._unheard[play.play_id] = event
            if self.current is play:
                self.current = None
            self._wait_heard(play.play_id)
            return
        if self.paused and self.current is play:
            self._queue.drop(play.play_id)
        self._forget(play, event)
        self._say(event)

    # ---- another connection, or another daemon

    def _reconcile(self, session: Event | None, is_same: bool) -> int:
        """Brings the plays of this channel and the daemon's together. Returns how many were given to it anew."""
        listed: dict[str, Event] = {}
        self._held_back = []  # they are among those that the daemon does not list
        if session:
            listed[session["play_id"]] = session
            for place in ("pending", "next"):
                if place in session:
                    listed[session[place]["play_id"]] = session[place]
        for play_id, entry in listed.items():
            self._meet(play_id, entry, is_heard=entry is session and entry["state"] != "extracting",
                       is_next=session is not None and entry is session.get("next"))
        lost = [play for play in self._plays.values() if play.play_id not in listed]
        if not is_same and self.volume != 1.0:
            self._client._send({"type": "volume", "channel_id": str(self.channel_id), "level": self.volume, "keep": True})
        self._abandoned.intersection_update(listed)
        if is_same:
            lost = [play for play in lost if not self._has_ended(play, listed)]
        return self._give_all_again([play for play in lost if play.play_id not in self._unheard], is_same)

    def _give_all_again(self, plays: list[Play], is_same: bool) -> int:
        if not is_same:
            self._recovering = self.current if self.current in plays else None
        self._held_back = [play for play in plays if self._recovering and play is not self._recovering]
        for play in plays:
            if play not in self._held_back:
                self._give_again(play)
        return len(plays)

    def _recovered(self, play: Play) -> None:
        """It is heard again, or has ended: what was held back may take its place."""
        if play is not self._recovering:
            return
        held, self._recovering, self._held_back = self._held_back, None, []
        for other in held:
            if other.play_id in self._plays:
                self._give_again(other)

    def _has_ended(self, play: Play, listed: dict[str, Event]) -> bool:
        """Whether the daemon, which does not list it, had it: its end was said to nobody."""
        order = list(self._plays)
        later = [other for other in order[order.index(play.play_id) + 1:] if other in listed]
        was_replaced = any(play._next or not self._plays[other]._next for other in later)
        if not (play._known or was_replaced):
            return False  # it never got it
        finished = self._queue.has_ended(play.play_id)
        event: Event = {"type": "finished" if finished else "stopped", "channel_id": str(self.channel_id),
                        "play_id": play.play_id, "position": play.position}
        self._on_end(play, event if finished else {**event, "reason": "replaced" if was_replaced else "stop"})
        return True

    def _meet(self, play_id: str, entry: Event, is_heard: bool, is_next: bool) -> None:
        if play_id in self._abandoned:
            self._client._send({"type": "stop", "channel_id": str(self.channel_id), "play_id": play_id})
            return
        play = self._plays.get(play_id) or self._adopt(play_id, entry)
        play._learn(entry)
        play._next = is_next
        if is_heard:
            play.paused = entry["state"] == "paused"
            self.volume = entry["volume"]
            self._set_current(play, {**entry, "position": play._start if play.is_ready else entry["position"]})
            for command in self._client._commands.plays():
                if command.message["play_id"] == play_id and not command.future.done():
                    command.future.set_result({**entry, "type": "ready"})

    def _give_again(self, play: Play) -> None:
        coming = self._queue.coming(play.play_id)
        self._queue.begin_again(play.play_id)
        message = play._message(play._start if coming is None else coming)
        for command in self._client._commands.plays():
            if command.message["play_id"] == play.play_id:
                message["tag"] = command.message["tag"]
        self._client._send(message)

    def _close(self, error: TuttiError) -> None:
        for play in list(self._plays.values()):
            self._forget(play, {"type": "error", "code": error.code, "message": error.message})
