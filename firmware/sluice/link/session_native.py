# SPDX-License-Identifier: MIT
"""Session's way of a record in viper: from a frame to the ring, and from the sink to a frame."""

import micropython
from micropython import const

from sluice.kernels import in_force
from sluice.queue.records import RecordRing

# The ring's words.
_RING_TAIL = const(0)
_RING_HEAD = const(2)
_RING_HIGH_WATER = const(4)
_RING_RAISED = const(7)
_RING_LOWERED = const(8)
_RING_HIGH = const(9)
_RING_WRAP = const(10)
_RING_CAPACITY = const(11)
_RING_REPLACES = const(12)
_RECORDS_SIZE = const(16)
_RECORDS_STAMPS = const(17)

_SMALL_MAX = const((1 << 30) - 1)
_SINK_TOOK = const(1)
_DELIVERIES_AT = const(10)
_DELIVERIES_END = const(253)
_LATER_MAX = const(255)


def over(plain, name):
    """A class that does in viper what the plain one does, inside the ring if it can.

    plain: the Session.
    """

    class Session(plain):
        """sluice.link.session.Session."""

        def __init__(self, frames, ring, *options, **named):
            plain.__init__(self, frames, ring, *options, **named)
            # A guard is around the ring's methods.
            self._inside = (
                "RecordRing" in in_force and type(ring) is RecordRing and not ring.shared  # type: ignore[attr-defined]
            )

        @micropython.viper
        def _store_all(self, at: int, end: int) -> int:
            """See Session. Hot."""
            ring = self._ring
            if not self._inside or ptr32(ring._state)[_RING_REPLACES]:
                return int(plain._store_all(self, at, end))
            r = ptr32(ring._state)
            source = ptr8(self._received)
            target = ptr8(ring._memory)
            now = int(self._ticks())
            stored = 0
            while at < end:  # bound: a turn takes a record of the frame
                n = source[at]
                if n < 1 or n > r[_RECORDS_SIZE] or at + n >= end:
                    break
                tail = r[_RING_TAIL]
                depth = tail - r[_RING_HEAD]  # Ring._claim, whatever the limit is
                if depth < 0:
                    depth += r[_RING_WRAP]
                if depth == r[_RING_CAPACITY]:
                    break
                if depth >= r[_RING_HIGH_WATER]:
                    r[_RING_HIGH_WATER] = depth + 1
                slot = tail % r[_RING_CAPACITY]
                to = slot * r[_RECORDS_SIZE]
                at += 1
                stop = at + n
                while at < stop:
                    target[to] = source[at]
                    to += 1
                    at += 1
                slot += _RECORDS_STAMPS  # RecordRing.publish
                r[slot] = now
                r[slot + r[_RING_CAPACITY]] = n
                tail += 1
                r[_RING_TAIL] = tail if tail != r[_RING_WRAP] else 0
                stored += 1
                if r[_RING_HIGH] and r[_RING_RAISED] == r[_RING_LOWERED]:
                    ring._rise()
            self._waiting = int(self._waiting) + stored
            return at

        @micropython.viper
        def deliver(self, record, n: int, granted: int) -> bool:
            """See Session. Hot."""
            window = int(self._window)
            if window == 0 or int(self._foreign):
                return bool(self._send_alone(record, n, granted))
            slot = int(self._unconfirmed)
            size = int(self._size)
            if slot == window or n < 1 or n > size:
                return False
            if int(self._run) != int(self._told):
                self._send_deliveries()
                self._tell_run()
            record[n - 1]  # raises where a copy of n bytes would go beyond its end
            slot = (int(self._oldest) + slot) % window
            ptr8(self._kept_len)[slot] = n
            ptr32(self._kept_ticks)[slot] = granted
            source = ptr8(record)
            target = ptr8(self._memory)
            to = slot * size
            i = 0
            while i < n:
                target[to] = source[i]
                to += 1
                i += 1
            return True

        @micropython.viper
        def ended(self, how: int, n: int):
            """See Session. Hot."""
            window = int(self._window)
            if how != _SINK_TOOK or window == 0 or int(self._foreign) or int(self._run):
                plain.ended(self, how, n)
                return
            self._waiting = int(self._waiting) - n
            self._done = int(self._done) + n
            unconfirmed = int(self._unconfirmed)
            slot = (int(self._oldest) + unconfirmed) % window
            self._unconfirmed = unconfirmed + 1
            ptr32(self._runs)[slot] = 0
            ptr8(self._run_how)[slot] = 0

        @micropython.viper
        def _forget(self, n: int):
            """See Session. Hot."""
            runs = ptr32(self._runs)
            window = int(self._window)
            oldest = int(self._oldest)
            left = int(self._unconfirmed)
            before = left
            while left:
                run = runs[oldest]
                if run >= n:
                    runs[oldest] = run - n
                    n = -1
                    break
                n -= run + 1
                oldest += 1
                if oldest == window:
                    oldest = 0
                left -= 1
            forgotten = before - left
            self._oldest = oldest
            self._unconfirmed = left
            sent = int(self._sent) - forgotten
            self._sent = sent if sent > 0 else 0
            self._repeat_at = int(self._repeat_at) - 2 * forgotten
            if n >= 0:
                self._forget_run(n)

        @micropython.viper
        def _fill(self, place: int, most: int) -> int:
            """See Session. Hot."""
            out = ptr8(self._out)
            kept = ptr8(self._memory)
            lengths = ptr8(self._kept_len)
            ticks = ptr32(self._kept_ticks)
            runs = ptr32(self._runs)
            window = int(self._window)
            size = int(self._size)
            slot = (int(self._oldest) + place) % window
            tick = ticks[slot]
            end = _DELIVERIES_AT
            filled = 0
            while filled < most:
                n = lengths[slot]
                later = ticks[slot] - tick & _SMALL_MAX  # Session._later
                if filled and (runs[slot] or later > _LATER_MAX or end + 2 + n > _DELIVERIES_END):
                    break
                out[end] = later
                out[end + 1] = n
                end += 2
                at = slot * size
                stop = end + n
                while end < stop:
                    out[end] = kept[at]
                    at += 1
                    end += 1
                tick = ticks[slot]
                filled += 1
                slot += 1
                if slot == window:
                    slot = 0
            self._filled = filled
            return end

        @micropython.viper
        def _put_field(self, at: int, tag: int, value: int) -> int:
            """See Session. Hot."""
            if value == 0:
                return at
            out = ptr8(self._out)
            out[at] = tag
            at += 1
            while value > 127:  # bound: a value has five groups of 7 bits at most
                out[at] = value & 127 | 128
                value >>= 7
                at += 1
            out[at] = value
            return at + 1

    return Session
