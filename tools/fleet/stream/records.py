"""A board's records as the gRPC service sees them: what a gateway has to offer of each board."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ...serial.session import Session, together


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a board's sink took; an empty payload: the board gave it up, or shed it."""

    payload: bytes
    tick: int


class BoardRecords(Protocol):
    """One board's records, both ways. Sequence numbers are the link's, modulo 2^24.

    session: another number when the sequence has begun anew, 1 .. 2^24-1.
    record_size: bytes that a record may have; 0 until the board has answered.
    """

    @property
    def session(self) -> int: ...
    @property
    def record_size(self) -> int: ...
    @property
    def acknowledged(self) -> int:
        """All before this one are done with."""
        ...

    @property
    def confirmed(self) -> int:
        """The consumer is done with all before this one."""
        ...

    @property
    def next(self) -> int:
        """The one that is to be sent to the board next."""
        ...

    @property
    def room(self) -> int:
        """How many the board can take now."""
        ...

    def send(self, payload: bytes) -> None:
        """Sends the board the next one, of 1 to `record_size` bytes; needs `room`."""
        ...

    def delivery(self, seq: int) -> Delivery | None:
        """What has come back of this one; None: it has not."""
        ...

    def confirm(self, seq: int) -> None:
        """The consumer is done with all before this one, which have all come back."""
        ...

    async def changed(self) -> None:
        """Returns when something may be another than it was when this was called.

        Also after each `confirm`.
        """
        ...


class SessionRecords:
    """A session that is `held`, as BoardRecords.

    write: sends frames with these contents to the board.
    The owner hands on what comes from the board by `receive`, and calls `poll` at `deadline`, which
    may be another one after each `changed`.
    """

    def __init__(
        self,
        session: Session,
        write: Callable[[list[bytes]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = session
        self._write = write
        self._clock = clock
        self._news = asyncio.Event()
        self._unsent: list[bytes] = []  # new records, which go out together
        self.session = session.number

    def begin(self, session: Session) -> None:
        """Goes on with another session: the sequence begins anew."""
        self._link = session
        self._unsent.clear()
        self.session = session.number
        self.poll()

    def receive(self, content: bytes) -> None:
        """Takes in a frame from the board. LinkError: the feed cannot go on."""
        self._link.receive(content, self._clock())
        self.poll()

    def restarted(self) -> None:
        """The board's program has started anew."""
        self._link.restarted(self._clock())
        self.poll()

    def poll(self) -> None:
        """Does what is due. LinkError: the feed cannot go on."""
        contents = together(self._link.poll(self._clock()) + self._unsent)
        self._unsent.clear()
        if contents:
            self._write(contents)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    @property
    def deadline(self) -> float:
        return float("-inf") if self._unsent else self._link.deadline

    @property
    def record_size(self) -> int:
        return self._link.record_size

    @property
    def acknowledged(self) -> int:
        return self._link.first_seq

    @property
    def confirmed(self) -> int:
        return self._link.confirmed_seq

    @property
    def next(self) -> int:
        return self._link.next_seq

    @property
    def room(self) -> int:
        return self._link.room

    def send(self, payload: bytes) -> None:
        self._unsent.append(self._link.send(payload, self._clock()))
        self._tell()

    def delivery(self, seq: int) -> Delivery | None:
        record = self._link.record(seq)
        if record is None or not record.returned:
            return None
        if record.tick is None:
            return Delivery(b"", 0)
        return Delivery(record.payload, record.tick)

    def confirm(self, seq: int) -> None:
        self._link.confirm(seq, self._clock())
        self._tell()

    async def changed(self) -> None:
        await self._news.wait()
