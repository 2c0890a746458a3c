"""What has come back from a board's sink, and what the board is told of it.

Numbers are those of `window.Window`.
"""

from collections import Counter
from enum import Enum, auto
from itertools import islice

from .window import Record, Window

REPORT_EVERY = 8
"""The board is told of so many deliveries together, or of a quarter of its credit if that is less:
reading such a word takes it as long as a record,"""

REPORT_WITHIN_S = 0.05
"""or so long after the first of them."""

_MISSING_MAX = 255  # what the frame can say
TICK_PERIOD = 1 << 30
_COMPARED_S = 500.0  # ticks that are further apart mean nothing: 2^29 of them may be 537 s
_NEVER = float("inf")


class Receipt(Enum):
    """What a delivery turns out to be."""

    NEW = auto()
    AGAIN = auto()
    """It had come before, so the board has not heard that."""
    CHANGED = auto()
    """Its payload is not that of the record."""
    STRAY = auto()
    """Of no record under way: it comes late, or belongs to an earlier session."""


class Ledger:
    """The deliveries of the records in a window.

    held: a delivery is confirmed to the board when `confirm` says that it is done with; otherwise
    as soon as it and all before it have come.
    """

    def __init__(self, window: Window, held: bool) -> None:
        self.delivered = 0
        """Records that came back, each counted once."""
        self.delivered_again = 0
        self.out_of_order = 0
        """Records that the board granted before one that was sent earlier."""
        self.not_taken: Counter[int] = Counter()
        """Records that ended without a delivery, each counted once, by GIVEN_UP, SHED and
        OVERWRITTEN. A run in which several occurred counts as the first of them."""
        self.resets = 0
        """Resets of the board so far."""
        self.confirmed = window.first
        """The number before which all deliveries are confirmed."""
        self._window = window
        self._held = held
        self._done_with = window.first  # the number before which all are done with, if held
        self._reported = window.first  # the number before which the board knows that they are
        self._report_at = _NEVER
        self._asked_at = -_NEVER  # when the delivery `confirmed` was asked for; -inf: it was not
        self._newest = window.first - 1  # the last number that came back since the last reset
        self._last_granted: Record | None = None

    def receive(self, seq: int, tick: int, payload: bytes, now: float) -> Receipt:
        """Enters a delivery."""
        number = self._window.number(seq)
        record = self._window.record(number)
        if record is None:
            return Receipt.STRAY
        if payload not in (record.payload, record.changed):
            # Damage that the checksum did not see, on the way here or to the board. In the second
            # case it comes again the same.
            record.changed = payload
            self._report_at = now
            return Receipt.CHANGED
        self._newest = max(self._newest, number)
        if record.returned:
            self.delivered_again += 1
            self._report_at = now
            return Receipt.AGAIN
        record.returned = True
        if payload == record.payload:
            record.tick, record.delivered_at, record.boot = tick, now, self.resets
            self.delivered += 1
        self._advance(now)
        return Receipt.NEW

    def end(self, seq: int, count: int, how: int, now: float) -> Receipt:
        """Enters so many records in a row that ended without a delivery; how: see Record."""
        first = self._window.number(seq)
        receipt = Receipt.STRAY
        for number in range(max(first, self._window.first), min(first + count, self._window.next)):
            record = self._window.record(number)
            assert record is not None
            self._newest = max(self._newest, number)
            if not record.returned:
                record.returned = True
                record.not_taken = how
                self.not_taken[how & -how] += 1
                receipt = Receipt.NEW
            elif receipt is Receipt.STRAY:
                receipt = Receipt.AGAIN
        if receipt is Receipt.NEW:
            self._advance(now)
        elif receipt is Receipt.AGAIN:
            self._report_at = now
        return receipt

    def confirm(self, number: int, now: float) -> None:
        """All deliveries before this number, which have come, are done with."""
        self._done_with = max(self._done_with, number)
        self._advance(now)

    def acknowledge(self, records: list[Record], now: float) -> None:
        """The window has let these records go: the board needs no word of them any more."""
        for record in records:
            self._check_order(record)
        first = self._window.first
        if first > self.confirmed:
            self._confirm(first)
        self._reported = max(self._reported, first)
        self._advance(now)

    def reset(self) -> None:
        """The board was reset: what it delivers from now on is compared with nothing before."""
        self.resets += 1
        self._newest = self._window.first - 1
        self._asked_at = -_NEVER

    def has_passed(self, number: int) -> bool:
        """Whether this record or a later one has come back since the board's last reset."""
        return self._newest >= number

    def deadline(self, spread_s: float) -> float:
        """When the board has to be told something, unless more comes before."""
        ask_at = _NEVER if self._asked_at == -_NEVER else self._asked_at + spread_s
        return min(self._report_at, ask_at)

    def report(self, now: float, spread_s: float) -> int | None:
        """What the board has to be told now, besides `confirmed`: how many deliveries from there on
        are missing, up to 255; None: nothing has to be said.

        Missing ones are asked for at once, and again after `spread_s`.
        """
        missing = 0
        if now >= self._asked_at + spread_s:
            missing = min(self._missing(), _MISSING_MAX)
            self._asked_at = now if missing else -_NEVER
        if now < self._report_at and not missing:
            return None
        self.reported()
        return missing

    def reported(self) -> None:
        """The board is told now what is confirmed."""
        self._reported = self.confirmed
        self._report_at = _NEVER

    def _advance(self, now: float) -> None:
        confirmed = self.confirmed
        stop = min(self._window.next, self._done_with) if self._held else self._window.next
        while confirmed < stop and self._has_returned(confirmed):
            confirmed += 1
        if confirmed > self.confirmed:
            self._confirm(confirmed)
        if confirmed - self._reported >= max(1, min(REPORT_EVERY, self._window.credit // 4)):
            self._report_at = now
        elif confirmed > self._reported:
            self._report_at = min(self._report_at, now + REPORT_WITHIN_S)

    def _confirm(self, number: int) -> None:
        self.confirmed = number
        self._asked_at = -_NEVER  # it was another one

    def _has_returned(self, number: int) -> bool:
        record = self._window.record(number)
        return record is not None and record.returned

    def _missing(self) -> int:
        """How many deliveries in a row are missing before one that came."""
        if self._newest <= self.confirmed:
            return 0
        missing = 0
        for record in islice(self._window.records, self.confirmed - self._window.first, None):
            if record.returned:
                break
            missing += 1
        return missing

    def _check_order(self, record: Record) -> None:
        if record.tick is None:
            return
        last = self._last_granted
        if (
            last is not None
            and last.tick is not None
            and last.boot == record.boot
            and last.delivered_at is not None
            and record.delivered_at is not None
            and record.delivered_at - last.delivered_at < _COMPARED_S
            and (record.tick - last.tick) % TICK_PERIOD >= TICK_PERIOD // 2
        ):
            self.out_of_order += 1
        self._last_granted = record
