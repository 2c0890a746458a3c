"""Frames on a serial line that carries console text too.

A frame stands between two zero bytes: COBS over a content and its CRC-16,
253 bytes at most. Everything else on the line is text. docs/link.md tells more.
"""

import time

from micropython import const

from sluice.cobs import decode, encode
from sluice.crc16 import crc16

MAX_CONTENT = const(251)  # bytes of a frame without its checksum

_MOST = const(254)  # bytes between two zeros
_SMALL_MAX = const((1 << 30) - 1)
_CTRL_C = const(0x03)

_ticks_diff = time.ticks_diff


class Frames:
    """Receives and sends frames through two buffers made at start.

    line:    `readinto(buf) -> int | None` gives at once what has come in, 0 or
             None if nothing; `write(buf, n) -> int` sends n bytes and returns how
             many it sent.
    ticks:   the clock.  silence: ticks after which an unfinished frame is dropped.

    received: buffer of the frame that `receive` returned; content from byte 1 on.
    sent:     buffer for the frame to send; content from byte 2 on.
    bad:      frames dropped, because they were damaged, too long or unfinished;
              stops at 2^30 - 1. Read only.

    Ownership: the main loop alone.
    """

    def __init__(self, line, ticks=time.ticks_ms, silence=100):
        self._line = line
        self._ticks = ticks
        self._silence = silence
        self._chunk = bytearray(128)
        self._chunk_at = 0  # what lies before it has been looked at
        self._chunk_end = 0
        self._heard = 0  # the tick at which the last bytes came
        self._in_frame = False
        self._fill = 0
        self.received = bytearray(_MOST)
        self.sent = bytearray(_MOST + 2)
        self.bad = 0

    def receive(self) -> int:
        """The end of the next frame's content in `received`. Hot.

        0: the line is silent. -1: bytes came, but no frame is whole yet. Reads
        the line at most once. Raises KeyboardInterrupt for Ctrl-C (0x03)
        outside a frame; other text is passed over.
        """
        if self._chunk_at == self._chunk_end and not self._read():
            return 0
        while self._chunk_at < self._chunk_end:
            if self._scan():
                end = self._boundary()
                if end:
                    return end
        return -1

    def send(self, end: int) -> bool:
        """Send the content in sent[2:end] as a frame; True when the line took all of it. Hot."""
        out = self.sent
        crc = crc16(out, 2, end)
        out[end] = crc & 255
        out[end + 1] = crc >> 8
        end += 2
        encode(out, 1, end)
        out[0] = out[end] = 0
        end += 1
        return self._line.write(out, end) == end

    def _read(self):
        n = self._line.readinto(self._chunk)
        if n:
            self._heard = self._ticks()
            self._chunk_at = 0
            self._chunk_end = n
            return True
        if self._in_frame and _ticks_diff(self._ticks(), self._heard) >= self._silence:
            if self._fill:
                self._count_bad()
            self._in_frame = False
            self._fill = 0
        return False

    def _scan(self):
        """Look at the chunk up to the next zero byte; True when there was one."""
        at = self._chunk_at
        end = self._chunk_end
        chunk = self._chunk
        if self._in_frame:
            at = self._copy(chunk, at, end)
        else:
            while at < end and chunk[at]:
                if chunk[at] == _CTRL_C:
                    self._chunk_at = at + 1
                    raise KeyboardInterrupt
                at += 1
        self._chunk_at = at + 1
        if at < end:
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
            if n > 3 and decode(frame, n):
                n -= 2
                if crc16(frame, 1, n) == frame[n] | frame[n + 1] << 8:
                    self._in_frame = False
                    return n
            self._count_bad()  # and this zero may have opened the next frame
        return 0

    def _count_bad(self):
        if self.bad != _SMALL_MAX:
            self.bad += 1
