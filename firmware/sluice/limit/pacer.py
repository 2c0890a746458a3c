# SPDX-License-Identifier: MIT
"""Grants spread evenly: no burst, not even after an idle time."""

import time

from sluice.arguments import check_int
from sluice.limit.terms import Terms
from sluice.limit.tunable import TunableBucket


class Pacer(TunableBucket):
    """A bucket that grants whatever is asked for next once what was granted is paid.

    After a grant of n the next comes n * per / rate ticks later: a leaky bucket
    as a queue's pace (ITU-T I.371's virtual scheduling, GCRA, with a tolerance
    of `slack` ticks). TokenBucket asks for n tokens before, the Pacer has them
    paid after; so a small burst cannot follow an idle time, and n may be large.

    A TokenBucket with burst=1 is not the same. It cannot hold what is earned
    between the tick at which a token was complete and the tick at which it is
    taken: 300 a second in ticks of a ms come out as 250. The Pacer keeps that.

    rate, per, ticks: see TokenBucket, from rate 0 to unlimited.
    burst: the most that can be asked for at once: 1 for events, the longest
           record for bytes.
    slack: ticks, 1 to 2^29 - 1, for which the caller may be late without losing
           any of the rate. After an idle time grants may come up to `slack` ticks
           early; 1 is as even as ticks allow.
           With rate / per reduced to num / den, burst * den + slack * num must be
           within D of TokenBucket.

    Promise, for n = 1: in any stretch of time it grants at most
    1 + floor((elapsed + slack) * rate / per). Ask it at least every `slack` ticks,
    each time until it denies, while something is always waiting: then it has granted
    exactly 1 + floor(elapsed * rate / per) since the start.

    A change of rate, burst or part keeps what is to be paid before the next grant,
    in tokens, at whatever instant it comes; only of reservations, what is beyond D
    of the new terms is let go.

    `tokens()` is burst when a grant is due, else 0. Ownership: see TunableBucket.
    """

    def __init__(self, rate, burst=1, per=None, ticks=time.ticks_ms, slack=1):
        check_int("slack", slack, 1, (1 << 29) - 1)
        self.slack = slack
        self._spare = 0  # a grant is due while no more than this is owed
        self._den = 1
        TunableBucket.__init__(self, rate, burst, per, ticks)
        self.reset()

    def try_acquire(self, n: int = 1) -> bool:
        """Take n tokens if a grant is due. Hot.

        True: taken, or n <= 0, or unlimited. False: nothing changed; also for
        n > burst, which can never be granted.
        """
        if n <= 0:
            return True
        if n > self._most:
            return self.rate is None and self._grant_unlimited()
        debt = self._refill()
        if debt > self._spare:
            return False
        self.debt = debt + n * self._den
        return True

    def acquire_up_to(self, most: int) -> int:
        """Take tokens one by one while a grant is due, at most `most`; how many. Hot.

        With slack 1 that is one at a time. An unlimited Pacer gives `most`.
        """
        if most <= 0:
            return 0
        debt = self._refill()
        if self.rate is None:
            return most
        left = self._spare - debt
        if left < 0:
            return 0
        n = left // self._den + 1
        if n > most:
            n = most
        self.debt = debt + n * self._den
        return n

    def wait_ticks(self, n: int = 1) -> int:
        """Ticks until a grant is due, if nobody takes any before. Hot.

        0: now. k: in k ticks at the earliest, below 2^29. -1: never, because
        n > burst or because rate is 0.
        """
        if n <= 0:
            return 0
        if n > self._most:
            return 0 if self.rate is None else -1
        return self._ticks_to_pay(self._refill() - self._spare)

    def reserve(self, n: int = 1, max_wait: int = -1) -> int:
        """Take n tokens now, into debt if need be. Hot. See TokenBucket."""
        if n <= 0:
            return 0
        if n > self._most:
            return 0 if self.rate is None else -1
        debt = self._refill()
        wait = self._ticks_to_pay(debt - self._spare)
        if wait < 0 or 0 <= max_wait < wait:
            return -1
        cost = n * self._den
        if debt > self._most_debt - cost:
            return -1
        self.debt = debt + cost
        return wait

    def tokens(self) -> int:
        """burst when a grant is due now or the rate is unlimited, else 0. Hot."""
        if self.rate is None:
            return self.burst
        return self.burst if self._refill() <= self._spare else 0

    def set_burst(self, burst) -> None:
        """Change what can be asked for at once. Raises TypeError or ValueError; see TokenBucket."""
        terms = Terms(self.rate, self.per, burst)
        self._refill()
        self._change(terms, terms.converted(self.debt, self._den))

    def reset(self) -> None:
        """A grant is due from now on, as when it was made."""
        TunableBucket.reset(self)
        self.debt = self._spare

    def _change(self, terms, debt):
        num = terms.num
        most_slack = (terms.most_debt - terms.burst * terms.den + 1) // num if num else self.slack
        if most_slack < 1:
            raise ValueError(
                "rate %s per %d ticks with burst %d leaves no room for any slack"
                % (terms.rate, terms.per, terms.burst)
            )
        if self.slack > most_slack:
            raise ValueError(
                "slack must be from 1 to %d at rate %s per %d ticks with burst %d, not %d"
                % (most_slack, terms.rate, terms.per, terms.burst, self.slack)
            )
        # What was spare at the old rate is not owed, and what is at the new one is nobody's gain.
        owed = (int(self.debt) if debt else 0) - int(self._spare)
        debt = terms.converted(owed, self._den) + self._spare_of(num)
        debt = min(max(0, debt), terms.most_debt)
        TunableBucket._change(self, terms, debt)

    def _adopt(self, terms, debt):
        TunableBucket._adopt(self, terms, debt)
        self._spare = self._spare_of(terms.num)

    def _spare_of(self, num):
        return num * self.slack - 1 if num else 0
