# SPDX-License-Identifier: MIT
"""The terms of a bucket: its rate, reduced to a fraction, and how much may be owed.

Time pays a debt in units of 1 / den token: num of them a tick. What a bucket compares
with follows from these numbers, and they are checked here, so that its hot methods
need no check.

This file runs on MicroPython 1.9.2 too, as a flat file, with a heap of 9 KB: each
name and each function counts there.
"""

from micropython import const

from sluice.arguments import check_int

_SMALL_MAX = const((1 << 30) - 1)  # the largest integer that needs no heap
_HALF_PERIOD = const(1 << 29)  # ticks_diff tells the direction of time up to here


class Terms:
    """What one rate, per and burst of TokenBucket come to.

    Read only:
      rate, per, burst   as they were given
      num, den   rate / per, reduced: a tick pays num units, a token costs den
      most_debt  units that can be owed; burst * den are never more

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.
    """

    def __init__(self, rate, per, burst):
        check_int("burst", burst, 1, _SMALL_MAX)
        check_int("per", per, 1, _SMALL_MAX)
        num, den, most_debt = 0, 1, _SMALL_MAX
        if rate is not None:
            check_int("rate", rate, 0, _SMALL_MAX)
            num, den = rate, per
            while den:  # the greatest common divisor
                num, den = den, num % den
            num, den = rate // num, per // num
            most_debt = min(_SMALL_MAX - num, num * (_HALF_PERIOD - 1)) if num else burst
        if most_debt < den:
            raise ValueError(
                "rate %d per %d ticks is out of range: reduced to %d / %d, one token must be worth"
                " at most %d units" % (rate, per, num, den, most_debt)
            )
        if burst * den > most_debt:
            raise ValueError(
                "burst must be from 1 to %d at rate %d per %d ticks, not %d"
                % (most_debt // den, rate, per, burst)
            )
        self.rate, self.per, self.burst = rate, per, burst
        self.num, self.den, self.most_debt = num, den, most_debt

    def converted(self, debt, den) -> int:
        """A debt in units of 1 / den token in the units of these terms, rounded up."""
        # int(): set-up may use big integers, also where tests forbid them.
        return 0 if self.rate is None else -(-int(debt) * self.den // den)
