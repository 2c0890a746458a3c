# SPDX-License-Identifier: MIT
"""Token bucket in integers: exact to the token, for ever, without allocating.

The bucket holds up to `burst` tokens and gains `rate` of them every `per`
ticks. The algorithm is the token bucket as a meter, kept as a debt: rate / per
is reduced to num / den, and the only state is what is missing from a full
bucket, in units of 1/den token (0: full), with the tick up to which that is
true. An elapsed tick pays num units, a token costs den units. There is no
rounding anywhere, so there is no drift.

This file runs on MicroPython 1.9.2 too, as a flat file.
"""

try:
    import time
except ImportError:  # MicroPython before 1.12 knows it only by this name
    import utime as time

from micropython import const

from sluice.arguments import check_callable
from sluice.kernels import kernel
from sluice.limit.terms import Terms

_SMALL_MAX = const((1 << 30) - 1)  # the largest integer that needs no heap
_STEP_BACK = const(-65536)

_ticks_diff = time.ticks_diff


class TokenBucket:
    """Grants at most `burst` tokens at once and `rate` tokens every `per` ticks.

    rate:  tokens, 0 to 2^30 - 1. 0: what is there, then never more.
           None: unlimited, every request is granted.
    burst: tokens the bucket holds, 1 to 2^30 - 1. It starts full.
    per:   ticks, 1 to 2^30 - 1. None: one second, that is 1,000,000 when
           `ticks` is `time.ticks_us`, else 1,000.
    ticks: a function without arguments that returns the time as ticks that
           wrap at 2^30, from a source that does not go back.

    With rate / per reduced to num / den, burst * den may be at most
    D = min(2^30 - 1 - num, num * (2^29 - 1)); 2^30 - 1 when rate is 0. Then no
    sum inside leaves the small integers, and no wait reaches 2^29 ticks.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Promise: in any stretch of time it grants at most
    burst + floor(elapsed * rate / per) tokens, and exactly that many while
    something is always waiting. For that, some method that reads the clock must
    be called at least every 2^29 ticks (6.2 days in ms, 8.9 minutes in us; the
    pipeline calls `refill` once a second). Without it the bucket may once grant
    less than is due, never more.

    Ownership: one owner. All methods of one bucket are called from the same
    place: the main loop, or one interrupt handler. When two share it without a
    guard, a grant can be counted once for both of them, on every board.
    guard: an IrqGuard or LockGuard of sluice.guard, for several owners.

    Read only: `rate`, `per`, `burst` as they were set; `debt`, what is missing
    from a full bucket, in units of 1/den token; `settled`, the tick up to which
    that is paid, which right after a grant is the tick of it. A class that
    derives from this one may write the last two.
    """

    def __init__(self, rate, burst, per=None, ticks=time.ticks_ms, guard=None):
        check_callable("ticks", ticks)
        if per is None:
            per = 1000000 if ticks is time.ticks_us else 1000
        self._ticks = ticks
        self._change(Terms(rate, per, burst), 0)
        self.settled = ticks()
        self._line = None  # of the tasks that wait
        if guard is not None:
            guard.protect(
                self,
                (  # here, so that a board without guards keeps nothing of it
                    ("try_acquire", "amount"),
                    ("acquire_up_to", "amount"),
                    ("wait_ticks", "amount"),
                    ("reserve", "amount, max_wait"),
                    ("cancel", "amount"),
                    ("tokens", ""),
                    ("refill", ""),
                    ("set_rate", "setup"),
                    ("set_burst", "setup"),
                    ("reset", ""),
                ),
            )

    def try_acquire(self, n: int = 1) -> bool:
        """Take n tokens if they are there now. Hot.

        True: taken, or n <= 0, or the bucket is unlimited. False: nothing
        changed; also for n > burst, which can never be granted. 14 us on an
        RP2040 (docs/speed.md), 62 in bytecode.
        """
        if n <= 0:
            return True
        if n > self._most:
            return self.rate is None and self._grant_unlimited()
        debt = self._refill()
        cost = n * self._den
        if debt > self._full - cost:
            return False
        self.debt = debt + cost
        return True

    def acquire_up_to(self, most: int) -> int:
        """Take as many tokens as are there now, at most `most`; how many were taken. Hot.

        An unlimited bucket gives `most`. 18 us on an RP2040, 63 in bytecode.
        """
        if most <= 0:
            return 0
        debt = self._refill()
        if self.rate is None:
            return most
        den = self._den
        n = (self._full - debt) // den
        if n <= 0:
            return 0
        if n > most:
            n = most
        self.debt = debt + n * den
        return n

    def wait_ticks(self, n: int = 1) -> int:
        """Ticks until n tokens are there, if nobody takes any before. Hot.

        0: now. k: in k ticks at the earliest, below 2^29. -1: never, because
        n > burst or because rate is 0.
        """
        if n <= 0:
            return 0
        if n > self._most:
            return 0 if self.rate is None else -1
        return self._ticks_to_pay(self._refill() - (self._full - n * self._den))

    def reserve(self, n: int = 1, max_wait: int = -1) -> int:
        """Take n tokens now, into debt if need be. Hot.

        Returns the ticks to wait before acting on them (0: none), or -1:
        refused and nothing changed, because the wait would exceed `max_wait`
        (ticks; negative: any wait will do), n > burst, or the debt would exceed D.
        """
        if n <= 0:
            return 0
        if n > self._most:
            return 0 if self.rate is None else -1
        debt = self._refill()
        cost = n * self._den
        if debt > self._most_debt - cost:
            return -1
        debt += cost
        wait = self._ticks_to_pay(debt - self._full)
        if 0 <= max_wait < wait:
            return -1
        self.debt = debt
        return wait

    def cancel(self, n: int) -> None:
        """Give back n tokens that were acquired or reserved. Hot.

        The bucket never holds more than burst. n <= 0 does nothing.
        """
        if n <= 0:
            return
        debt = self.debt
        if n > debt // self._den:  # compared before it is multiplied
            self.debt = 0
        else:
            self.debt = debt - n * self._den

    def tokens(self) -> int:
        """Whole tokens there now; 0 while in debt; burst when unlimited. Hot."""
        if self.rate is None:
            return self.burst
        held = self._full - self._refill()
        return held // self._den if held > 0 else 0

    def refill(self) -> None:
        """Bring the bucket up to date with the clock. Hot."""
        self._refill()

    def _refill(self) -> int:
        """Bring the bucket up to date with the clock; the debt.

        A step back of up to 65,536 ticks (an interrupt that read the clock
        later was served first) counts as no time and does not move the clock
        back. A larger one is an idle stretch of at least 2^29 ticks, in which
        any debt is paid.
        """
        now = self._ticks()
        elapsed = _ticks_diff(now, self.settled)
        debt = self.debt
        if elapsed < 0:
            if elapsed >= _STEP_BACK:
                return debt
            elapsed = self._pays_all
        if elapsed < self._pays_all:
            debt -= elapsed * self._num
            if debt < 0:
                debt = 0
        elif self._num:
            debt = 0
        self.debt = debt
        self.settled = now
        return debt

    def acquire(self, n: int = 1, timeout_ms: int = -1) -> bool:
        """Wait for n tokens and take them, for the main loop.

        False: they cannot be there within timeout_ms (negative: any time will
        do), or ever; then nothing was taken and, if that is sure beforehand, no
        time was lost. Needs sluice.deadline. Raises ValueError for a timeout_ms
        of 2^29 or more.
        """
        from sluice.deadline import Deadline

        per_ms = 1000 if self._ticks is time.ticks_us else 1
        deadline = Deadline(timeout_ms)
        while not self.try_acquire(n):
            left = deadline.left_ms()  # before the wait is asked for: then a "too late" is sure
            wait = self.wait_ticks(n)
            if wait < 0 or left == 0 or wait // per_ms > left:
                return self.try_acquire(n)  # at the deadline they may just have come
            deadline.wait(min(left, wait // per_ms))
        return True

    def wait(self, n: int = 1):
        """`await bucket.wait(n)`: the task waits for n tokens and takes them.

        Tasks are served in the order in which they came. Raises ValueError when
        the tokens will never be there. Needs sluice.limit.tokenline, which says more.
        """
        if self._line is None:
            from sluice.limit.tokenline import TokenLine

            self._line = TokenLine(self, 1000 if self._ticks is time.ticks_us else 1)
        return self._line.acquire(n)

    def set_rate(self, rate, per=None) -> None:
        """Change the rate from now on; what was earned stays, to the unit.

        The ticks so far count at the old rate. A debt is rounded up to the new
        unit. per=None keeps `per`. Raises TypeError, or ValueError also when
        burst or the debt do not fit the new rate; then nothing changed.
        """
        terms = Terms(rate, self.per if per is None else per, self.burst)
        self._refill()
        self._change(terms, terms.converted(self.debt, self._den))

    def set_burst(self, burst) -> None:
        """Change the size; the tokens stay, capped at the new burst.

        Raises TypeError, or ValueError also when the debt would not fit; then
        nothing changed.
        """
        terms = Terms(self.rate, self.per, burst)
        self._refill()
        # A subclass can count in another unit than that of the reduced rate.
        held = (int(self._full) - int(self.debt)) * terms.den // self._den
        self._change(terms, max(0, burst * terms.den - held))

    def reset(self) -> None:
        """Fill the bucket, as it was when made."""
        self.debt = 0
        self.settled = self._ticks()

    def _grant_unlimited(self):
        self._refill()
        return True

    def _ticks_to_pay(self, debt):
        if debt <= 0:
            return 0
        num = self._num
        return (debt + num - 1) // num if num else -1

    def _change(self, terms, debt):
        """Adopt terms in the set-up. Raises ValueError, nothing changed, if they do not fit."""
        if debt > terms.most_debt:
            raise ValueError(
                "rate %s per %d ticks with burst %d can carry a debt of %d / %d tokens, not %d / %d"
                % (terms.rate, terms.per, terms.burst, terms.most_debt, terms.den, debt, terms.den)
            )
        self._adopt(terms, debt)

    def _adopt(self, terms, debt):
        """Count by these terms from now on, owing so much."""
        self.rate, self.per, burst = terms.rate, terms.per, terms.burst
        num, den, most_debt = terms.num, terms.den, terms.most_debt
        self.burst = burst
        self._num, self._den = num, den
        self._most_debt = most_debt
        self.debt = debt
        self._full = burst * den  # the debt of an empty bucket
        self._most = 0 if self.rate is None else burst  # what can be asked for at once
        self._pays_all = (most_debt + num - 1) // num if num else _SMALL_MAX  # ticks


TokenBucket = kernel("limit.bucket", "TokenBucket", TokenBucket)
