# SPDX-License-Identifier: MIT
"""A token bucket for each of many keys, in a table of fixed size.

The table reuses the slot of the key that was used least recently. What a key
owes is not forgotten when it loses its slot: one more state holds the most that
any key outside the table can owe, and every key that comes in starts with it.
So no key gains by pushing itself out, and the table needs no memory of whom it
has pushed out.
"""

import time
from array import array

from micropython import const

from sluice.arguments import check_int
from sluice.limit.bucket import TokenBucket

_SMALL_MAX = const((1 << 30) - 1)
_MOST_SLOTS = const(16383)  # slots and chains are numbered in 16 bits
_FAR = const((1 << 29) - 1)
_AT_ONCE = const(16)  # states that one `refill` brings up to date

_ticks_diff = time.ticks_diff


class KeyedBuckets:
    """Grants each key at most `burst` tokens at once and `rate` every `per` ticks.

    slots: keys it knows at a time, 1 to 16,383; about 30 bytes each.
    rate, burst, per, ticks: as of TokenBucket, the same for every key.

    Keys are ints, strs or bytes, all of one type: addresses, names. They are
    compared themselves, so that two never share a bucket. The table refers to a
    key until its slot is reused.

    Promise: no key is ever granted more than by a TokenBucket of its own.
    When all slots are in use, a new key takes that of the least recently used
    key which has a token left. A key that has none keeps its slot; if no key
    has one, the new key is refused. A key that comes in, also for the first
    time, starts with the debt that the deepest indebted key outside the table
    may still have: with a table too small for its clients they get smaller
    bursts, never larger ones.
    A key that is not asked for within 2^29 ticks may be granted less than is due
    for once, unless `refill` came by.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Read only: `evicted`, keys that lost their slot while they owed tokens;
    `refused`, requests of new keys for which there was no slot. Both stop at
    2^30 - 1.

    Ownership: one owner: the main loop, or one interrupt handler. When two
    share it, an interrupt inside `try_acquire` finds chains half linked, on
    every board.
    """

    def __init__(self, slots, rate, burst, per=None, ticks=time.ticks_ms):
        check_int("slots", slots, 1, _MOST_SLOTS)
        self.slots = slots
        self.evicted = 0
        self.refused = 0
        self._ticks = ticks
        self._buckets = _Buckets(slots + 1, rate, burst, per, ticks)
        self._keys = [None] * slots
        # The slots from least to most recently used, a circle closed by the index `slots`.
        self._newer = array("h", list(range(1, slots + 1)) + [0])
        self._older = array("h", [slots] + list(range(slots)))
        # Keys are found in chains by their hash. An odd number of them spreads addresses
        # that lie 256 apart. A chain's first link is behind the slots'; an unused slot is
        # a chain of its own.
        self._chains = slots | 1
        self._next = array("h", list(range(slots)) + [-1] * self._chains)
        self._chain = array("h", range(slots))
        self._full_from = 0
        # Ticks from _full_from on in which no key can have a token. Who sees that they are over
        # makes it 0, or _full_from would mean the same again after 2^30 ticks.
        self._full_for = 0
        self._stale = 0  # the state that `refill` begins with

    def try_acquire(self, key, n: int = 1) -> bool:
        """Take n tokens of the key's if they are there now. Hot.

        True: taken, or n <= 0, or the rate is None. False: nothing taken,
        because the key has too few, n > burst, or there is no slot for it.

        Takes longer the more keys share a chain (1 or 2, at worst all slots),
        and for a new key by each slot whose key was used earlier and has no
        token, at worst all of them. When it finds none, it does not search
        again before a key can have a token.
        """
        buckets = self._buckets
        if n <= 0 or n > buckets.burst or buckets.rate is None:
            return buckets.try_acquire(n)
        slot = self._find(key)
        if slot < 0:
            slot = self._admit(key, n)
            if slot < 0:
                return False
        self._touch(slot)
        buckets.load(slot)
        granted = buckets.try_acquire(n)
        buckets.store(slot)
        if self._full_for:
            self._end_full(buckets.settled)
        return granted

    def wait_ticks(self, key, n: int = 1) -> int:
        """Ticks until `try_acquire(key, n)` grants, if nobody else asks for tokens before. Hot.

        0: now. k: in k ticks at the earliest, below 2^29. -1: never, because
        n > burst or because rate is 0. For a key outside the table that is also
        until the debt which it would begin with is paid far enough, and until
        there is a slot for it.

        Takes nothing, counts nothing, and is no use of the key: it does not
        keep its slot by being asked for. Takes as long as `try_acquire`.
        """
        buckets = self._buckets
        if n <= 0 or n > buckets.burst or buckets.rate is None:
            return buckets.wait_ticks(n)
        slot = self._find(key)
        outside = slot < 0
        if outside:
            slot = self.slots
        buckets.load(slot)
        wait = buckets.wait_ticks(n)
        buckets.store(slot)
        if outside and wait >= 0:
            wait = self._wait_for_slot(wait)
        if self._full_for:
            self._end_full(buckets.settled)
        return wait

    def refill(self) -> None:
        """Bring 16 keys up to date with the clock, at each call the next ones. Hot.

        Called at least slots / 16 + 1 times in 2^29 ticks (once a second, with
        `ticks_ms`), it keeps the table exact for ever, also for keys that are
        not asked for.
        """
        buckets = self._buckets
        i = self._stale
        for _ in range(_AT_ONCE):
            buckets.load(i)
            buckets.refill()
            buckets.store(i)
            i = i + 1 if i != self.slots else 0
        self._stale = i
        if self._full_for:
            self._end_full(buckets.settled)

    def _end_full(self, now):
        if not 0 <= _ticks_diff(now, self._full_from) < self._full_for:
            self._full_for = 0

    def _find(self, key):
        keys = self._keys
        following = self._next
        slot = following[self.slots + hash(key) % self._chains]
        while slot >= 0 and keys[slot] != key:  # bound: a chain has each slot once, then -1
            slot = following[slot]
        return slot

    def _admit(self, key, n):
        """The slot that is the key's from now on, or -1."""
        buckets = self._buckets
        outside = self.slots
        buckets.load(outside)
        if buckets.wait_ticks(n):
            return -1  # it might be one of those that were pushed out: denied, as they would be
        buckets.store(outside)
        slot = self._victim()
        if slot < 0:
            if self.refused != _SMALL_MAX:
                self.refused += 1
            return -1
        if buckets.exchange(slot, outside) and self.evicted != _SMALL_MAX:
            self.evicted += 1
        self._rename(slot, key)
        return slot

    def _wait_for_slot(self, wait):
        """`wait`, or the ticks until a slot can be reused, if they are more; -1: never."""
        slot = self._victim()
        if slot >= 0:
            return wait
        if self._buckets.rate == 0:
            return -1
        return -slot if -slot > wait else wait

    def _victim(self):
        """The least recently used slot whose key has a token; else ticks until there is one, < 0.

        At rate 0 there is never one, and the ticks mean nothing.
        """
        now = self._ticks()
        if self._full_for:
            self._end_full(now)
            if self._full_for:
                return _ticks_diff(now, self._full_from) - self._full_for
        buckets = self._buckets
        soonest = _FAR
        slot = self._newer[self.slots]
        while slot != self.slots:  # bound: the circle of slots comes back to that index
            buckets.load(slot)
            wait = buckets.wait_ticks(1)
            if wait == 0:
                buckets.store(slot)
                return slot
            if 0 < wait < soonest:
                soonest = wait
            slot = self._newer[slot]
        self._full_from = now
        self._full_for = soonest
        return -soonest

    def _rename(self, slot, key):
        following = self._next
        link = self._chain[slot]
        while following[link] != slot:  # bound: a chain has each slot once, and this one
            link = following[link]
        following[link] = following[slot]
        link = self._chain[slot] = self.slots + hash(key) % self._chains
        following[slot] = following[link]
        following[link] = slot
        self._keys[slot] = key

    def _touch(self, slot):
        """Make the slot the most recently used."""
        newer = self._newer
        older = self._older
        before = older[slot]
        newer[before] = newer[slot]
        older[newer[slot]] = before
        end = self.slots
        before = older[end]
        newer[before] = older[end] = slot
        older[slot] = before
        newer[slot] = end


class _Buckets(TokenBucket):
    """Many states for one bucket's arithmetic, which works on the one that is loaded."""

    def __init__(self, count, rate, burst, per, ticks):
        TokenBucket.__init__(self, rate, burst, per, ticks)
        self._debts = array("i", [0] * count)
        self._settled = array("i", [self.settled] * count)

    def load(self, i):
        self.debt = self._debts[i]
        self.settled = self._settled[i]

    def store(self, i):
        self._debts[i] = self.debt
        self._settled[i] = self.settled

    def exchange(self, slot, outside):
        """Give the slot the state `outside`, which then owes what the slot did, if that is more.

        True if the slot owed anything. The state is the larger debt from the
        later tick on, which is right also where the clock has stepped back.
        """
        debts = self._debts
        settled = self._settled
        owed = debts[slot]
        until = settled[slot]
        debts[slot] = debts[outside]
        settled[slot] = settled[outside]
        if owed > debts[outside]:
            debts[outside] = owed
        if _ticks_diff(until, settled[outside]) > 0:
            settled[outside] = until
        return owed > 0
