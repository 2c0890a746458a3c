"""Which records are under way to a board, how many may be, and which have to go out again.

Records are numbered from the first one's sequence number on, and these numbers do not wrap: record
`number` has the sequence number `number % SEQ_PERIOD` on the line.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice

SEQ_PERIOD = 1 << 24
"""Sequence numbers begin again at 0 after so many."""

RTT_LIMIT_MS = 500
"""A longer round trip means a line that is backed up: the window is halved."""

GIVEN_UP, SHED, OVERWRITTEN = 2, 4, 8

_CREDITS_KEPT = 64

LOSSY_MIN = 16
"""A line that loses frames does not bring the window below so many records."""


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
    returned: bool = False
    """The board has said what became of it: it came back, or ended without."""
    not_taken: int = 0
    """Why it ended without the sink: the bits GIVEN_UP, SHED and OVERWRITTEN that occurred in the
    run of records that it is one of; 0: it did not, as far as the board has said."""


class Window:
    """The records that were sent and are not acknowledged.

    Never more of them than the board's credit, and than a limit of the host's own: it is halved
    when the line is backed up or loses records, and opens by one with each acknowledgement of a
    line that is quick.
    """

    def __init__(self, base: int) -> None:
        """base: the sequence number of the first record."""
        self.first = base
        """The number of the oldest record under way; if there is none, of the next one."""
        self.records: deque[Record] = deque()
        """Those under way, oldest first."""
        self.credit = 0
        """How many may be under way, as the board says."""
        self.sent = 0
        """Records sent, each counted once."""
        self.sent_again = 0
        self._limit: int | None = None  # how many may be, as the line allows; None: not limited
        self._resend_from = base  # what is under way from this number on has to go out again
        self._used_up = False  # since the last halving as many were under way as may be
        self._halved_until = float("-inf")
        # Of credits that are not used up: the number that each does not allow any more, and when
        # it came. Of the last that were: when, and how long each had been left unused.
        self._credits: deque[tuple[int, float]] = deque()
        self._unused: deque[tuple[float, float]] = deque(maxlen=_CREDITS_KEPT)
        self._gap_at = base  # where the board had a gap last,
        self._gap_seen_at = float("-inf")  # and when it said so

    @property
    def next(self) -> int:
        """The number of the next new record."""
        return self.first + len(self.records)

    @property
    def allowed(self) -> int:
        """How many records may be under way."""
        return self.credit if self._limit is None else min(self.credit, self._limit)

    @property
    def limited(self) -> bool:
        """Whether the line allows less than the board."""
        return self._limit is not None

    @property
    def room(self) -> int:
        """How many new records can be sent; none before all that has to go out again has."""
        if self._resend_from < self.next:
            return 0
        return max(0, self.allowed - len(self.records))

    def number(self, seq: int) -> int:
        """The number with this sequence number that is nearest to the oldest under way."""
        return self.first + distance(seq, self.first)

    def record(self, number: int) -> Record | None:
        """The record under way with this number; None: it is none of them."""
        place = number - self.first
        return self.records[place] if 0 <= place < len(self.records) else None

    def add(self, payload: bytes, now: float) -> Record:
        """The new record with this payload, which is sent now. Needs `room`."""
        record = Record(self.next % SEQ_PERIOD, payload, now)
        self.records.append(record)
        self._resend_from = self.next
        self.sent += 1
        self._used_up |= not self.room
        while self._credits and self._credits[0][0] <= self.next:
            self._unused.append((now, now - self._credits.popleft()[1]))
        return record

    def acknowledge(self, until: int, credit: int, now: float) -> list[Record]:
        """The records before number `until`, which are done with, oldest first."""
        self.credit = credit
        while self._credits and self._credits[-1][0] > until + credit:
            self._credits.pop()  # it is taken back
        if not self._credits or self._credits[-1][0] < until + credit:
            self._credits.append((until + credit, now))
        records = [self.records.popleft() for _ in range(until - self.first)]
        self.first = until
        self._resend_from = max(self._resend_from, until)
        for record in records:
            record.acked_at = now
        return records

    def again(self) -> list[Record]:
        """The records that have to go out again, as far as they are allowed; they count as sent."""
        start, stop = self._resend_from - self.first, min(len(self.records), self.allowed)
        records = list(islice(self.records, start, stop))
        self._resend_from += len(records)
        self.sent_again += len(records)
        return records

    def go_back(self, number: int, now: float) -> None:
        """What is under way from this number on has to go out again: the board expects it."""
        self._resend_from = number
        self._gap_at, self._gap_seen_at = number, now

    def close_gap(self, number: int, now: float, spread_s: float) -> bool:
        """The board expects this number and was sent later ones: goes back, with half the window.
        False: it has just done so.

        The board may say it twice, and has the records by the time that the second word comes: the
        same gap within `spread_s` of going back is passed over.
        """
        if number == self._gap_at and now < self._gap_seen_at + spread_s:
            return False
        if self.allowed > LOSSY_MIN:
            # All that is under way after a gap goes out again: the less, the better.
            self._limit = max(LOSSY_MIN, self.allowed // 2)
        self.go_back(number, now)
        return True

    def unused_ms(self, rtt_ms: float, now: float) -> float:
        """How long, of a round trip that the board has measured from a credit to the last record
        that it allows, the host may have had nothing to send."""
        since = now - 2 * rtt_ms / 1000
        return 1000 * max((unused for at, unused in self._unused if at >= since), default=0)

    def slow_down(self, rtt_ms: float, now: float) -> None:
        """Halves the window, once in a round trip, if one this long says that the line is backed
        up. It does not when fewer records were under way than may be."""
        if rtt_ms > RTT_LIMIT_MS and self._used_up and now >= self._halved_until:
            self._limit = max(1, self.allowed // 2)
            self._halved_until = now + rtt_ms / 1000
            self._used_up = False

    def speed_up(self, mean_rtt_ms: float) -> None:
        """Opens a halved window by a record, if the line is quick."""
        if self._limit is not None and mean_rtt_ms <= RTT_LIMIT_MS:
            self._limit = self._limit + 1 if self._limit < self.credit else None


def distance(seq: int, before: int) -> int:
    """How far a sequence number is after another, -2^23 .. 2^23-1; below 0: it comes before it."""
    return (seq - before + SEQ_PERIOD // 2) % SEQ_PERIOD - SEQ_PERIOD // 2
