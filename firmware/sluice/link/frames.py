# SPDX-License-Identifier: MIT
"""Frames on a serial line that carries console text too.

A frame stands between two zero bytes: COBS over a content and its CRC-16,
253 bytes at most; towards the board 0x03 is stuffed as well. Everything else
on the line is text. docs/link.md tells more.
"""

import time

from micropython import const

from sluice.crc16 import crc16
from sluice.kernels import kernel
from sluice.link.cobs import decode, encode, unstuff
from sluice.link.ctrl_c import CtrlC

OVERHEAD = const(5)  # bytes that `seal` adds: two zeros, the COBS byte, the checksum

_MOST = const(254)  # bytes between two zeros
_READS = const(2)
_SMALL_MAX = const((1 << 30) - 1)

_ticks_diff = time.ticks_diff


def seal(buf, end: int) -> int:
    """Make the content in buf[2:end] a frame that begins at buf[0]; its length in bytes. Hot.

    buf has at least 3 bytes more than `end`.
    """
    crc = crc16(buf, 2, end)
    buf[end] = crc & 255
    buf[end + 1] = crc >> 8
    end += 2
    encode(buf, 1, end)
    buf[0] = buf[end] = 0
    return end + 1


def put(buf, at: int, value: int, size: int) -> None:
    """Write an unsigned integer into buf[at:at + size], little-endian. Hot."""
    for i in range(at, at + size):
        buf[i] = value & 255
        value >>= 8


class Frames:
    """Receives and sends frames through two buffers made at start.

    line:    `readinto(buf) -> int | None` gives at once what has come in, 0 or
             None if nothing; `write(buf, n) -> int` sends n bytes and returns how
             many it sent.
    ticks:   the clock.  silence: ticks without a byte after which the line is at
             rest: an unfinished frame is dropped, and what comes next can be a
             Ctrl-C.

    received: buffer of the frame that `receive` returned; content from byte 1 on.
    sent:     buffer for the frame to send; content from byte 2 on.
    bad:      frames dropped, because they were damaged, too long or unfinished, and
              what `count_bad` was told; stops at 2^30 - 1. Read only.

    Ownership: the main loop alone.
    """

    def __init__(self, line, ticks=time.ticks_ms, silence=100):
        self._line = line
        self._write_out = line.write
        self._ticks = ticks
        self._silence = silence
        chunk = memoryview(bytearray(64))
        # How much is asked for at once follows what comes: a line that reads in blocks needs time
        # for what it has not got, too.
        self._chunks = (chunk[:16], chunk[:32], chunk)
        self._size = 2  # of these the one for the next read
        self._chunk = chunk
        self._chunk_at = 0  # what lies before it has been looked at
        self._chunk_end = 0
        self._heard = 0  # the tick at which the last bytes came
        self._in_frame = False
        self._fill = 0
        self._at_rest = True
        self._only_text = True  # has come since the line was last at rest, or the last whole frame
        self._ctrl_c = CtrlC()
        self.received = bytearray(_MOST)
        self.sent = bytearray(_MOST + 2)
        self.bad = 0

    def receive(self) -> int:
        """The end of the next frame's content in `received`. Hot.

        0: the line is silent. -1: bytes came, but no frame is whole yet. Reads
        the line twice at most: the longest frame takes two turns of a loop, so
        that none is long. Text is passed over.
        Raises KeyboardInterrupt when it is a Ctrl-C, see CtrlC.
        """
        heard = 0
        reads = _READS
        while reads:
            reads -= 1
            if self._chunk_at == self._chunk_end and not self._read():
                break
            heard = -1
            # bound: a scan passes a byte of the chunk, or all
            while self._chunk_at < self._chunk_end:
                if self._scan():
                    end = self._boundary()
                    if end:
                        return end
        return heard

    def send(self, end: int) -> bool:
        """Send the content in sent[2:end] as a frame; True when the line took all of it. Hot."""
        return self.write(self.sent, seal(self.sent, end))

    def write(self, buf, n: int) -> bool:
        """Send the sealed frame in buf[:n]; True when the line took all of it. Hot."""
        return self._write_out(buf, n) == n

    def _read(self):
        chunk = self._chunks[self._size]
        n = self._line.readinto(chunk)
        if n:
            if n == len(chunk) and self._size < 2:
                self._size += 1
            elif 2 * n <= len(chunk) and self._size:
                self._size -= 1
            self._at_rest = False
            self._heard = self._ticks()
            self._chunk_at = 0
            self._chunk_end = n
            return True
        return self._nothing()

    def _nothing(self):
        """The line had nothing: False, or the end of the program."""
        # Only a read that finds nothing proves a rest: after a stall of the loop
        # the bytes of the time before are still there.
        if not self._at_rest and _ticks_diff(self._ticks(), self._heard) >= self._silence:
            self._rest()
        return False

    def _rest(self):
        if self._fill:
            self.count_bad()
        self._in_frame = False
        self._fill = 0
        stop = self._ctrl_c.is_made_by_rest() and self._only_text
        self._at_rest = self._only_text = True
        if stop:
            raise KeyboardInterrupt

    def _scan(self):
        """Look at the chunk up to the next zero byte; True when there was one."""
        at = self._chunk_at
        end = self._chunk_end
        chunk = self._chunk
        if self._in_frame:
            at = self._copy(chunk, at, end)
        else:
            while at < end and chunk[at]:
                at += 1
                if self._only_text and self._ctrl_c.is_made_by(chunk[at - 1]):
                    self._chunk_at = at
                    raise KeyboardInterrupt
        if at < end:
            self._chunk_at = at + 1
            self._only_text = False
            return True
        self._chunk_at = end
        return False

    def _copy(self, chunk, at, end):
        frame = self.received
        fill = self._fill
        while at < end:
            byte = chunk[at]
            if byte == 0:
                break
            if fill < _MOST:
                frame[fill] = byte
            fill += 1
            at += 1
        self._fill = fill if fill <= _MOST else _MOST + 1
        return at

    def _boundary(self):
        """At a zero byte: it opens a frame, or closes the one received."""
        n = self._fill
        self._fill = 0
        if not self._in_frame:
            self._in_frame = True
        elif n:
            frame = self.received
            n -= 1
            if n > 3 and unstuff(frame, n + 1) and decode(frame, n):
                n -= 2
                if crc16(frame, 1, n) == frame[n] | frame[n + 1] << 8:
                    self._in_frame = False
                    self._only_text = True
                    self._ctrl_c.frame_passed()
                    return n
            self.count_bad()  # and this zero may have opened the next frame
        return 0

    def count_bad(self) -> None:
        """Count a frame that was dropped, here or by who reads another line. Hot."""
        if self.bad != _SMALL_MAX:
            self.bad += 1


Frames = kernel("link.frames", "Frames", Frames)
