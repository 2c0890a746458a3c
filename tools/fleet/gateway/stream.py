"""The link session of a board that is fed through the gateway."""

import logging
from collections.abc import Callable

from ...serial.session import LinkError, new_session
from ..logs import event
from ..stream.records import SessionRecords

AGAIN_S = 10.0
"""After so long a board that was lost to another program is asked again."""

log = logging.getLogger(__name__)


class BoardStream:
    """`records` is what the gRPC service serves, for as long as the gateway runs.

    write: sends frames with these contents to the board.  clock: the time now, in seconds.
    The owner hands on what comes from the board, and calls `poll` at `deadline`, which may be
    another one after each `records.changed`.
    When the session cannot go on, because another program has begun to feed the board, or the board
    takes no records, that is logged, and streams end; AGAIN_S later a new one says hello.
    """

    def __init__(
        self, board: str, write: Callable[[list[bytes]], None], clock: Callable[[], float]
    ) -> None:
        self._board = board
        self._link_write = write
        self._now = clock
        self._paused_until = float("-inf")  # until then the board is not talked to
        self.records = SessionRecords(new_session(held=True), self._write, clock)

    @property
    def deadline(self) -> float:
        """When `poll` has to be called again at the latest."""
        return max(self.records.deadline, self._paused_until)

    def receive(self, content: bytes) -> None:
        """A frame has come from the board."""
        if self._paused:
            return
        try:
            self.records.receive(content)
        except LinkError as error:
            self._lose(error)

    def restarted(self) -> None:
        """The board's program has started anew."""
        if not self._paused:
            self.records.restarted()

    def poll(self) -> None:
        """Does what is due."""
        if self._paused:
            return
        try:
            self.records.poll()
        except LinkError as error:
            self._lose(error)

    def _lose(self, error: LinkError) -> None:
        self._paused_until = self._now() + AGAIN_S
        event(log, logging.WARNING, "feed_lost", board=self._board, reason=error)
        self.records.begin(new_session(held=True))

    @property
    def _paused(self) -> bool:
        return self._now() < self._paused_until

    def _write(self, contents: list[bytes]) -> None:
        if not self._paused:
            self._link_write(contents)
