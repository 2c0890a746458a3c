"""The terms of a bucket: its rate, reduced to a fraction, and the limits that follow.

Time pays a debt in units of 1 / den token: num of them a tick. Everything that a
bucket compares with is computed here, once, and checked, so that its hot methods
need no check.

This file runs on MicroPython 1.9.2 too, as a flat file.
"""

from micropython import const

from sluice.arguments import check_int

_SMALL_MAX = const((1 << 30) - 1)  # the largest integer that needs no heap
_HALF_PERIOD = const(1 << 29)  # ticks_diff tells the direction of time up to here


def most_debt_at(num):
    """D of TokenBucket: the most units that num a tick pay in less than half a period."""
    return min(_SMALL_MAX - num, num * (_HALF_PERIOD - 1))


def _gcd(a, b):
    while b:
        a, b = b, a % b
    return a


class Terms:
    """The numbers that one rate, per and burst of TokenBucket make.

    Read only:
      rate, per, burst   as they were given
      num, den   rate / per, reduced: a tick pays num units, a token costs den
      full       units in a full bucket, and so the debt of an empty one
      most       tokens that can be asked for at once; 0 when unlimited
      most_debt  units that can be owed
      pays_all   ticks that pay any debt; 2^30 - 1 when num is 0

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.
    """

    def __init__(self, rate, per, burst):
        check_int("burst", burst, 1, _SMALL_MAX)
        check_int("per", per, 1, _SMALL_MAX)
        if rate is None:
            self._set(None, per, burst, 0, 1, _SMALL_MAX)
            return
        check_int("rate", rate, 0, _SMALL_MAX)
        divisor = _gcd(rate, per)
        num, den = rate // divisor, per // divisor
        most_debt = most_debt_at(num) if num else burst  # without a rate den is 1
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
        self._set(rate, per, burst, num, den, most_debt)

    def converted(self, debt, den) -> int:
        """A debt in units of 1 / den token in the units of these terms, rounded up."""
        # int(): set-up may use big integers, also where tests forbid them.
        return 0 if self.rate is None else -(-int(debt) * self.den // den)

    def leaving(self, held, den) -> int:
        """The debt with which held / den tokens are there, or burst if that is less."""
        return max(0, self.full - int(held) * self.den // den)

    def check_debt(self, debt) -> None:
        """Raise ValueError for a debt that cannot be carried."""
        if debt > self.most_debt:
            raise ValueError(
                "rate %s per %d ticks with burst %d can carry a debt of %d / %d tokens, not %d / %d"
                % (self.rate, self.per, self.burst, self.most_debt, self.den, debt, self.den)
            )

    def _set(self, rate, per, burst, num, den, most_debt):
        self.rate, self.per, self.burst = rate, per, burst
        self.num, self.den = num, den
        self.full = burst * den
        self.most = 0 if rate is None else burst
        self.most_debt = most_debt
        self.pays_all = (most_debt + num - 1) // num if num else _SMALL_MAX
