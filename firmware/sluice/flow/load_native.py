# SPDX-License-Identifier: MIT
"""LoadMeter's `turn` in viper."""

import time
from array import array

import micropython
from micropython import const

from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)
_HALF_PERIOD = const(1 << 29)

# The words of the state.
_LOAD_SINCE = const(0)
_LOAD_BUSY = const(1)
_LOAD_ALL = const(2)
_LOAD_LONGEST = const(3)
_LOAD_WORDS = const(4)


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the LoadMeter.
    """

    class LoadMeter(plain):
        """sluice.flow.load.LoadMeter."""

        _since = word(_LOAD_SINCE)
        _busy = word(_LOAD_BUSY)
        _all = word(_LOAD_ALL)
        longest = word(_LOAD_LONGEST)

        def __init__(self, ticks=time.ticks_ms):
            state = self._state = array("i", [0] * _LOAD_WORDS)
            plain.__init__(self, ticks)

            @micropython.viper
            def turn(busy):
                s = ptr32(state)
                now = int(ticks())
                elapsed = now - s[_LOAD_SINCE] & _SMALL_MAX
                s[_LOAD_SINCE] = now
                if elapsed >= _HALF_PERIOD:  # negative
                    return
                if elapsed > _SMALL_MAX - s[_LOAD_ALL]:
                    s[_LOAD_ALL] >>= 1
                    s[_LOAD_BUSY] >>= 1
                s[_LOAD_ALL] += elapsed
                if busy:
                    s[_LOAD_BUSY] += elapsed
                    if elapsed > s[_LOAD_LONGEST]:
                        s[_LOAD_LONGEST] = elapsed

            if type(self).turn is plain.turn:
                self.turn = turn

    return LoadMeter
