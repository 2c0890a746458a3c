# SPDX-License-Identifier: MIT
"""Events with a gap between them: the first goes at once, what comes too soon does not."""

import time

from micropython import const

from sluice.arguments import check_callable, check_int

_SMALL_MAX = const((1 << 30) - 1)
_MOST_TICKS = const((1 << 29) - 1)
_NOBODY = const(-1)


class Throttle:
    """Lets at most one event go in `gap_ticks`, and the first at once.

    gap_ticks: ticks, 1 to 2^29 - 1, from an event that goes to the next that may.
    ticks: a function without arguments that returns the time as ticks that wrap
           at 2^30, from a source that does not go back.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Promise: an event goes when the last that went is at least `gap_ticks` old,
    whatever came in between. After 2^30 ticks without an event (12.4 days in ms,
    17.9 minutes in us) those of one gap may be refused, unless `refill` is called
    at least every 2^29 ticks.

    Ownership: `try_acquire` is called from one place, an interrupt handler (hard
    ones too) or the main loop; `refill` from one place, the same or another. With
    two callers of `try_acquire`, both may let their event go.

    A TokenBucket with rate 1 and burst 1 per `gap_ticks` decides the same; but it
    has one owner, so an interrupt's bucket cannot be refilled by the main loop.

    Read only: `gap_ticks`; `refused`, events that did not go, up to 2^30 - 1.
    """

    def __init__(self, gap_ticks, ticks=time.ticks_ms):
        check_int("gap_ticks", gap_ticks, 1, _MOST_TICKS)
        check_callable("ticks", ticks)
        self.gap_ticks = gap_ticks
        self.refused = 0
        self._ticks = ticks
        # The caller of `try_acquire` writes when the last event went, and then its number, modulo
        # 2^29. Whoever calls `refill` writes of which event the gap is over, so that an event
        # that goes meanwhile, which has another number, keeps its own.
        self._went_at = 0
        self._went = self._over = _NOBODY

    def try_acquire(self) -> bool:
        """Whether this event may go. Hot.

        True: it goes, and the gap begins. False: it comes too soon, and is counted.
        """
        went = self._went
        in_gap = went != self._over  # asked first: what is forgotten later is over at `now`
        now = self._ticks()
        if in_gap and 0 <= time.ticks_diff(now, self._went_at) < self.gap_ticks:
            if self.refused != _SMALL_MAX:
                self.refused += 1
            return False
        self._went_at = now
        self._went = went + 1 & _MOST_TICKS
        return True

    def refill(self) -> None:
        """Forget a gap that is over, before its tick means something else. Hot.

        Who calls it does so at least every 2^29 ticks: once a second, say.
        """
        went = self._went
        if went == self._over:
            return
        went_at = self._went_at
        over = not 0 <= time.ticks_diff(self._ticks(), went_at) < self.gap_ticks
        self._over = went if over else _NOBODY
