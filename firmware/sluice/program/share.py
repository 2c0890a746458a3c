# SPDX-License-Identifier: MIT
"""A board's share of a rate that a fleet has together.

docs/fleet.md is the protocol, and why the sum of all shares never exceeds the budget.
"""

import time

from micropython import const

_COUNT_MASK = const(0xFFFFFF)

_ticks_diff = time.ticks_diff


class Share:
    """What the board may send: its guaranteed share, and an extra until a tick.

    guaranteed: tokens a second that it has whatever happens, as it was kept on flash.
    adopt: a function of (rate) in tokens a second, which gives it to the bucket; None: the
           board takes part in no budget, and takes no grant.
    keep:  a function of (guaranteed) that keeps it on flash; when it raises OSError, the
           grant is not taken.
    ticks:  the clock.

    The bucket's clock is `clock`. It stands still at the end of the extra until `poll` has
    brought the guaranteed share in force: so the bucket is settled exactly at that tick,
    however late the loop comes.

    Read only:
      hello, count  what the gateway greeted this board with last, and how often it was
                    greeted: together they are the epoch, which no two greetings share
      number        of the last grant taken in this epoch, 0: none
      guaranteed, extra   tokens a second in force; the extra is 0 when its time is over

    Ownership: the main loop alone.
    """

    def __init__(self, guaranteed, adopt, keep, ticks=time.ticks_ms):
        self._adopt = adopt
        self._keep = keep
        self._ticks = ticks
        self._until = 0  # the tick at which the extra ends
        self.guaranteed = guaranteed
        self.extra = 0
        self.hello = 0
        self.count = 0
        self.number = 0

    def clock(self) -> int:
        """The present tick, but not beyond the end of an extra that is still in force. Hot."""
        now = self._ticks()
        return self._until if self.extra and _ticks_diff(self._until, now) < 0 else now

    def poll(self, now) -> None:
        """Fall back to the guaranteed share, if the extra is over at tick `now`. Hot.

        To be called in each turn of the loop. When it falls back, `adopt` may allocate.
        """
        if self.extra and _ticks_diff(self._until, now) <= 0:
            self._adopt(self.guaranteed)
            self.extra = 0

    @property
    def rate(self) -> int:
        """Tokens a second in force."""
        return self.guaranteed + self.extra

    @property
    def takes_part(self) -> bool:
        """Whether the board's rate comes from a budget."""
        return self._adopt is not None

    def greet(self, hello) -> None:
        """A gateway has come: a new epoch begins, and what is in force stays."""
        self.hello = hello
        self.count = self.count + 1 & _COUNT_MASK
        self.number = 0

    def apply(self, hello, count, number, guaranteed, extra, until) -> bool:
        """Bring a grant in force. False: it is another epoch's, old, over, or not kept on flash.

        guaranteed, extra: tokens a second, 0 to 2^30 - 1.  until: the tick from which on the
        guaranteed share alone is in force.
        """
        if self._adopt is None or hello != self.hello or count != self.count:
            return False
        if number <= self.number or _ticks_diff(until, self._ticks()) <= 0:
            return False
        if guaranteed != self.guaranteed:
            try:
                self._keep(guaranteed)
            except OSError:
                return False
        self.poll(self._ticks())
        self._adopt(guaranteed + extra)
        self.number, self.guaranteed, self.extra, self._until = number, guaranteed, extra, until
        return True
