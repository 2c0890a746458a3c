# SPDX-License-Identifier: MIT
"""When to try again what failed: later each time, and never in step with others."""

import time
from random import getrandbits

from micropython import const

_LAST_MS = const(60000)


class Backoff:
    """Says when the next attempt is due: after the first failure within `first_ms`, then within
    twice that, up to a minute.

    The second half of each wait is drawn at random (jitter), so that boards that lost a server
    together do not come back to it together.

    ticks: a clock in ms.  first_ms: 1,000 to 60,000.
    """

    def __init__(self, ticks=time.ticks_ms, first_ms=1000):
        self._ticks = ticks
        self._first = first_ms
        self._most = 0  # of the last wait
        self._wait = 0  # from _from on; 0: it is over
        self._from = 0

    def due(self) -> bool:
        """Whether the wait is over; to be asked at least every 2^29 ms. Hot."""
        if self._wait and 0 <= time.ticks_diff(self._ticks(), self._from) < self._wait:
            return False
        self._wait = 0
        return True

    def failed(self) -> None:
        """The attempt failed: wait. Hot."""
        most = self._most * 2 or self._first
        self._most = most = most if most < _LAST_MS else _LAST_MS
        self._wait = most - getrandbits(16) % (most >> 1)
        self._from = self._ticks()

    def wait(self, ms: int) -> None:
        """The other end wants the attempt in so many ms, 1 to 2^29 - 1. Hot."""
        self._wait = ms
        self._from = self._ticks()

    def succeeded(self) -> None:
        """It did what it is for: the next failure is the first one. Hot."""
        self._most = self._wait = 0
