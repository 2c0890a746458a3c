"""The host's end of the link: what to send to a board, and what has arrived there.

Nothing here waits or reads a clock: each method that needs the time is given it, in seconds of one
monotonic clock. docs/link.md is the protocol.
"""

import random
from collections import Counter, deque
from dataclasses import dataclass
from itertools import islice

from google.protobuf.message import DecodeError

from .ack_pb2 import AckRequest
from .frames import obeyed_by_a_repl
from .roundtrip import RoundTrip
from .settings import ANSWERS

VERSION = 0x20

HELLO = 0x81
RECORD = 0x82
TAKEN = 0x84
PING = 0x87
WELCOME = 0x91
ACK = 0x92
DELIVERED = 0x93
PONG = 0x97

SEQ_PERIOD = 1 << 24
RECORD_MAX = 243
"""Bytes of a record that fit into a frame DELIVERED."""

GREET_S = 0.5
"""How often it says hello to a board that has never answered."""

PING_S = 1.0
"""How often the round trip is measured while records are under way."""

RTT_LIMIT_MS = 500
"""A longer round trip means a line that is backed up: the window is halved."""

_FIRST_HELLO = 0x20
_MISSING_MAX = 255
_LOSSY_WINDOW = 16  # what a line that loses frames lets be under way at the least
_TAKEN_EVERY = 8  # deliveries, or this much time after the first, between two TAKEN
_TAKEN_WITHIN_S = 0.005
_TICK_PERIOD = 1 << 30


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
    """When it came back from the board's sink; None: it did not."""
    tick: int | None = None
    """The board's tick of its grant, 0 .. 2^30-1, if it came back."""
    boot: int = 0
    """How often the board had been reset when it came back."""
    changed: bytes | None = None
    """What came back in its place."""
    taken: bool = False
    """Nothing more of it is expected from the sink: it came back, or was given up."""


