"""Pipeline's batch in viper: records from the ring to the sink and into the statistics."""

import time
from array import array

import micropython
from micropython import const

from sluice.flow.pipeline import Pipeline as Plain
from sluice.flow.stats_native import Stats
from sluice.kernels import word
from sluice.queue.records_native import RecordRing

_SMALL_MAX = const((1 << 30) - 1)
_HALF_PERIOD = const(1 << 29)

_ticks_diff = time.ticks_diff

# Words of the ring's state.
_TAIL = const(0)
_HEAD = const(2)
_RAISED = const(7)
_LOWERED = const(8)
_WRAP = const(10)
_CAPACITY = const(11)
_STAMPS = const(17)

# Words of the statistics' state.
_SINCE = const(0)
_SECOND = const(1)
_IN_SECOND = const(2)
_ADMITTED = const(3)
_TRIED = const(4)
_SINK_TICKS = const(5)

# Words of the pipeline's state.
_ATTEMPTS = const(0)
_START = const(1)  # the tick of the latest write's beginning
_WRITING = const(2)  # 1 while the sink writes, and after it refused
_TICK = const(3)
_WORDS = const(4)

# Words of the histogram's state.
_COUNT = const(0)
_LOW = const(1)
_HIGH = const(2)


class Pipeline(Plain):
    """sluice.flow.pipeline.Pipeline."""

    _attempts = word(_ATTEMPTS)
    _tick = word(_TICK)

    def __init__(self, ring, bucket, sink, stats, *options, **named):
        self._state = array("i", [0] * _WORDS)
        self._write_to = sink.write
        known = type(ring) is RecordRing and type(stats) is Stats
        # A guard is around the ring's methods.
        self._known = known and not ring.shared  # type: ignore[attr-defined]
        Plain.__init__(self, ring, bucket, sink, stats, *options, **named)

    def _pass_on(self, granted):
        if not self._known:
            return Plain._pass_on(self, granted)
        self._state[_START] = self._tick
        while not self._offered(granted):
            now = self._ticks()
            self._stats.attempt(False, _ticks_diff(now, self._state[_START]))
            if not self._refused(now, self._ring.peek_len()):
                return self._attempts - 1
            if not self._in_time():
                break
            self._state[_START] = now
        return self._attempts

    def _offered(self, granted):
        try:
            return self._offer_all(granted, self._write_to)
        except Exception:  # whatever a sink raises: not taken, counted by the caller
            if self._state[_WRITING]:
                return False
            raise  # a hook of the watermarks

    @micropython.viper
    def _offer_all(self, granted: int, write) -> bool:
        """Offer the sink records up to so many attempts; False when it refused the last. Hot.

        One reading of the clock serves as the end of a write and as the beginning of the next.
        """
        mine = ptr32(self._state)
        ring = self._ring
        r = ptr32(ring._state)
        views = ring._views
        stats = self._stats
        s = ptr32(stats._state)
        histogram = stats._sojourn
        h = ptr32(histogram._state)
        counts = ptr32(histogram._counts)
        ticks = self._ticks
        first = 1
        while mine[_ATTEMPTS] < granted:
            head = r[_HEAD]
            if head == r[_TAIL]:
                break
            slot = head % r[_CAPACITY]
            mine[_ATTEMPTS] += 1
            mine[_WRITING] = 1
            if not write(views[slot], r[_STAMPS + r[_CAPACITY] + slot]):
                return False
            mine[_WRITING] = 0
            now = int(ticks())
            if s[_TRIED] != _SMALL_MAX:  # Stats.attempt
                s[_TRIED] += 1
                took = now - mine[_START] & _SMALL_MAX
                if took < _HALF_PERIOD:
                    took += s[_SINK_TICKS]  # below 2^31
                    s[_SINK_TICKS] = took if took < _SMALL_MAX else _SMALL_MAX
            mine[_START] = now
            if now - s[_SINCE] & _SMALL_MAX >= s[_SECOND]:  # Stats.admit
                stats.roll(now)
            s[_IN_SECOND] += 1
            if s[_ADMITTED] != _SMALL_MAX:
                s[_ADMITTED] += 1
            waited = now - r[_STAMPS + slot] & _SMALL_MAX
            if h[_COUNT] != _SMALL_MAX:  # LogHistogram.add
                h[_COUNT] += 1
                if waited >= _HALF_PERIOD:
                    waited = 0  # negative: the clock has stepped back
                octave = 0
                while waited > 15:
                    waited >>= 1
                    octave += 8
                waited += octave
                counts[waited] += 1
                if waited < h[_LOW]:
                    h[_LOW] = waited
                if waited > h[_HIGH]:
                    h[_HIGH] = waited
            if first:
                first = 0
                self._denied = False
            head += 1  # RecordRing.release
            r[_HEAD] = head if head != r[_WRAP] else 0
            if r[_RAISED] != r[_LOWERED]:
                ring._fall()
            if now - mine[_TICK] & _SMALL_MAX > 1:
                break
        return True
