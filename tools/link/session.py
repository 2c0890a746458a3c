"""The host's end of the link: what to send to a board, and what has arrived there.

Nothing here waits or reads a clock: each method that needs the time is given it, in seconds of one
monotonic clock. docs/link.md is the protocol.
"""

import random
from collections import deque
from dataclasses import dataclass
from itertools import islice

from google.protobuf.message import DecodeError

from tools.link.ack_pb2 import AckRequest
from tools.link.frames import obeyed_by_a_repl
from tools.link.settings import ANSWERS

HELLO = 0x81
RECORD = 0x82
WELCOME = 0x91
ACK = 0x92
DELIVERED = 0x93

SEQ_PERIOD = 1 << 24
RECORD_MAX = 243
"""Bytes of a record that fit into a frame DELIVERED."""

RETRY_S = 0.5
"""After so long without a sign of progress the host says hello again."""


class LinkError(Exception):
    """The board says something that no feed can go on after."""


@dataclass(slots=True)
class Record:
    """A record that was sent, and what became of it."""

    seq: int
    payload: bytes
    sent_at: float
    """When it was sent first."""
    acked_at: float | None = None
    """When the board acknowledged it; None: not yet."""
    delivered_at: float | None = None
    """When it came back from the board's sink; None: not yet."""
    tick: int | None = None
    """The board's tick of its grant, 0 .. 2^30-1, if it came back."""
    boot: int = 0
    """How often the board had been reset when it came back."""


