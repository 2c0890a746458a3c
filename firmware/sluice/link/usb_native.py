# SPDX-License-Identifier: MIT
"""UsbLine's `trim` in viper."""

import micropython
from micropython import const

_CTRL_C = const(0x03)


@micropython.viper
def _trim(buf, fillers: int) -> int:
    b = ptr8(buf)
    n = int(len(buf))
    while n > 0 and fillers and b[n - 1] == _CTRL_C:
        n -= 1
        fillers -= 1
    if fillers == 0:
        return n
    to = 0
    at = 0
    while at < n:
        byte = b[at]
        at += 1
        if byte == _CTRL_C and fillers:
            fillers -= 1
        else:
            b[to] = byte
            to += 1
    return to


def over(plain, name):
    """A function that does in viper what the plain one does."""
    return _trim