class Session:
    """One feed to one board: credit, sequence, and sending again what was lost either way.

    session: 1 .. 2^24-1, a number that no other feed has.  base: the first record's sequence
    number, 0 .. 2^24-1.  held: a delivery is confirmed to the board when `confirm` says that it
    is done with, not when it arrives. The board keeps those that are not, and stops when it has no
    room for another.
    """

    def __init__(self, session: int, base: int, held: bool = False) -> None:
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
        """Records that the board granted before one that was sent earlier."""
        self.refused: Counter[str] = Counter()
        """Whole frames that were not taken, by the reason: an unknown "type" or "version", a wrong
        "length" or "content", or a record that came back "changed"."""
        self.resets = 0
        self.round_trip = RoundTrip()
        self.base = base
        """The sequence number of the first record."""
        self.number = session
        """The number that it was made with."""
        self._session = session
        self._held = held
        self._confirmed = 0  # how many of the records, from the oldest, are done with, if held
        self._left_session = 0  # the one before, should it have been given up
        self._first = base  # the sequence number of the oldest record under way
        self._records: deque[Record] = deque()
        self._on_line = 0  # how many of the records, from the oldest, the board was sent
        self._credit = 0  # how many records may be under way, as the board says
        self._window = 0  # and as the round trip lets them be; 0: not limited
        self._used_all = False  # as many were under way as may be
        self._halved_until = 0.0
        self._ping = 0  # the number of the last ping
        self._pinged_at: float | None = None  # None: it was answered
        self._ping_at = 0.0
        self._greeting = True  # no record is sent until the board has answered
        self._greeted = False  # it has said hello
        self._hello = _FIRST_HELLO  # the number of the last hello
        self._hello_first = base  # the oldest record under way when it was sent
        self._hello_sent_at: float | None = None  # None: it was answered
        self._hello_at = 0.0  # when to say hello
        self._went_back_to: int | None = None
        self._went_back_at = 0.0
        self._taken = 0  # how many of the records, from the oldest, are taken
        self._told = 0  # how many of them the board was told
        self._tell_at = float("inf")  # when to tell it the next
        self._last_back: int | None = None  # the newest record that came back
        self._asked_for: int | None = None  # the missing delivery that was asked for last
        self._asked_at = 0.0
        self._last_granted: Record | None = None

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self.record_size > 0

    @property
    def under_way(self) -> deque[Record]:
        """The records sent and not acknowledged, oldest first."""
        return self._records

    @property
    def next_seq(self) -> int:
        """The sequence number of the next new record."""
        return (self._first + len(self._records)) % SEQ_PERIOD

    @property
    def taken_seq(self) -> int:
        """The sequence number of the oldest record whose delivery is not taken."""
        return (self._first + self._taken) % SEQ_PERIOD

    @property
    def first_seq(self) -> int:
        """The sequence number of the oldest record that is not acknowledged."""
        return self._first

    @property
    def room(self) -> int:
        """How many new records the board can take now."""
        if self._greeting or self._on_line < len(self._records):
            return 0
        return max(0, self._allowed - len(self._records))

    @property
    def deadline(self) -> float:
        """When `poll` has to be called again at the latest."""
        if not self._records and self.room:
            return float("inf")
        if self._greeting:
            return self._hello_at
        ping_at = self._ping_at if self._records else float("inf")
        return min(self._hello_at, self._tell_at, self._ask_at, ping_at)

    def send(self, payload: bytes, now: float) -> bytes:
        """The content of the frame for a new record of 1 to `record_size` bytes; needs `room`."""
        assert self.room and 1 <= len(payload) <= self.record_size
        if not self._records:
            self._wait_for_board(now)
        record = Record(self.next_seq, payload, now)
        self._records.append(record)
        self._on_line += 1
        self.sent += 1
        self._used_all |= not self.room
        return _record_content(record)

    def record(self, seq: int) -> Record | None:
        """The record under way with this sequence number; None: there is none."""
        place = distance(seq, self._first)
        return self._records[place] if 0 <= place < len(self._records) else None

    def confirm(self, seq: int, now: float) -> None:
        """All deliveries before this sequence number are done with. They have all arrived."""
        self._confirmed = max(self._confirmed, distance(seq, self._first))
        self._count_taken(now)

    def poll(self, now: float) -> list[bytes]:
        """The contents of the frames that have to go out now, besides new records."""
        if now >= self._hello_at and (self._records or not self.room):
            return [self._say_hello(now)]
        if self._greeting:
            return []
        contents = self._taken_contents(now) + self._ping_contents(now)
        stop = min(len(self._records), self._allowed)
        again = [_record_content(r) for r in islice(self._records, self._on_line, stop)]
        self.sent_again += len(again)
        self._on_line += len(again)
        return contents + again

    def restarted(self, now: float) -> None:
        """The board's program has started anew, so it knows nothing of this session."""
        if self.answered:
            self._count_reset()
        self._greeting = True
        self.round_trip.progress()
        self._hello_at = now

    def receive(self, content: bytes, now: float) -> list[Record]:
        """Takes in a frame from the board; the records that it acknowledges, oldest first.

        A record that came back from the sink did so before it is acknowledged, or never will.
        LinkError: the feed cannot go on.
        """
        kind, body = content[0], content[1:]
        if kind == WELCOME:
            self._take_welcome(body, now)
        elif kind == DELIVERED:
            self._take_delivered(body, now)
        elif kind == PONG:
            self._take_pong(body, now)
        elif kind == ACK:
            return self._take_ack(body, now)
        elif kind not in ANSWERS:  # those are another program's
            self.refused["type"] += 1
        return []

    @property
    def _allowed(self) -> int:
        return min(self._credit, self._window) if self._window else self._credit

    def _wait_for_board(self, now: float) -> None:
        """The board is heard of within the timeout, or it is asked."""
        self._hello_at = now + self.round_trip.timeout_s

    def _progress(self, now: float) -> None:
        self.round_trip.progress()
        self._wait_for_board(now)

    def _say_hello(self, now: float) -> bytes:
        self._greeting = True
        self._hello_first = self._first
        if self.answered:
            self._hello = self._hello + 1 if self._hello < 255 else _FIRST_HELLO
            self._hello_sent_at = now
            self.round_trip.back_off()
            self._wait_for_board(now)
        else:  # it stays the same, so its answer measures nothing when it was sent again
            self._hello_sent_at = None if self._greeted else now
            self._greeted = True
            self._hello_at = now + GREET_S
        self._told = self._taken
        self._tell_at = float("inf")
        return _hello_content(self._hello, self._session, self._first, self.taken_seq)

    def _take_welcome(self, body: bytes, now: float) -> None:
        if not self.answered and body and body[0] != VERSION:
            raise LinkError(
                f"the board speaks version {body[0]:x} of the link, this sluice version "
                f"{VERSION:x}: flash the board with this sluice"
            )
        if len(body) != 12 or body[0] != VERSION:
            self.refused["length" if body[:1] == bytes([VERSION]) else "version"] += 1
            return
        hello, session, expected = body[1], _from_u24(body, 2), _from_u24(body, 5)
        if session == self._session:
            if hello == self._hello:  # not a late answer to an earlier one
                self._agree(record_size=body[8], ticks_per_s=_from_u24(body, 9))
                self._stand_at(expected, now)
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

    def _stand_at(self, expected: int, now: float) -> None:
        """The board expects this record: the answer to a hello, or there was a gap."""
        if self._hello_sent_at is not None:
            self._measured(now - self._hello_sent_at, now)
            self._hello_sent_at = None
        ahead = distance(expected, self._first)
        if ahead < 0 and distance(expected, self._hello_first) >= 0:
            if self._greeting:
                self._hello_at = now
            return  # late: it was acknowledged meanwhile
        if not 0 <= ahead <= len(self._records):
            # It was reset while a hello was on its way, and what that began at is acknowledged.
            self._left_session = self._session
            self._session = self._session % (SEQ_PERIOD - 1) + 1
            self.restarted(now)
            return
        if self._greeting and self._is_past(expected):
            self._count_reset()
        # The board may say it twice, and has the records by the time that the second word comes.
        late = now < self._went_back_at + self.round_trip.spread_s
        if self._greeting or expected != self._went_back_to or not late:
            if not self._greeting:  # there was a gap
                self.round_trip.lossy = True
                if self._allowed > _LOSSY_WINDOW:
                    # All that is under way after it goes out again: the less, the better.
                    self._window = max(_LOSSY_WINDOW, self._allowed // 2)
            self._greeting = False
            self._on_line = ahead
            self._went_back_to, self._went_back_at = expected, now
        self._wait_for_board(now)

    def _take_ack(self, body: bytes, now: float) -> list[Record]:
        try:
            ack = AckRequest.FromString(body)
        except DecodeError:
            self.refused["content"] += 1
            return []
        if not self.answered:
            return []  # an earlier session's
        done = distance(ack.processed_count, self._first)
        if done > len(self._records) or ack.available_capacity < 0:
            self.refused["content"] += 1
            return []
        if done < 0:
            return []  # late
        if done or ack.available_capacity > self._credit:
            self._progress(now)
        self._credit = ack.available_capacity
        self._open_window()
        if not self._window:  # or it would measure how long a credit is left unused
            self._limit_window(ack.rtt_ms, now)
        self._first = ack.processed_count % SEQ_PERIOD
        self._on_line = max(0, self._on_line - done)
        self._taken = max(0, self._taken - done)
        self._told = max(0, self._told - done)
        self._confirmed = max(0, self._confirmed - done)
        records = [self._records.popleft() for _ in range(done)]
        for record in records:
            record.acked_at = now
            self._check_order(record)
        self._count_taken(now)
        return records

    def _measured(self, round_trip_s: float, now: float) -> None:
        self.round_trip.add(round_trip_s)
        self._limit_window(round_trip_s * 1000, now)

    def _limit_window(self, rtt_ms: float, now: float) -> None:
        """Halves the window for a line that is backed up, once in a round trip."""
        if rtt_ms > RTT_LIMIT_MS and self._used_all and now >= self._halved_until:
            self._window = max(1, self._allowed // 2)
            self._halved_until = now + rtt_ms / 1000
            self._used_all = False

    def _open_window(self) -> None:
        """A halved window grows by a record with each acknowledgement of a line that is quick."""
        if self._window and (self.round_trip.mean_s or 0) * 1000 <= RTT_LIMIT_MS:
            self._window = self._window + 1 if self._window < self._credit else 0

    def _ping_contents(self, now: float) -> list[bytes]:
        if now < self._ping_at or not self._records:
            return []
        self._ping = (self._ping + 1) % 256
        self._pinged_at = now
        self._ping_at = now + max(PING_S, self.round_trip.timeout_s)
        return [bytes([PING, self._ping])]

    def _take_pong(self, body: bytes, now: float) -> None:
        if len(body) != 1:
            self.refused["length"] += 1
        elif body[0] == self._ping and self._pinged_at is not None:
            self._measured(now - self._pinged_at, now)
            self._pinged_at = None

    def _take_delivered(self, body: bytes, now: float) -> None:
        if len(body) < 7:
            self.refused["length"] += 1
            return
        seq, tick, payload = _from_u24(body, 0), int.from_bytes(body[3:7], "little"), body[7:]
        place = distance(seq, self._first)
        if not 0 <= place < len(self._records):
            return  # late, or an earlier session's, still in the board's queue
        record = self._records[place]
        if payload and payload not in (record.payload, record.changed):
            # Damage that the checksum did not see, on the way here or to the board. In the second
            # case it comes again the same.
            self.refused["changed"] += 1
            record.changed = payload
            self._tell_at = now
            return
        if not self._is_past(seq):
            self._last_back = seq
        if record.taken:
            self.delivered_again += 1
            self._tell_at = now
            return
        record.taken = True
        self._progress(now)
        if payload == record.payload:
            record.tick, record.delivered_at, record.boot = tick, now, self.resets
            self.delivered += 1
        self._count_taken(now)

    def _count_taken(self, now: float) -> None:
        stop = len(self._records)
        if self._held:
            stop = min(stop, self._confirmed)
        while self._taken < stop and self._records[self._taken].taken:
            self._taken += 1
        if self._taken - self._told >= _TAKEN_EVERY:
            self._tell_at = now
        elif self._taken > self._told:
            self._tell_at = min(self._tell_at, now + _TAKEN_WITHIN_S)

    @property
    def _missing(self) -> int:
        """How many deliveries in a row are missing before one that came."""
        last = self._last_back
        if last is None or distance(last, self.taken_seq) <= 0:
            return 0
        missing = 0
        for record in islice(self._records, self._taken, None):
            if record.taken:
                break
            missing += 1
        return missing

    @property
    def _ask_at(self) -> float:
        """When to ask again for a delivery that was asked for and is missing still."""
        if self._greeting or self._asked_for != self.taken_seq:
            return float("inf")
        return self._asked_at + self.round_trip.spread_s

    def _taken_contents(self, now: float) -> list[bytes]:
        """What is to be said of the deliveries: those taken, and those that are missing."""
        missing = 0
        if self._asked_for != self.taken_seq or now >= self._ask_at:
            missing = min(self._missing, _MISSING_MAX)
            self._asked_for, self._asked_at = (self.taken_seq if missing else None), now
            self.round_trip.lossy |= missing > 0
        if now < self._tell_at and not missing:
            return []
        self._told = self._taken
        self._tell_at = float("inf")
        taken = _u24(self._session) + _u24(self.taken_seq)
        return [bytes([TAKEN]) + taken + bytes([missing])]

    def _is_past(self, seq: int) -> bool:
        """Whether this record or a later one has come back since the board's last reset."""
        return self._last_back is not None and distance(self._last_back, seq) >= 0

    def _check_order(self, record: Record) -> None:
        if record.tick is None:
            return
        last = self._last_granted
        if (
            last is not None
            and last.tick is not None
            and last.boot == record.boot
            and (record.tick - last.tick) % _TICK_PERIOD >= _TICK_PERIOD // 2
        ):
            self.out_of_order += 1
        self._last_granted = record

    def _count_reset(self) -> None:
        self.resets += 1
        self._last_back = None
        self._asked_for = None


def new_session(base: int | None = None, held: bool = False) -> Session:
    """A session with a number drawn by chance; base: of the first record, None: by chance, too.

    With a base by chance the hello that it says until the board answers holds no control character
    that a REPL obeys: it may be one that hears it, when no Sluice runs on the board.
    """
    while True:
        session = random.randrange(1, SEQ_PERIOD)
        first = random.randrange(SEQ_PERIOD) if base is None else base
        hello = _hello_content(_FIRST_HELLO, session, first, first)
        if base is not None or not obeyed_by_a_repl(hello):
            return Session(session, first, held)


def _hello_content(number: int, session: int, base: int, taken: int) -> bytes:
    return bytes([HELLO, VERSION, number]) + _u24(session) + _u24(base) + _u24(taken)


def _record_content(record: Record) -> bytes:
    return bytes([RECORD]) + _u24(record.seq) + record.payload


def distance(seq: int, before: int) -> int:
    """How far a sequence number is after another, -2^23 .. 2^23-1; below 0: it comes before it."""
    return (seq - before + SEQ_PERIOD // 2) % SEQ_PERIOD - SEQ_PERIOD // 2


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _from_u24(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")
