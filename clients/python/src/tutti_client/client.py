"""The connection of a bot to the daemon: control, reconnection, and a player for each channel."""
from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable
from typing import Any, Literal, Self

from ._audio import AudioLink
from ._commands import Command, Commands, Event
from ._emitter import Emitter
from ._frames import FrameQueue
from ._paths import check_owner, find_sockets
from .errors import TuttiError
from .player import Player

_LINE_MAX = 64 * 1024 * 1024  # the daemon's status of thousands of sessions is one line
_CONNECT_SECONDS = 10.0


class TuttiClient(Emitter):
    """One client of the daemon. Use it in one event loop, and close it in the end.

    Events: those of the daemon by their type, for all channels; `connected`, `disconnected`, `reconnected`
    (with `replayed`, how many plays another daemon was given), `replaced` (another process has this client's id).
    """

    def __init__(self, *, runtime_dir: str | None = None, control: str | None = None, audio: str | None = None,
                 client_id: str | None = None, window: int = 10, timeout: float = 30.0, min_delay: float = 0.1,
                 max_delay: float = 10.0) -> None:
        """`client_id`: of an earlier process, whose plays are taken over. `window`: how many frames of 20 ms
        may wait here. `timeout`: seconds for the answer to a command. `min_delay`, `max_delay`: seconds between
        attempts to connect."""
        super().__init__()
        self._sockets = find_sockets(runtime_dir, control, audio)
        self.id: str | None = client_id
        self.server = ""
        self._window = window
        self._timeout = timeout
        self._delays = (min_delay, max_delay)
        self._players: dict[int, Player] = {}
        self._queues: dict[int, FrameQueue] = {}
        self._commands = Commands()
        self._audio: AudioLink | None = None
        self._audio_over = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._up = asyncio.Event()
        self._was_up = False
        self._watching = False
        self._end: TuttiError | None = None  # why there is no connection and will be none
        self._runner: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._play_prefix = os.urandom(6).hex()
        self._play_number = 0

    # ---- using it

    async def connect(self, *, retry: bool = False) -> Self:
        """Connects, and stays so: what is lost is connected again until close(). With `retry`, waits for a daemon
        that does not run yet; without, raises `no_daemon`."""
        if self._end:
            raise self._end
        self._loop = asyncio.get_running_loop()
        if not self._runner:
            self._runner = asyncio.create_task(self._run(retry), name="tutti-client")
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait({up, self._runner}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if not self._up.is_set():
            runner, self._runner = self._runner, None
            await runner
            error, self._end = self._end, None
            raise error or TuttiError("no_daemon", "the connection was lost at once")
        return self

    async def close(self) -> None:
        """Ends the connection. The daemon keeps the plays for its grace time, for a client that comes back with
        this one's id."""
        if not self._end:
            self._end = TuttiError("closed", "the client was closed")
        self._commands.close(self._end)
        for player in self._players.values():
            player._close(self._end)
        if self._runner:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        self._drop_control()
        await self._end_audio()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def players(self) -> list[Player]:
        return list(self._players.values())

    def player(self, channel_id: int | str) -> Player:
        """The player of a channel, which is made when it is first asked for."""
        channel = int(channel_id)
        if not 0 < channel < 2 ** 64:
            raise ValueError(f"a channel is a number from 1 to 2^64-1, not {channel_id}")
        player = self._players.get(channel)
        if not player:
            player = self._players[channel] = Player(self, channel, self._window)
            self._queues[channel] = player._queue
            if self._audio:
                player._queue.attached()
        return player

    async def status(self, channel_id: int | str | None = None) -> list[Event]:
        """What plays, as in `status` of the protocol."""
        one = {} if channel_id is None else {"channel_id": str(int(channel_id))}
        sessions: list[Event] = (await self._ask({"type": "status", **one}))["sessions"]
        return sessions

    async def stats(self) -> Event:
        return await self._ask({"type": "stats"})

    async def watch(self, on: bool = True) -> None:
        """Asks for the events of all clients' channels as well."""
        await self._ask({"type": "watch", "on": on})
        self._watching = on

    # ---- for the players

    def _issue(self, message: Event, *, held: bool = False) -> Command:
        """Sends a command now, or when there is a connection; one that is held its player sends."""
        if self._end or not self._loop:
            raise self._end or TuttiError("disconnected", "call connect() first")
        return self._commands.issue(message, held)

    async def _ask(self, message: Event) -> Event:
        return await self._answer(self._issue(message))

    async def _answer(self, command: Command, timeout: float | None = None) -> Event:
        """Waits for the answer. An `error` is raised, and so is one that waits too long."""
        try:
            event = await asyncio.wait_for(command.future, self._timeout if timeout is None else timeout)
        except asyncio.TimeoutError:
            raise TuttiError("timeout", f"no answer to {command.message['type']}") from None
        if event["type"] == "error":
            raise error_of(event)
        return event

    def _grant(self, channel: int, frames: int) -> None:
        """Any thread."""
        audio = self._audio
        if audio:
            audio.grant(channel, frames)

    def _new_play_id(self) -> str:
        self._play_number += 1
        return f"{self._play_prefix}-{self._play_number}"

    def _soon(self, function: Callable[..., None], *arguments: Any) -> None:
        """Any thread: calls it in the event loop."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _send(self, message: Event) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    # ---- the connection

    async def _run(self, retry: bool) -> None:
        least, most = self._delays
        delay = least
        while not self._end:
            try:
                await self._connect_and_serve()
                delay = least
            except (OSError, ValueError, EOFError, asyncio.TimeoutError, TuttiError) as error:
                if not self._was_up and not retry:
                    self._end = error if isinstance(error, TuttiError) else TuttiError(
                        "no_daemon", f"no daemon answers at {self._sockets.control}: {error}")
                if self._was_up and self._up.is_set():
                    delay = least
            finally:
                self._down()
            if not self._end:
                await asyncio.sleep(delay * (0.5 + random.random() / 2))
                delay = min(most, 2 * delay)

    async def _connect_and_serve(self) -> None:
        if self._sockets.in_tmp:
            check_owner(self._sockets.in_tmp)
        reader, writer = await asyncio.wait_for(
            asyncio.open_unix_connection(self._sockets.control, limit=_LINE_MAX), _CONNECT_SECONDS)
        self._writer = writer
        hello = await asyncio.wait_for(self._greet(reader), _CONNECT_SECONDS)
        is_same = hello["client"] == self.id
        if not is_same:
            await self._end_audio()  # all that the last daemon sent is in the queues now
        self.id, self.server = hello["client"], hello["server"]
        if not self._audio:
            await self._open_audio()
        self._begin(hello["sessions"], is_same)
        while line := await reader.readline():
            self._on_event(json.loads(line))

    async def _greet(self, reader: asyncio.StreamReader) -> Event:
        hello = await self._read(reader)
        if hello.get("type") != "hello" or hello.get("protocol") != 1:
            raise TuttiError("no_daemon", f"what listens at {self._sockets.control} is no daemon of protocol 1")
        if self.id:
            self._send({"type": "hello", "client": self.id})
            hello = await self._read(reader)
        return hello

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Event:
        line = await reader.readline()
        if not line:
            raise EOFError("the daemon closed the connection")
        event: Event = json.loads(line)
        return event

    def _begin(self, sessions: list[Event], is_same: bool) -> None:
        for session in sessions:
            self.player(session["channel_id"])
        if self._watching:
            self._send({"type": "watch", "on": True})
        listed = {int(session["channel_id"]): session for session in sessions}
        replayed = sum(player._reconcile(listed.get(channel), is_same) for channel, player in self._players.items())
        self._commands.up(self._send)
        name: Literal["connected", "reconnected"] = "reconnected" if self._was_up else "connected"
        self._was_up = True
        self._up.set()
        self._emit(name, {"type": name, "client": self.id, "replayed": replayed})

    def _down(self) -> None:
        was_up = self._up.is_set()
        self._up.clear()
        self._commands.down()
        self._drop_control()
        if self._end:
            self._commands.close(self._end)
            for player in self._players.values():
                player._close(self._end)
        if was_up:
            self._emit("disconnected", {"type": "disconnected"})

    def _drop_control(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    # ---- the audio connection

    async def _open_audio(self) -> None:
        assert self.id
        client_id = self.id
        self._audio_over = asyncio.Event()
        link = await asyncio.to_thread(AudioLink, self._sockets.audio, client_id, self._queues,
                                       lambda over: self._soon(self._on_audio_over, over))
        self._audio = link
        link.start()

    def _on_audio_over(self, link: AudioLink) -> None:
        if link is not self._audio:
            return
        self._audio = None
        self._audio_over.set()
        if self._up.is_set():  # alone: everything is taken up again over a new connection
            self._drop_control()

    async def _end_audio(self) -> None:
        if self._audio:
            self._audio.close()
            await self._audio_over.wait()

    # ---- events

    def _on_event(self, event: Event) -> None:
        if event["type"] == "error" and event["code"] == "client_replaced":
            self._end = error_of(event)
            self._emit("replaced", event)
            return
        self._commands.answer(event)
        channel = event.get("channel_id")
        if channel is None:
            return
        player = self._players.get(int(channel))
        if player:
            player._on_event(event)
        else:
            self._emit(event["type"], event)


def error_of(event: Event) -> TuttiError:
    channel = event.get("channel_id")
    return TuttiError(event["code"], event["message"], channel_id=int(channel) if channel else None,
                      play_id=event.get("play_id"))
