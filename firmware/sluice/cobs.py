"""Consistent Overhead Byte Stuffing, in place, for contents of at most 253 bytes.

The encoding removes all zero bytes, so that a zero can end a frame: each zero
is replaced by the distance to the next one, and one byte in front holds the
distance to the first. (S. Cheshire and M. Baker, 1999.) A content below 254
bytes never needs a second extra byte, so it stays where it is in the buffer.
"""


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


def decode(buf, end: int) -> bool:
    """Decode buf[0:end], which holds no zero, into the content in buf[1:end]. Hot.

    False: not the encoding of 1 to 253 bytes; buf is then spoilt.
    """
    if end < 2 or end > 254:
        return False
    i = buf[0]
    while i < end:
        step = buf[i]
        buf[i] = 0
        i += step
    return i == end
