"""Commands that wait for their answer, over as many connections as it takes."""
from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .errors import TuttiError

Event = dict[str, Any]


class Command:
    def __init__(self, message: Event, future: "asyncio.Future[Event]") -> None:
        self.message = message
        self.future = future


class Commands:
    """Sent while there is a connection, and sent again over the next one until they are answered."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Command] = {}
        self._send: Callable[[Event], None] | None = None

    def issue(self, message: Event, held: bool) -> Command:
        tag = f"p{next(self._numbers)}"
        command = Command({**message, "tag": tag}, asyncio.get_running_loop().create_future())
        self._waiting[tag] = command
        command.future.add_done_callback(lambda _: self._waiting.pop(tag, None))
        if self._send and not held:
            self._send(command.message)
        return command

    def up(self, send: Callable[[Event], None]) -> None:
        """Commands go this way from now on. Plays are none of them: the players bring those back."""
        self._send = send
        for command in list(self._waiting.values()):
            if command.message["type"] != "play":
                send(command.message)

    def down(self) -> None:
        self._send = None

    def answer(self, event: Event) -> None:
        command = self._waiting.get(event.get("tag", ""))
        if command and not command.future.done():
            command.future.set_result(event)

    def plays(self) -> Iterator[Command]:
        return (command for command in list(self._waiting.values()) if command.message["type"] == "play")

    def close(self, error: TuttiError) -> None:
        for command in list(self._waiting.values()):
            if not command.future.done():
                command.future.set_exception(error)
                command.future.exception()  # the caller gets it; one that was cancelled is no bug
