# SPDX-License-Identifier: MIT
"""A board's talk with the gateway of its fleet: grants and watermark in, reports out.

docs/link.md describes the frames byte by byte, docs/fleet.md what they are for.
"""

import time

from micropython import const

from sluice.link.frames import put

GREET = const(0x88)
GRANT = const(0x89)
WATERMARK = const(0x8A)
REPORT = const(0x98)

WATERMARK_MAX_MS = const(600000)

_RATE_TOP = const(0x3F)  # of the highest byte of an integer within 30 bits

_ticks_diff = time.ticks_diff


class Member:
    """Answers a gateway, and reports to it once a second from its first greeting on.

    frames: a Frames.
    share:  a Share of sluice.program.share.
    ring:   a Ring, whose limit is reported.
    set_watermark: a function of (ms), 0 to WATERMARK_MAX_MS, that brings it in force.
    ticks, per_second: the clock, and its ticks in a second.

    Read only: `watermark_ms`, in force; 0: none.

    Ownership: the main loop alone.
    """

    def __init__(self, frames, share, ring, set_watermark, ticks=time.ticks_ms, per_second=1000):
        self._frames = frames
        self._share = share
        self._ring = ring
        self._set_watermark = set_watermark
        self._ticks = ticks
        self._per_second = per_second
        self._greeted = False
        self._reported = 0
        self.watermark_ms = 0

    def poll(self, now) -> None:
        """Fall back to the guaranteed share when its extra is over, and report once a second. Hot.

        To be called in each turn of the loop, with the present tick.
        """
        self._share.poll(now)
        if not 0 <= _ticks_diff(now, self._reported) < self._per_second:
            self.report(now)

    def receive(self, end) -> bool:
        """Obey the frame whose content is in frames.received[1:end]; False: not known here."""
        kind = self._frames.received[1]
        if kind == GREET and end == 5:
            self._share.greet(self._number(2, 3))
            self._greeted = True
        elif kind == GRANT and end == 24:
            return self._receive_grant()
        elif kind == WATERMARK and end == 5 and self._number(2, 3) <= WATERMARK_MAX_MS:
            self.watermark_ms = self._number(2, 3)
            self._set_watermark(self.watermark_ms)
        else:
            return False
        self.report(self._ticks())
        return True

    def _receive_grant(self):
        received = self._frames.received
        for at in (11, 15, 19, 23):
            if received[at] > _RATE_TOP:
                return False
        number = self._number
        hello, count = number(2, 3), number(5, 3)
        if self._share.apply(
            hello, count, number(8, 4), number(12, 4), number(16, 4), number(20, 4)
        ):
            self.report(self._ticks())
        return True

    def report(self, now) -> None:
        """Report at tick `now` what is in force, if a gateway has ever greeted this board. Hot."""
        self._reported = now
        if not self._greeted:
            return
        share, ring = self._share, self._ring
        out = self._frames.sent
        out[2] = REPORT
        put(out, 3, share.hello, 3)
        put(out, 6, share.count, 3)
        put(out, 9, share.number, 4)
        put(out, 13, share.guaranteed, 4)
        put(out, 17, now, 4)
        put(out, 21, self._per_second, 3)
        out[24] = 1 if share.takes_part else 0
        put(out, 25, self.watermark_ms, 3)
        put(out, 28, ring.limit, 2)
        self._frames.send(30)

    def _number(self, at, size):
        received = self._frames.received
        value = 0
        while size:
            size -= 1
            value = value << 8 | received[at + size]
        return value
