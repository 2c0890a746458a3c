# SPDX-License-Identifier: MIT
"""How busy a loop is: busy ticks over all ticks, and its longest turn."""

import time

from micropython import const

from sluice.kernels import kernel

_SMALL_MAX = const((1 << 30) - 1)
_HALF_PERIOD = const(1 << 29)
_MOST_TICKS = const(_SMALL_MAX // 1000)


class LoadMeter:
    """Measures the share of a loop's time that goes into turns with work.

    ticks: the clock. A turn shorter than a tick counts as one tick whenever the
    clock moves on in it, which is right on average, if turns are not in step with it.

    Read only: `longest`, the ticks of the longest turn with work since the last
    `close_interval`.

    Ownership: one owner, the loop.
    """

    def __init__(self, ticks=time.ticks_ms):
        self._ticks = ticks
        self._since = ticks()
        self._busy = 0
        self._all = 0
        self.longest = 0

    def turn(self, busy: bool) -> None:
        """Count the ticks since the last call, as busy or as idle. Hot.

        To be called once a turn. 2^29 ticks or more between two calls count as none.
        """
        now = self._ticks()
        elapsed = now - self._since & _SMALL_MAX
        self._since = now
        if elapsed >= _HALF_PERIOD:  # negative
            return
        if elapsed > _SMALL_MAX - self._all:
            self._all >>= 1  # the past counts half
            self._busy >>= 1
        self._all += elapsed
        if busy:
            self._busy += elapsed
            if elapsed > self.longest:
                self.longest = elapsed

    def close_interval(self) -> int:
        """Busy ticks in 1,000 since the last call; counts again from 0, `longest` too. Hot.

        0 when no tick has passed.
        """
        every, busy = self._all, self._busy
        self._busy = self._all = self.longest = 0
        if every > _MOST_TICKS:
            return min(1000, busy // (every // 1000))
        return busy * 1000 // every if every else 0


LoadMeter = kernel("flow.load", "LoadMeter", LoadMeter)
