"""Events for those who asked for them."""
from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ._commands import Event

Handler = Callable[[Event], Any]


class Emitter:
    """`on(name, handler)`: handlers are functions or coroutine functions of one event, a dict as the daemon says it."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        self._tasks: set[asyncio.Future[Any]] = set()

    def on(self, name: str, handler: Handler) -> Callable[[], None]:
        """Calls `handler` for each event of that name; returns a function that ends this."""
        self._handlers[name].append(handler)
        return lambda: self._handlers[name].remove(handler) if handler in self._handlers[name] else None

    def _emit(self, name: str, event: Event) -> None:
        for handler in list(self._handlers[name]):
            try:
                result = handler(event)
                if inspect.isawaitable(result):
                    task = asyncio.ensure_future(result)
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            except Exception as error:  # a bot's mistake must not end the connection
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a handler of {name!r} failed", "exception": error})
