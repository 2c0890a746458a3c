# SPDX-License-Identifier: MIT
"""The serial console of a board (USB or UART, whatever its REPL uses) as a line."""

import select
import sys

from micropython import const

_AT_MOST = const(64)
_CTRL_C = const(0x03)


class StdioLine:
    """Reads what has come in at once, and writes, without allocating.

    The port's own stdin waits until a buffer is full, so bytes are asked for one
    at a time, each only when the port says that it is there.

    Ownership: the main loop alone.
    """

    def __init__(self):
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._one = bytearray(1)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def readinto(self, buf) -> int:
        """Fill buf with what is there, up to 64 bytes; returns how many. Hot.

        A Ctrl-C is the last one: if it ends the program, what follows is for the REPL.
        """
        n = 0
        byte = 0
        while byte != _CTRL_C and n < _AT_MOST and n < len(buf) and self._ready():
            self._in.readinto(self._one)
            byte = self._one[0]
            buf[n] = byte
            n += 1
        return n

    def write(self, buf, n: int) -> int:
        """Send buf[:n]; returns how many bytes the port took. Hot."""
        return self._out.write(buf, n) or 0

    def _ready(self):
        for _ in self._poll.ipoll(0):  # bound: the first turn returns
            return True
        return False
