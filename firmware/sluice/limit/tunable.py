# SPDX-License-Identifier: MIT
"""A token bucket whose rate a controller may change without allocating."""

import time

from sluice.arguments import check_int
from sluice.limit.bucket import TokenBucket
from sluice.limit.terms import Terms

_SMALL_MAX = (1 << 30) - 1


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

    def tune(self, rate: int) -> None:
        """Make them those of a rate in the range. Hot."""
        self.rate = self.num = rate


class TunableBucket(TokenBucket):
    """A TokenBucket with `tune`, which changes the rate within a range that was set.

    Within the range rate / per is not reduced: a unit of debt is 1 / per of a
    token at every rate, so a change converts nothing and is exact. Therefore
    burst * per must be within D for the range's ends: with a burst of 10, per
    may be up to about 100,000,000 ticks.

    `set_rate` and `set_burst` end the range.

    Arguments: see TokenBucket. Ownership: one owner; there is no guard for it.
    Read only: `low`, `high`, the range; 0 when there is none.
    """

    def __init__(self, rate, burst, per=None, ticks=time.ticks_ms):
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
        self._range = terms  # only now: without a range it would cost each Pacer 48 bytes
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
        terms = self._range
        terms.tune(rate)
        self._adopt(terms, self.debt)
        return rate

    def _change(self, terms, debt):
        TokenBucket._change(self, terms, debt)
        self.low = self.high = 0
