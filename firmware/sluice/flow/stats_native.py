# SPDX-License-Identifier: MIT
"""Stats' `admit`, `attempt` and `roll` in viper."""

import time
from array import array

import micropython
from micropython import const

from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)

# The words of the state.
_STATS_SINCE = const(0)
_STATS_SECOND = const(1)
_STATS_IN_SECOND = const(2)
_STATS_ADMITTED = const(3)
_STATS_TRIED = const(4)
_STATS_SINK_TICKS = const(5)
_STATS_MISSED = const(6)
_STATS_WORDS = const(7)


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the Stats.
    """

    class Stats(plain):
        """sluice.flow.stats.Stats."""

        _since = word(_STATS_SINCE)
        _second = word(_STATS_SECOND)
        _in_second = word(_STATS_IN_SECOND)
        admitted = word(_STATS_ADMITTED)
        _tried = word(_STATS_TRIED)
        _sink_ticks = word(_STATS_SINK_TICKS)
        _missed = word(_STATS_MISSED)

        def __init__(self, ticks=time.ticks_ms, per_second=1000):
            self._state = array("i", [0] * _STATS_WORDS)
            plain.__init__(self, ticks, per_second)

        @micropython.viper
        def admit(self, now: int, sojourn: int):
            """See Stats. Hot."""
            s = ptr32(self._state)
            if now - s[_STATS_SINCE] & _SMALL_MAX >= s[_STATS_SECOND]:
                self._roll(now)
            s[_STATS_IN_SECOND] += 1
            if s[_STATS_ADMITTED] != _SMALL_MAX:
                s[_STATS_ADMITTED] += 1
            self._sojourn.add(sojourn)

        @micropython.viper
        def attempt(self, taken, took: int):
            """See Stats. Hot."""
            s = ptr32(self._state)
            if s[_STATS_TRIED] == _SMALL_MAX:
                return
            s[_STATS_TRIED] += 1
            if not taken:
                s[_STATS_MISSED] += 1
            if took > 0:
                ticks = s[_STATS_SINK_TICKS]
                s[_STATS_SINK_TICKS] = ticks + took if ticks < _SMALL_MAX - took else _SMALL_MAX

        @micropython.viper
        def roll(self, now: int):
            """See Stats. Hot."""
            s = ptr32(self._state)
            if now - s[_STATS_SINCE] & _SMALL_MAX >= s[_STATS_SECOND]:
                self._roll(now)

        def _roll(self, now):
            plain.roll(self, now)

    return Stats
