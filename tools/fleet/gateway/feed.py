"""The link session of a board that is fed through the gateway."""

import asyncio
import logging
from collections.abc import Callable

from ...serial.session import LinkError, new_session
from ..logs import event
from ..stream.records import SessionRecords

_AGAIN_S = 10.0

log = logging.getLogger(__name__)


class Feed:
    """`records` is what the gRPC service serves, for as long as the gateway runs.

    write: sends frames with these contents to the board.
    When the session cannot go on, because another program has begun to feed the board, or the board
    takes no records, that is logged, and streams end; 10 s later a new one says hello.
    """

    def __init__(self, board: str, write: Callable[[list[bytes]], None]) -> None:
        self._board = board
        self._link_write = write
        self._on = True  # the board is talked to
        self.records = SessionRecords(new_session(held=True), self._write)

    def receive(self, content: bytes) -> None:
        """A frame has come from the board."""
        if not self._on:
            return
        try:
            self.records.receive(content)
        except LinkError as error:
            self._on = False
            event(log, logging.WARNING, "feed_lost", board=self._board, reason=error)
            self.records.begin(new_session(held=True))
            asyncio.get_running_loop().call_later(_AGAIN_S, self._go_on)

    def restarted(self) -> None:
        """The board's program has started anew."""
        if self._on:
            self.records.restarted()

    async def run(self) -> None:
        """Does what is due, for ever."""
        while True:
            deadline = self.records.deadline if self._on else float("inf")
            try:
                async with asyncio.timeout_at(deadline):
                    await self.records.changed()
            except TimeoutError:
                self.records.poll()

    def _go_on(self) -> None:
        self._on = True
        self.records.poll()

    def _write(self, contents: list[bytes]) -> None:
        if self._on:
            self._link_write(contents)
