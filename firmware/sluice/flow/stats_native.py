"""Stats' `admit`, `attempt` and `roll` in viper."""

import time
from array import array

import micropython
from micropython import const

from sluice.flow.stats import Stats as Plain
from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)

# The words of the state.
_SINCE = const(0)
_SECOND = const(1)
_IN_SECOND = const(2)
_ADMITTED = const(3)
_TRIED = const(4)
_SINK_TICKS = const(5)
_MISSED = const(6)
_WORDS = const(7)


class Stats(Plain):
    """sluice.flow.stats.Stats."""

    _since = word(_SINCE)
    _second = word(_SECOND)
    _in_second = word(_IN_SECOND)
    admitted = word(_ADMITTED)
    _tried = word(_TRIED)
    _sink_ticks = word(_SINK_TICKS)
    _missed = word(_MISSED)

    def __init__(self, ticks=time.ticks_ms, per_second=1000):
        self._state = array("i", [0] * _WORDS)
        Plain.__init__(self, ticks, per_second)

    @micropython.viper
    def admit(self, now: int, sojourn: int):
        """See Stats. Hot."""
        s = ptr32(self._state)
        if now - s[_SINCE] & _SMALL_MAX >= s[_SECOND]:
            self._roll(now)
        s[_IN_SECOND] += 1
        if s[_ADMITTED] != _SMALL_MAX:
            s[_ADMITTED] += 1
        self._sojourn.add(sojourn)

    @micropython.viper
    def attempt(self, taken, took: int):
        """See Stats. Hot."""
        s = ptr32(self._state)
        if s[_TRIED] == _SMALL_MAX:
            return
        s[_TRIED] += 1
        if not taken:
            s[_MISSED] += 1
        if took > 0:
            ticks = s[_SINK_TICKS]
            s[_SINK_TICKS] = ticks + took if ticks < _SMALL_MAX - took else _SMALL_MAX

    @micropython.viper
    def roll(self, now: int):
        """See Stats. Hot."""
        s = ptr32(self._state)
        if now - s[_SINCE] & _SMALL_MAX >= s[_SECOND]:
            self._roll(now)

    def _roll(self, now):
        Plain.roll(self, now)
