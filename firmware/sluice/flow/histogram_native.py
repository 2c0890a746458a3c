"""LogHistogram's `add` in viper."""

from array import array

import micropython
from micropython import const

from sluice.flow.histogram import LogHistogram as Plain
from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)
_LAST = const(7 + 8 * 26)  # the bucket of the largest values

# The words of the state.
_COUNT = const(0)
_LOW = const(1)
_HIGH = const(2)
_WORDS = const(3)


class LogHistogram(Plain):
    """sluice.flow.histogram.LogHistogram."""

    count = word(_COUNT)
    _low = word(_LOW)
    _high = word(_HIGH)

    def __init__(self):
        self._state = array("i", [0] * _WORDS)
        Plain.__init__(self)

    @micropython.viper
    def add(self, value: int):
        """See LogHistogram. Hot."""
        s = ptr32(self._state)
        if s[_COUNT] == _SMALL_MAX:
            return
        s[_COUNT] += 1
        if value < 0:
            value = 0
        if value >> 29:
            value = _LAST
        else:
            octave = 0
            while value > 15:
                value >>= 1
                octave += 8
            value += octave
        ptr32(self._counts)[value] += 1
        if value < s[_LOW]:
            s[_LOW] = value
        if value > s[_HIGH]:
            s[_HIGH] = value
