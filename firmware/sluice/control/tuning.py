# SPDX-License-Identifier: MIT
"""The rate follows the sink: additive increase, multiplicative decrease."""

from micropython import const

from sluice.arguments import check_int

_MOST_TICKS = const((1 << 29) - 1)
_MOST_PART = const((1 << 15) - 1)


def _check_ratio(name, ratio):
    if not isinstance(ratio, tuple) or len(ratio) != 2:
        raise TypeError("%s must be (numerator, denominator), not %r" % (name, ratio))
    check_int(name + " denominator", ratio[1], 1, _MOST_PART)
    check_int(name + " numerator", ratio[0], 0, ratio[1])


def _part(n, ratio):
    """floor(n * numerator / denominator), with small products."""
    numerator, denominator = ratio
    return n // denominator * numerator + n % denominator * numerator // denominator


class RateTuner:
    """Sets a bucket's rate once an interval from what became of the attempts on the sink.

    bucket:    a TunableBucket or a Pacer.
    low, high: tokens each `per`, between which the rate is kept; 1 to high.
    step:      tokens each `per` by which the rate is raised after an interval in
               which the sink took what it was given and records waited for
               tokens, 1 or more; None: a twentieth of high - low, or 1.
    keep:      (numerator, denominator), at most 1: what is kept of the rate, less
               one token at least, after an interval in which too many attempts
               failed or took too long.
    tolerated: (numerator, denominator), at most 1: the share of attempts that may
               fail without that.
    latency:   ticks, 1 to 2^29 - 1, that an attempt may take on average. It is the
               sink's own time: the time in the queue would be the wrong measure,
               for a lower rate makes it longer.

    A rate that was not used tells nothing about the sink, so it is not raised
    then (as RFC 7661 has it for TCP). AIMD is that of Chiu and Jain (1989), and
    of TCP (RFC 5681), which keeps 1/2; RFC 9438 keeps 7/10.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed. The attributes of these names are read only.

    Ownership: that of the bucket.
    """

    def __init__(self, bucket, low, high, step=None, keep=(1, 2), tolerated=(1, 100), latency=100):
        self._bucket = bucket
        self.set_range(low, high, step)
        self.set_answer(keep, tolerated, latency)

    def set_range(self, low, high, step=None) -> None:
        """Change the range and the step, while it is in use; the rate is brought inside.

        Raises TypeError or ValueError; then nothing changed. To be called again
        after the bucket's `set_rate` or `set_burst`, which end the range.
        """
        if step is None:
            step = max(1, (high - low) // 20)
        check_int("step", step, 1, (1 << 29) - 1)
        self._bucket.set_range(low, high)
        self.low, self.high, self.step = low, high, step

    def set_answer(self, keep, tolerated, latency) -> None:
        """Change what cuts the rate, and how far. Raises TypeError or ValueError."""
        _check_ratio("keep", keep)
        _check_ratio("tolerated", tolerated)
        check_int("latency", latency, 1, _MOST_TICKS)
        self.keep, self.tolerated, self.latency = keep, tolerated, latency

    def update(self, tried: int, missed: int, waited: int, latency: int) -> int:
        """Set the rate for the next interval, and return it; 0: the bucket has no range. Hot.

        tried: attempts on the sink in the interval that ends.  missed: of them,
        those that failed.  waited: records that had to wait for tokens.
        latency: ticks that an attempt took on average.
        """
        rate = self._bucket.rate
        if tried > 0:
            if missed > _part(tried, self.tolerated) or latency > self.latency:
                rate = min(rate - 1, _part(rate, self.keep))
            elif waited > 0:
                rate = rate + self.step if rate < self.high - self.step else self.high
        return self._bucket.tune(rate)
