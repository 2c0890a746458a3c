# SPDX-License-Identifier: MIT
"""Consistent Overhead Byte Stuffing, in place, for contents of at most 253 bytes.

The encoding removes all zero bytes, so that a zero can end a frame: each zero
is replaced by the distance to the next one, and one byte in front holds the
distance to the first. (S. Cheshire and M. Baker, 1999.) A content below 254
bytes never needs a second extra byte, so it stays where it is in the buffer.

Frames to a board are stuffed a second time, backwards and against Ctrl-C: a
REPL or a boot that hears a frame must not be stopped by it.
"""

from micropython import const

from sluice.kernels import kernel

_CTRL_C = const(0x03)


def encode(buf, start: int, end: int) -> None:
    """Encode the content in buf[start + 1:end] into buf[start:end]. Hot.

    The content is 1 to 253 bytes; buf[start] is overwritten.
    """
    last = start
    for i in range(start + 1, end):
        if buf[i] == 0:
            buf[last] = i - last
            last = i
    buf[last] = end - last


encode = kernel("link.cobs", "encode", encode)


def decode(buf, end: int) -> bool:
    """Decode buf[0:end], which holds no zero, into the content in buf[1:end]. Hot.

    False: not the encoding of 1 to 253 bytes; buf is then spoilt.
    """
    if end < 2 or end > 254:
        return False
    i = buf[0]
    while i < end:  # bound: no byte is 0, so each step goes on
        step = buf[i]
        buf[i] = 0
        i += step
    return i == end


decode = kernel("link.cobs", "decode", decode)


def unstuff(buf, end: int) -> bool:
    """Put the 0x03 back into buf[0:end - 1]; buf[0:end] holds no zero. Hot.

    The last byte tells how far before it the last 0x03 stood, that place how
    far before it the one before, and so on to the place before the first byte.
    A distance above 2 is written one higher, so that none is 0x03 itself.

    False: not stuffed so, or more than 254 bytes; buf is then spoilt.
    """
    if end > 254:
        return False
    i = end - 1
    while i >= 0:  # bound: no byte is 0, so each step goes back
        step = buf[i]
        if step == _CTRL_C:
            return False
        buf[i] = _CTRL_C
        i -= step - 1 if step > _CTRL_C else step
    return i == -1
