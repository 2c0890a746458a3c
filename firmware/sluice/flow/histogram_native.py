# SPDX-License-Identifier: MIT
"""LogHistogram's `add` in viper."""

from array import array

import micropython
from micropython import const

from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)
_LAST = const(7 + 8 * 26)  # the bucket of the largest values

# The words of the state.
_HISTOGRAM_COUNT = const(0)
_HISTOGRAM_LOW = const(1)
_HISTOGRAM_END = const(2)
_HISTOGRAM_WORDS = const(3)


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the LogHistogram.
    """

    class LogHistogram(plain):
        """sluice.flow.histogram.LogHistogram."""

        count = word(_HISTOGRAM_COUNT)
        _low = word(_HISTOGRAM_LOW)
        _end = word(_HISTOGRAM_END)

        def __init__(self):
            self._state = array("i", [0] * _HISTOGRAM_WORDS)
            plain.__init__(self)

        @micropython.viper
        def add(self, value: int):
            """See LogHistogram. Hot."""
            s = ptr32(self._state)
            if s[_HISTOGRAM_COUNT] == _SMALL_MAX:
                return
            s[_HISTOGRAM_COUNT] += 1
            if value < 0:
                value = 0
            if value >> 29:
                value = _LAST
            else:
                octave = 0
                while value > 15:  # bound: halved, 25 times at most
                    value >>= 1
                    octave += 8
                value += octave
            ptr32(self._counts)[value] += 1
            if value < s[_HISTOGRAM_LOW]:
                s[_HISTOGRAM_LOW] = value
            if value >= s[_HISTOGRAM_END]:
                s[_HISTOGRAM_END] = value + 1

    return LogHistogram
