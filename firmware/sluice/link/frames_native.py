# SPDX-License-Identifier: MIT
"""Frames' way of what is received in viper: from the line to a whole frame."""

import micropython
from micropython import const

from sluice.crc16 import crc16
from sluice.link.cobs import decode, unstuff

_MOST = const(254)  # bytes between two zeros
_READS = const(2)


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the Frames.
    """

    class Frames(plain):
        """sluice.link.frames.Frames."""

        @micropython.viper
        def receive(self) -> int:
            """See Frames. Hot. Raises KeyboardInterrupt."""
            heard = 0
            reads = _READS
            while reads:
                reads -= 1
                if int(self._chunk_at) == int(self._chunk_end) and not self._read():
                    break
                heard = -1
                # bound: a scan passes a byte of the chunk, or all
                while int(self._chunk_at) < int(self._chunk_end):
                    if self._scan():
                        end = int(self._boundary())
                        if end:
                            return end
            return heard

        @micropython.viper
        def _read(self) -> bool:
            """See Frames. Hot. Raises KeyboardInterrupt."""
            at = int(self._size)
            chunk = self._chunks[at]
            came = self._line.readinto(chunk)
            if not came:
                return bool(self._nothing())
            n = int(came)
            size = int(len(chunk))
            if n == size:
                if at < 2:
                    self._size = at + 1
            elif 2 * n <= size and at:
                self._size = at - 1
            self._at_rest = False
            self._heard = self._ticks()
            self._chunk_at = 0
            self._chunk_end = n
            return True

        @micropython.viper
        def _scan(self) -> bool:
            """See Frames. Hot. Raises KeyboardInterrupt."""
            at = int(self._chunk_at)
            source = ptr8(self._chunk)
            if not self._in_frame:
                if source[at]:
                    return bool(plain._scan(self))  # text
            else:
                end = int(self._chunk_end)
                frame = ptr8(self.received)
                fill = int(self._fill)
                while at < end:
                    byte = source[at]
                    if byte == 0:
                        break
                    if fill < _MOST:
                        frame[fill] = byte
                    fill += 1
                    at += 1
                self._fill = fill if fill <= _MOST else _MOST + 1
                if at == end:
                    self._chunk_at = at
                    return False
            self._chunk_at = at + 1
            self._only_text = False
            return True

        @micropython.viper
        def _boundary(self) -> int:
            """See Frames. Hot."""
            n = int(self._fill)
            self._fill = 0
            if not self._in_frame:
                self._in_frame = True
            elif n:
                received = self.received
                n -= 1
                if n > 3 and unstuff(received, n + 1) and decode(received, n):
                    n -= 2
                    frame = ptr8(received)
                    if int(crc16(received, 1, n)) == frame[n] | frame[n + 1] << 8:
                        self._in_frame = False
                        self._only_text = True
                        self._ctrl_c.frame_passed()
                        return n
                self.count_bad()  # and this zero may have opened the next frame
            return 0

    return Frames
