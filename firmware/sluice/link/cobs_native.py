# SPDX-License-Identifier: MIT
"""COBS in viper."""

import micropython


@micropython.viper
def _encode(buf, start: int, end: int):
    """See sluice.link.cobs. Hot."""
    buf[end - 1]  # raises where the rest would go beyond the end
    b = ptr8(buf)
    last = start
    i = start + 1
    while i < end:
        if b[i] == 0:
            b[last] = i - last
            last = i
        i += 1
    b[last] = end - last


@micropython.viper
def _decode(buf, end: int) -> bool:
    """See sluice.link.cobs. Hot."""
    if end < 2 or end > 254:
        return False
    buf[end - 1]  # raises where the rest would go beyond the end
    b = ptr8(buf)
    i = int(b[0])
    while i < end:  # bound: no byte is 0, so each step goes on
        step = int(b[i])
        b[i] = 0
        i += step
    return i == end


def over(plain, name):
    """The same in viper."""
    return _encode if name == "encode" else _decode
