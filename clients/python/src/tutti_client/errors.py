"""What can go wrong, as one exception with a code."""
from __future__ import annotations


class TuttiError(Exception):
    """A refusal of the daemon, or the lack of one.

    `code` is the daemon's (`not_found`, `forbidden_url`, …, see docs/protocol.md) or one of this package's:
    `no_daemon`, `disconnected`, `closed`, `timeout`, `stopped`.
    """

    def __init__(self, code: str, message: str, *, channel_id: int | None = None, play_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.channel_id = channel_id
        self.play_id = play_id
