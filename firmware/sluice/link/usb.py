# SPDX-License-Identifier: MIT
"""The console of a board on its own USB port as a line that is read in blocks."""

import io
import os
import time

from micropython import const

from sluice.kernels import kernel
from sluice.link.stdio import StdioLine

_AT_MOST = const(64)
_CTRL_C = const(0x03)
_QUIET_MS = const(50)  # less than a line is at rest for Frames
_FILLERS = const(256)

_ticks_ms, _ticks_diff = time.ticks_ms, time.ticks_diff


def trim(buf, fillers: int) -> int:
    """Take so many fillers out of a block; the bytes that are left. Hot.

    They are at its end, except for what came while they were read.
    """
    n = len(buf)
    while n > 0 and fillers and buf[n - 1] == _CTRL_C:
        n -= 1
        fillers -= 1
    if fillers == 0:
        return n
    to = 0
    for at in range(n):
        if buf[at] == _CTRL_C and fillers:
            fillers -= 1
        else:
            buf[to] = buf[at]
            to += 1
    return to


trim = kernel("link.usb", "trim", trim)


class UsbLine(StdioLine):
    """A StdioLine that reads several bytes at once, for the port rp2.

    A read of several bytes waits until all have come. So while it reads, the
    port has a second terminal, which has a filler for each byte that is not
    there: 0x03, since no frame has one. Text is read byte by byte, so that what
    follows a Ctrl-C is left for the REPL: blocks are read from the first zero
    byte on until the line was quiet for 50 ms. The program must have switched
    Ctrl-C off: `micropython.kbd_intr(-1)`.

    Ownership: the main loop alone.
    """

    def __init__(self):
        StdioLine.__init__(self)
        self._fillers = io.BytesIO(bytes([_CTRL_C]) * _FILLERS)
        self._in_blocks = False
        self._heard = 0  # the ms at which something came last

    def readinto(self, buf) -> int:
        """Fill buf with what is there, up to 64 bytes; returns how many. Hot.

        A Ctrl-C in text is the last one: if it ends the program, what follows is
        for the REPL.
        """
        ready = self._ready()
        if not ready and not self._in_blocks:
            return 0
        now = _ticks_ms()
        # Also when something is there: a loop that was held up has not seen the quiet before it.
        if self._in_blocks and _ticks_diff(now, self._heard) >= _QUIET_MS:
            self._in_blocks = False
        if not ready:
            return 0
        self._heard = now
        return self._read_block(buf) if self._in_blocks else self._read_text(buf)

    def _read_block(self, buf):
        fillers = self._fillers
        fillers.seek(0)  # type: ignore[attr-defined]  # the stubs lack it
        other = os.dupterm(fillers)
        self._in.readinto(buf)
        os.dupterm(other)
        return trim(buf, fillers.tell())  # type: ignore[attr-defined]

    def _read_text(self, buf):
        for n in range(min(_AT_MOST, len(buf))):
            if n and not self._ready():
                return n
            self._in.readinto(self._one)
            byte = buf[n] = self._one[0]
            if byte == 0 or byte == _CTRL_C:
                self._in_blocks = byte == 0
                return n + 1
        return min(_AT_MOST, len(buf))
