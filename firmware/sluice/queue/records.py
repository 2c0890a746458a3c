# SPDX-License-Identifier: MIT
"""Variable-length records in fixed slots, written and read in place."""

import time
from array import array

from micropython import const

from sluice.arguments import check_int
from sluice.kernels import kernel
from sluice.queue.ring import REJECT, Ring

_MAX_SIZE = const(65535)
_SMALL_MAX = const((1 << 30) - 1)
_SAMPLE = const(64)


_GUARDED_RECORDS = (("put", "record, n"), ("peek", ""))


class RecordRing(Ring):
    """A queue of records of up to `size` bytes, in slots made at start.

    The producer fills the view that `claim` gives and publishes it; the consumer
    reads the view that `peek` gives and releases it. Nothing is copied, and no
    view is made after the start. Indices, counters and ownership: see Ring.

    slots: 1 to 2^29 - 1.  size: bytes, 1 to 65,535.  overflow: REJECT or
    OVERWRITE.  ticks: the clock that stamps each record when it is published.
    guard: see Ring. Several producers use `put` alone: from `claim` to `publish`
    a slot has one owner, which no guard around the two calls can know.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.
    """

    def __init__(self, slots, size, overflow=REJECT, ticks=time.ticks_ms, guard=None):
        check_int("slots", slots, 1, (1 << 29) - 1)
        check_int("size", size, 1, _MAX_SIZE)
        self.size = size
        memory = self._memory = memoryview(bytearray(slots * size))
        self._views = [memory[i * size : (i + 1) * size] for i in range(slots)]
        self._lengths = array("H", [0] * slots)
        self._stamps = array("i", [0] * slots)
        self._ticks = ticks
        Ring.__init__(self, slots, overflow, guard, _GUARDED_RECORDS)
        self._claimed = -1  # the producer's slot between claim and publish

    def claim(self):
        """A memoryview of `size` bytes to fill, or None: full, refused and counted. Hot.

        Claiming again without publishing gives the same slot. Under OVERWRITE
        the oldest record is gone from here on when the ring is full.
        """
        slot = self._claimed = self._claim()
        return self._views[slot] if slot >= 0 else None

    def publish(self, n: int) -> bool:
        """Append the claimed slot's first n bytes as a record, stamped now. Hot.

        False, and nothing published: n is not in 1..size, or nothing is claimed.
        """
        slot = self._claimed
        if slot < 0 or n < 1 or n > self.size:
            return False
        self._claimed = -1
        self._lengths[slot] = n
        self._stamps[slot] = self._ticks()
        tail = self._tail + 1
        self._tail = tail if tail != self._wrap else 0
        if self._high and self._raised == self._lowered:
            self._rise()
        return True

    def put(self, record, n: int) -> bool:
        """Copy the first n bytes of record into the ring; False: refused and counted. Hot.

        Also False, and not counted: n is not in 1..size. 23 us for 8 bytes on
        an RP2040 (docs/speed.md).
        """
        if n < 1 or n > self.size:
            return False
        slot = self.claim()
        if slot is None:
            return False
        at = n
        while at:
            at -= 1
            slot[at] = record[at]
        return self.publish(n)

    def peek(self):
        """A memoryview of the oldest record's whole slot, or None when empty. Hot.

        Its first `peek_len()` bytes are the record. Under OVERWRITE the producer
        may write over it at any time: copy it, then believe the copy only if
        `release` returns True.
        """
        slot = self._front()
        return self._views[slot] if slot >= 0 else None

    def peek_len(self) -> int:
        """Bytes in the record that `peek` gave; 0 when there is none. Hot."""
        slot = self._peeked()
        return self._lengths[slot] if slot >= 0 else 0

    def peek_ticks(self) -> int:
        """The tick at which the record that `peek` gave was published; 0 when none. Hot."""
        slot = self._peeked()
        return self._stamps[slot] if slot >= 0 else 0

    def _peeked(self):
        """The slot that `peek` showed, or -1 when there was none. For the consumer."""
        # Not _front: under OVERWRITE that may move on to another item, and
        # `release` could no longer tell that the one peeked at is lost.
        head = self._head
        return head % self.capacity if head != self._tail else -1

    def peek_behind(self, k: int):
        """As `peek`, for the record k behind the oldest, which is 0; None: there is none. Hot.

        For a ring that does not overwrite.
        """
        slot = self._behind(k)
        return self._views[slot] if slot >= 0 else None

    def peek_behind_len(self, k: int) -> int:
        """Bytes in that record; 0 when there is none. Hot."""
        slot = self._behind(k)
        return self._lengths[slot] if slot >= 0 else 0

    def peek_behind_ticks(self, k: int) -> int:
        """The tick at which that record was published; 0 when there is none. Hot."""
        slot = self._behind(k)
        return self._stamps[slot] if slot >= 0 else 0

    def _behind(self, k):
        capacity = self.capacity
        return (self._head % capacity + k) % capacity if 0 <= k < len(self) else -1

    def backlog(self) -> int:
        """Bytes that wait; at most 2^30 - 1. Hot. For the consumer, looks at 64 records at most.

        Exact for up to 64 records; those behind the oldest 64 count as these do on average.
        """
        n = len(self)
        first = self._oldest() % self.capacity
        left = n if n < _SAMPLE else _SAMPLE
        total = 0
        while left:
            left -= 1
            total += self._lengths[(first + left) % self.capacity]
        if n <= _SAMPLE:
            return total
        n -= _SAMPLE
        mean = total // _SAMPLE
        return total + mean * n if n < (_SMALL_MAX - total) // (mean + 1) else _SMALL_MAX


RecordRing = kernel("queue.records", "RecordRing", RecordRing)
