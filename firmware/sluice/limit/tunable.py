# SPDX-License-Identifier: MIT
"""A token bucket whose rate a controller may change, and a fleet slow down, without allocating."""

import time

from micropython import const

from sluice.arguments import check_int
from sluice.limit.bucket import TokenBucket
from sluice.limit.terms import Terms

WHOLE = const(1024)  # what a part of the rate is counted in

_SMALL_MAX = const((1 << 30) - 1)
_MOST_TICKS = const((1 << 29) - 1)


class _Range(Terms):
    """The terms of any rate from low to high: rate / per is not reduced, and all fit one burst."""

    def __init__(self, low, high, per, burst):
        most_debt = min(Terms(low, 1, 1).most_debt, Terms(high, 1, 1).most_debt)  # not reduced
        if burst * per > most_debt:
            raise ValueError(
                "burst must be from 1 to %d for rates from %d to %d per %d ticks, not %d"
                % (most_debt // per, low, high, per, burst)
            )
        self.rate, self.per, self.burst = high, per, burst
        self.num, self.den, self.most_debt = high, per, most_debt


class TunableBucket(TokenBucket):
    """A TokenBucket with `tune`, which changes the rate within a range that was set, and
    `throttle`, which grants a part of whatever the rate is.

    Within the range rate / per is not reduced: a unit of debt is 1 / per of a
    token at every rate, so a change converts nothing and is exact. Therefore
    burst * per must be within D for the range's ends: with a burst of 10, per
    may be up to about 100,000,000 ticks. `set_rate` and `set_burst` end the range.

    A throttled bucket counts in a unit that is up to 1,024 times finer, the same for
    all parts, so a part of a small rate is exact, too. `rate` stays what was set.

    Arguments: see TokenBucket. Ownership: one owner; there is no guard for it.
    Read only: `low`, `high`, the range; 0 when there is none. `part`, of the rate,
    that is granted, in 1/1,024.
    """

    slack = 0  # ticks; more in a Pacer, which owes `_spare` units less than its debt
    _spare = 0

    def __init__(self, rate, burst, per=None, ticks=time.ticks_ms):
        self.part = WHOLE
        TokenBucket.__init__(self, rate, burst, per, ticks)

    def set_range(self, low, high) -> None:
        """Let `tune` change the rate from low to high tokens each `per`, from now on.

        low: 1 to high.  A present rate outside is brought inside. What was earned
        stays; a debt is rounded up to the new unit. Raises TypeError, or
        ValueError also when burst or the debt do not fit; then nothing changed.
        """
        check_int("high", high, 1, _SMALL_MAX)
        check_int("low", low, 1, high)
        terms = _Range(low, high, self.per, self.burst)
        self._refill()
        rate, debt = high, 0
        if self.rate is not None:
            rate, debt = self.rate, terms.converted(self.debt, self._den)
        self._change(terms, debt)
        self.low, self.high = low, high
        self.tune(rate)

    def tune(self, rate: int) -> int:
        """Change the rate, clamped to the range, from now on; returns it. Hot.

        The ticks so far count at the old rate, and the debt stays to the unit.
        Without a range nothing changes, and 0 is returned.
        """
        high = self.high
        if high == 0:
            return 0
        if rate > high:
            rate = high
        elif rate < self.low:
            rate = self.low
        self._refill()
        self._terms.rate = self._whole = rate
        self._grant(self.part)
        return rate

    def throttle(self, part: int) -> None:
        """Grant part / 1,024 of the rate from now on; part: 1 to 1,024. Hot.

        Rounded down to the unit, but not below the least rate that the burst allows,
        so that no wait reaches 2^29 ticks. An unlimited rate stays unlimited. What was
        earned stays; a debt is rounded up when the bucket is throttled no more, and of
        reservations, what is beyond D is let go.
        """
        if part != self.part:
            self._refill()
            self._grant(part)

    def _grant(self, part):
        """Count by this part of the whole rate."""
        owed, before = self.debt - self._spare, self._fine
        self.part = part
        self._set_terms(self._terms)
        if self._fine != before:
            owed = self._converted(owed, before)
        self._adopt(self._terms, 0)
        self._owe(owed)

    def _owe(self, owed):
        """Owe so many units, besides what is spare, or as many as can be."""
        most, spare = self._most_debt, self._spare
        if owed > most - spare:
            self.debt = most
        else:
            self.debt = owed + spare if owed > -spare else 0

    def _converted(self, owed, before):
        """In the present unit, of which one is the whole's: rounded up to that, or exact."""
        owed = -(-owed // before)
        most = self._terms.most_debt
        return owed * self._fine if owed <= most // self._fine else most

    def _set_terms(self, terms):
        """Make the terms those of the part."""
        den, num = terms.den // self._fine, self._whole
        if self.part == WHOLE or num == 0:
            self._fine, terms.den = 1, den
            terms.num, terms.most_debt = num, self._whole_debt
            return
        self._fine = fine = self._unit(terms.burst * den, num)
        terms.den = den * fine
        terms.num = num = self._part_of(num * fine, terms.burst * terms.den)
        terms.most_debt = _MOST_TICKS if num == 1 else _SMALL_MAX - num

    def _unit(self, cost, num):
        # So that a full debt, what is spare and a tick's payment are a small integer together.
        most = (_SMALL_MAX - WHOLE) // (cost - 1 + num * (self.slack + 1))
        return min(most, WHOLE) or 1

    def _part_of(self, num, cost):
        """The part of num that is granted, with small products; cost: of a burst."""
        reach = _MOST_TICKS - self.slack
        least = (cost - 1) // reach + 1 if reach > 0 else num
        return min(max(num // WHOLE * self.part + num % WHOLE * self.part // WHOLE, least), num)

    def _change(self, terms, debt):
        TokenBucket._change(self, terms, debt)
        self.low = self.high = 0
        self._terms = terms
        self._whole, self._whole_debt = terms.num, terms.most_debt
        self._fine = 1
        if self.part != WHOLE:
            self._grant(self.part)
