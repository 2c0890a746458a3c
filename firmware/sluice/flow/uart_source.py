# SPDX-License-Identifier: MIT
"""Bytes of a UART as records in a ring: lines, or frames of a length or between silences."""

import time

from micropython import const

from sluice.flow.slots import free_slot

_AT_MOST = const(64)  # bytes that a turn of the loop reads
_LINE_FEED = const(10)
_CARRIAGE_RETURN = const(13)

_ticks_diff = time.ticks_diff


class UartSource:
    """Makes a record of each line that a UART receives, or of each frame.

    ring:    a RecordRing.
    uart:    has `any() -> int` and `readinto(buf, n) -> int`, as machine.UART: as many as there
             are, n, or the buffer holds.
    dropped: a function without arguments, called for each line or frame of which no record is
             made: it is longer than a slot, or a silence came before its end.
    ticks:   the ring's clock.
    length:  bytes of a frame, 1 to the ring's size; 0: lines, or what stands between silences.
    silence: ticks without a byte that end a frame, below 2^29; 0: none does.

    A line ends with LF or CR LF, which are not in the record; an empty one is no record. With
    neither length nor silence there are lines. With both, a silence drops what is there of a
    frame, so that the next byte begins one.

    A full queue that rejects is given nothing, so nothing is refused: the bytes wait in the UART,
    and are lost when its own buffer is full, which nobody can see.

    Ownership: the only producer of the ring, in the main loop.
    """

    def __init__(self, ring, uart, dropped, ticks=time.ticks_ms, length=0, silence=0):
        self._ring = ring
        self._uart = uart
        self._dropped = dropped
        self._ticks = ticks
        self._length = length
        self._silence = silence
        self._most = length or ring.size
        self._ending = -1 if length or silence else _LINE_FEED
        self._chunk = bytearray(_AT_MOST)
        self._at = 0  # of the chunk's next byte
        self._end = 0
        self._slot = self._chunk  # of the record that is being read, once there is one
        # Its bytes. One more than a slot has: a CR behind them. Two more: it is too long.
        self._n = 0
        self._heard = 0  # the tick at which bytes came last; compared while there are some

    def poll(self) -> bool:
        """Read what has come, 64 bytes at most, and put its records; whether there was any. Hot."""
        if self._at == self._end and not self._receive():
            return self._n > 0 and self._ends_in_silence()
        before = self._at
        while self._at != self._end and self._advance():  # bound: each turn takes a byte or more
            pass
        return self._at != before

    def _receive(self):
        n = self._uart.any()
        if n <= 0:
            return False
        self._at = 0
        self._end = self._uart.readinto(self._chunk, n) or 0
        self._heard = self._ticks()
        return self._end > 0

    def _advance(self):
        """Take bytes up to an end; False: there is no room for a record."""
        if self._n == 0 and not self._claims():
            return False
        self._fill()
        if 0 < self._length == self._n:
            self._publish(self._n)
        elif self._at != self._end:
            self._stop(self._chunk[self._at])
            self._at += 1
        return True

    def _claims(self):
        slot = free_slot(self._ring)
        if slot is None:
            return False
        self._slot = slot
        return True

    def _fill(self):
        """Copy up to a line's end, the end of the chunk, or as many as there is room for."""
        slot = self._slot
        chunk = self._chunk
        ending = self._ending
        at = self._at
        behind = at - self._n
        end = behind + self._most
        if end > self._end:
            end = self._end
        while at < end and chunk[at] != ending:
            slot[at - behind] = chunk[at]
            at += 1
        self._n = at - behind
        self._at = at

    def _stop(self, byte):
        """A line's end, or a byte for which there is no room any more."""
        n, most = self._n, self._most
        if byte == self._ending:
            if n > most + 1:
                self._drop()
            else:
                self._publish(self._without_cr(n))
        elif byte == _CARRIAGE_RETURN and n == most and self._ending >= 0:
            self._n = n + 1
        else:
            self._n = most + 2

    def _without_cr(self, n):
        if n and (n > self._most or self._slot[n - 1] == _CARRIAGE_RETURN):
            return n - 1
        return n

    def _ends_in_silence(self):
        silence = self._silence
        if silence == 0 or 0 <= _ticks_diff(self._ticks(), self._heard) < silence:
            return False
        if self._length or self._n > self._most:
            self._drop()
        else:
            self._publish(self._n)
        return True

    def _publish(self, n):
        self._n = 0
        if n:
            self._ring.publish(n)

    def _drop(self):
        self._n = 0
        self._dropped()