class Session:
    """One feed to one board: credit, sequence, and going back to what the board expects.

    session: 1 .. 2^24-1, a number that no other feed has.  base: the first record's sequence
    number, 0 .. 2^24-1.
    """

    def __init__(self, session: int, base: int) -> None:
        self.record_size = 0
        """Bytes that a record may have, up to 243; 0 until the board has answered."""
        self.ticks_per_s = 0
        """The board's ticks in a second; 0 until the board has answered."""
        self.sent = 0
        """Records sent, each counted once."""
        self.sent_again = 0
        self.delivered = 0
        """Records that came back from the board's sink, each counted once."""
        self.delivered_again = 0
        self.out_of_order = 0
        """Records that came back after one that was sent later, with no reset in between."""
        self.strange = 0
        """Whole frames that make no sense, or came back changed."""
        self.resets = 0
        self._session = session
        self._left_session = 0  # the one before, should it have been given up
        self._first = base  # the sequence number of the oldest record under way
        self._records: deque[Record] = deque()
        self._on_line = 0  # how many of the records, from the oldest, the board was sent
        self._credit = 0  # how many records may be under way
        self._greeting = True  # no record is sent until the board has answered
        self._hello_at = 0.0
        self._went_back_to: int | None = None
        self._last_back: int | None = None  # the record that came back last

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self.record_size > 0

    @property
    def under_way(self) -> deque[Record]:
        """The records sent and not acknowledged, oldest first."""
        return self._records

    @property
    def room(self) -> int:
        """How many new records the board can take now."""
        if self._greeting or self._on_line < len(self._records):
            return 0
        return max(0, self._credit - len(self._records))

    @property
    def deadline(self) -> float:
        """When `poll` has to be called again at the latest."""
        idle = not self._records and self.room
        return float("inf") if idle else self._hello_at

    def send(self, payload: bytes, now: float) -> bytes:
        """The content of the frame for a new record of 1 to `record_size` bytes; needs `room`."""
        assert self.room and 1 <= len(payload) <= self.record_size
        if not self._records:
            self._hello_at = now + RETRY_S
        record = Record((self._first + len(self._records)) % SEQ_PERIOD, payload, now)
        self._records.append(record)
        self._on_line += 1
        self.sent += 1
        return _record_content(record)

    def poll(self, now: float) -> list[bytes]:
        """The contents of the frames that have to go out now, besides new records."""
        if now >= self.deadline:
            self._greeting = True
            self._credit = 0
            self._hello_at = now + RETRY_S
            return [_hello_content(self._session, self._first)]
        if self._greeting:
            return []
        stop = min(len(self._records), self._credit)
        again = [_record_content(r) for r in islice(self._records, self._on_line, stop)]
        self.sent_again += len(again)
        self._on_line += len(again)
        return again

    def restarted(self, now: float) -> None:
        """The board's program has started anew, so it knows nothing of this session."""
        if self.answered:
            self._count_reset()
        self._greeting = True
        self._hello_at = now

    def receive(self, content: bytes, now: float) -> list[Record]:
        """Takes in a frame from the board; the records that it acknowledges, oldest first.

        A record that came back from the sink did so before it is acknowledged, or never will.
        LinkError: the feed cannot go on.
        """
        kind, body = content[0], content[1:]
        if kind == WELCOME and len(body) == 10:
            self._take_welcome(body, now)
        elif kind == DELIVERED and len(body) > 7:
            self._take_delivered(body, now)
        elif kind == ACK:
            return self._take_ack(body, now)
        elif kind not in ANSWERS:  # those are another program's
            self.strange += 1
        return []

    def _take_welcome(self, body: bytes, now: float) -> None:
        session, expected = _from_u24(body, 0), _from_u24(body, 3)
        if session == self._session:
            self._agree(record_size=body[6], ticks_per_s=_from_u24(body, 7))
            self._go_back(expected, now)
        elif session and self.answered and session != self._left_session:
            raise LinkError("another program has begun to feed this board")
        elif session == 0 and not self._greeting:
            self.restarted(now)

    def _agree(self, record_size: int, ticks_per_s: int) -> None:
        if record_size == 0:
            raise LinkError("the board takes no records: its source is not the link")
        if ticks_per_s == 0:
            raise LinkError("the board says that its clock stands still")
        if self.answered and record_size < self.record_size:
            raise LinkError(
                f"the board came back with a record size of {record_size} bytes, "
                f"it was {self.record_size}"
            )
        self.record_size = min(record_size, RECORD_MAX)
        self.ticks_per_s = ticks_per_s

    def _go_back(self, expected: int, now: float) -> None:
        ahead = (expected - self._first) % SEQ_PERIOD
        if ahead > len(self._records):
            # It was reset while a hello was on its way, and what that began at is acknowledged.
            self._left_session = self._session
            self._session = self._session % (SEQ_PERIOD - 1) + 1
            self.restarted(now)
            return
        if self._greeting and self._is_past(expected):
            self._count_reset()
        # The board may say it twice, and has the records by the time that the second word comes.
        if self._greeting or expected != self._went_back_to:
            self._greeting = False
            self._on_line = ahead
            self._went_back_to = expected
        self._hello_at = now + RETRY_S

    def _take_ack(self, body: bytes, now: float) -> list[Record]:
        try:
            ack = AckRequest.FromString(body)
        except DecodeError:
            self.strange += 1
            return []
        if not self.answered:
            return []  # an earlier session's
        done = (ack.processed_count - self._first) % SEQ_PERIOD
        if done > len(self._records) or ack.available_capacity < 0:
            self.strange += 1
            return []
        self._hello_at = now + RETRY_S
        self._credit = ack.available_capacity
        self._first = ack.processed_count % SEQ_PERIOD
        self._on_line = max(0, self._on_line - done)
        records = [self._records.popleft() for _ in range(done)]
        for record in records:
            record.acked_at = now
        return records

    def _take_delivered(self, body: bytes, now: float) -> None:
        seq, tick, payload = _from_u24(body, 0), int.from_bytes(body[3:7], "little"), body[7:]
        place = (seq - self._first) % SEQ_PERIOD
        if place >= len(self._records):
            return  # an earlier session's, still in the board's queue
        record = self._records[place]
        if payload != record.payload:
            self.strange += 1
        elif record.tick is not None:
            self.delivered_again += 1
        else:
            record.tick, record.delivered_at, record.boot = tick, now, self.resets
            self._hello_at = now + RETRY_S
            self.delivered += 1
            if self._is_past(seq):
                self.out_of_order += 1
            else:
                self._last_back = seq

    def _is_past(self, seq: int) -> bool:
        """Whether this record or a later one has come back since the board's last reset."""
        last = self._last_back
        return last is not None and (last - seq) % SEQ_PERIOD < SEQ_PERIOD // 2

    def _count_reset(self) -> None:
        self.resets += 1
        self._last_back = None


def new_session() -> Session:
    """A session with numbers drawn by chance.

    Its first hello holds no control character that a REPL obeys: it may be one that hears it, when
    no Sluice runs on the board.
    """
    while True:
        session, base = random.randrange(1, SEQ_PERIOD), random.randrange(SEQ_PERIOD)
        if not obeyed_by_a_repl(_hello_content(session, base)):
            return Session(session, base)


def _hello_content(session: int, base: int) -> bytes:
    return bytes([HELLO]) + _u24(session) + _u24(base)


def _record_content(record: Record) -> bytes:
    return bytes([RECORD]) + _u24(record.seq) + record.payload


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _from_u24(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")
