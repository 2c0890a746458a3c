# SPDX-License-Identifier: MIT
"""CoDel (RFC 8289) on a queue's sojourn time, in integer ticks.

The drops follow the RFC's pseudo-code, record by record: `should_drop` is one
`dodequeue` of it, and the drop state advances when the record after a dropped
one is looked at. What the RFC computes in floating point, interval / sqrt(count),
is a long division and a long square root side by side, two bits of the radicand
at a time, rounded to the nearest fraction of a tick; so no error builds up.
"""

import time

from micropython import const

from sluice.arguments import check_int

_ROOT_BITS = const(27)  # the most for which a root's remainder, times 4, is a small integer
_LOW_BITS = const(28)
_LOW_MASK = const((1 << 28) - 1)
_MOST_COUNT = const((1 << 27) - 1)
_OLDEST = const((1 << 29) - 8)  # ticks, more than 16 of the longest intervals

_ticks_add = time.ticks_add
_ticks_diff = time.ticks_diff


class CoDel:
    """Says which records to shed, so that the queue's standing delay stays near a target.

    target:   ticks of sojourn time that are fine for good, 1 to interval.
    interval: ticks, 1 to 2^25 - 1, for which every record must have waited
              longer than the target before the first is shed: about the time
              that whoever sends needs to react. The RFC has a target of 5 to
              10% of the interval, and 5 ms in 100 ms for the internet.

    While the queue stays above the target records are shed faster and faster,
    the n-th interval / sqrt(n) after the one before, until it falls below.

    Each such distance is within 2^-21 of a tick of the RFC's for an interval of
    100 ticks, 2^-11 for 100,000, 2^-3 for the longest; from the 2^27-th drop in
    a row they stay as they are. When nothing leaves for 2^29 ticks, whatever was
    planned counts as due; `settle`, called now and then, keeps it so.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Ownership: one owner, the queue's consumer.
    """

    def __init__(self, target=5, interval=100):
        self._first_above = 0  # the tick from which a record above the target may be dropped
        self._above = False  # the last record was above the target, and _first_above holds
        self._dropping = False
        self._dropped = False  # the last record was, and _next has not moved on yet
        self._count = 0  # of drops in this spell
        self._last_count = 0  # its value when the spell began
        self._next = 0  # the tick of the next drop
        self._part = 0  # and its fraction, in 1 / 2^_part_bits
        self.set_target(target, interval)

    def set_target(self, target, interval) -> None:
        """Change both, while it is in use. Raises TypeError or ValueError.

        The drop that is next stays where it is, or comes at once when it is now
        more than an interval away.
        """
        check_int("interval", interval, 1, (1 << 25) - 1)
        check_int("target", target, 1, interval)
        bits = _ROOT_BITS
        while interval >> (_ROOT_BITS - bits):
            bits -= 1
        square = (interval << bits) ** 2
        self.target = target
        self.interval = interval
        self._high = square >> _LOW_BITS
        self._low = square & _LOW_MASK
        self._part_bits = bits
        self._part = 0

    def should_drop(self, sojourn: int, now, behind: int) -> bool:
        """Whether to shed the record that leaves the queue at tick `now`. Hot.

        To be asked once for each record, in their order, when it could be sent;
        while the sink has no room, again and again for the one in front.

        sojourn: ticks since its put.  behind: records that wait behind it. The
        last two of a queue are never shed: that could only starve the sink.
        """
        may_drop = self._may_drop(sojourn, now, behind)
        dropped = self._dropped
        self._dropped = False
        if not self._dropping:
            if may_drop:
                self._start(now)
            return may_drop
        if not may_drop:
            self._dropping = False
            return False
        if dropped:
            self._schedule(self._next)
        if not self._is_past(_ticks_diff(now, self._next), self._part):
            return False
        if self._count != _MOST_COUNT:
            self._count += 1
        self._dropped = True
        return True

    def settle(self, now) -> None:
        """Keep what is remembered from meaning something else at tick `now`. Hot.

        To be called at least every 2^28 ticks. What is almost 2^29 ticks ago, or
        longer, stays as long ago as that.
        """
        self._first_above = self._not_older(self._first_above, now)
        self._next = self._not_older(self._next, now)

    def _not_older(self, tick, now):
        since = _ticks_diff(now, tick)
        # Nothing is ever planned further ahead than an interval.
        if since > _OLDEST or since < -self.interval:
            return _ticks_add(now, -_OLDEST)
        return tick

    def _may_drop(self, sojourn, now, behind):
        if sojourn < self.target or behind <= 1:
            self._above = False
        elif self._above:
            return self._is_past(_ticks_diff(now, self._first_above), 0)
        else:
            self._above = True
            self._first_above = _ticks_add(now, self.interval)
        return False

    def _is_past(self, since, part):
        # Nothing is ever planned further ahead than an interval: then it was 2^29 ticks ago.
        return since > 0 or (since == 0 and part == 0) or since < -self.interval

    def _start(self, now):
        """Begin to drop, where the last spell left off if that is not long ago."""
        since = _ticks_diff(now, self._next) - (1 if self._part else 0)
        count = self._count - self._last_count
        if count <= 1 or since >= self.interval * 16 or since < -self.interval:
            count = 1
        self._count = self._last_count = count
        self._dropping = True
        self._part = 0
        self._schedule(now)

    def _schedule(self, last):
        """Set the next drop to interval / sqrt(count) after the one at `last`."""
        bits = self._part_bits
        part = self._part + self._distance(self._count)
        self._next = _ticks_add(last, part >> bits)
        self._part = part & (1 << bits) - 1

    def _distance(self, count):
        """interval / sqrt(count) in 1 / 2^_part_bits ticks, rounded to the nearest.

        The root of the quotient of _high, _low and count, digit by digit: what
        remains of the quotient is below count, of the root at most twice the root.
        """
        rest = left = root = 0
        shift = 2 * _ROOT_BITS - 2
        while shift >= 0:
            if shift >= _LOW_BITS:
                rest = rest * 4 + (self._high >> shift - _LOW_BITS & 3)
            else:
                rest = rest * 4 + (self._low >> shift & 3)
            left = left * 4 + rest // count
            rest %= count
            root *= 2
            if left > root * 2:  # room for the odd root
                left -= root * 2 + 1
                root += 1
            shift -= 2
        return root + 1 if left > root else root
