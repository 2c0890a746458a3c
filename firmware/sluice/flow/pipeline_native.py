# SPDX-License-Identifier: MIT
"""Pipeline's batch in viper: records from the ring to the sink and into the statistics."""

import time

import micropython
from micropython import const

from sluice.flow.stats import Stats
from sluice.kernels import in_force
from sluice.queue.records import RecordRing

_SMALL_MAX = const((1 << 30) - 1)
_HALF_PERIOD = const(1 << 29)

_ticks_diff = time.ticks_diff

# The ring's words.
_RING_TAIL = const(0)
_RING_HEAD = const(2)
_RING_RAISED = const(7)
_RING_LOWERED = const(8)
_RING_WRAP = const(10)
_RING_CAPACITY = const(11)
_RING_MASK = const(14)
_RECORDS_STAMPS = const(17)

# The statistics' words.
_STATS_SINCE = const(0)
_STATS_SECOND = const(1)
_STATS_IN_SECOND = const(2)
_STATS_ADMITTED = const(3)
_STATS_TRIED = const(4)
_STATS_SINK_TICKS = const(5)

# The histogram's words.
_HISTOGRAM_COUNT = const(0)
_HISTOGRAM_LOW = const(1)
_HISTOGRAM_END = const(2)

_TAKEN = const(1)  # the pipeline's


def over(plain, name):
    """A class that does in viper what the plain one does, inside ring and statistics if it can.

    plain: the Pipeline.
    """
    inside = all(one in in_force for one in ("RecordRing", "Stats", "LogHistogram"))

    class Pipeline(plain):
        """sluice.flow.pipeline.Pipeline."""

        def __init__(self, ring, bucket, sink, stats, *options, **named):
            plain.__init__(self, ring, bucket, sink, stats, *options, **named)
            self._write_to = sink.write
            known = inside and type(ring) is RecordRing and type(stats) is Stats
            # A guard is around the ring's methods.
            known = known and not ring.shared  # type: ignore[attr-defined]
            if hasattr(sink, "done") or not (known and self._together):
                return
            ring_state, stats_state = ring._state, stats._state  # type: ignore[attr-defined]
            offer_all = Pipeline._offer_all
            sojourn = stats._sojourn
            self._inside = (
                ring,
                ring_state,
                ring._views,
                stats,
                stats_state,
                sojourn._state,  # type: ignore[attr-defined]
                sojourn._counts,
            )

            @micropython.viper
            def step() -> int:
                r = ptr32(ring_state)
                s = ptr32(stats_state)
                now = int(self._ticks())
                if now - s[_STATS_SINCE] & _SMALL_MAX >= s[_STATS_SECOND]:
                    self._stats.roll(now)
                if self._failures:
                    return int(plain.step(self))
                wait = int(self._wait)
                if wait:
                    if now - int(self._wait_from) & _SMALL_MAX < wait:
                        return 0
                    self._wait = 0
                self._tick = now
                n = r[_RING_TAIL] - r[_RING_HEAD]
                if n == 0:
                    return 0
                if n < 0:
                    n += r[_RING_WRAP]
                room = int(self._room())
                if room <= 0:
                    return 0
                batch = int(self._batch)
                if n > room:
                    n = room
                if n > batch:
                    n = batch
                n = int(self._bucket.acquire_up_to(n))
                if n:
                    return int(offer_all(self, n))
                return int(self._deny(self._ring.peek_len(), 1))

            if type(self).step is plain.step:
                self.step = step

        @micropython.viper
        def _offer_all(self, granted: int) -> int:
            """Offer the sink records up to so many attempts; how many left the ring. Hot.

            One reading of the clock serves as the end of a write and as the beginning of the next.
            """
            ring, words, views, stats, stats_words, histogram, counted = self._inside
            r = ptr32(words)
            s = ptr32(stats_words)
            h = ptr32(histogram)
            counts = ptr32(counted)
            write = self._write_to
            ticks = self._ticks
            ended = self._ended
            tick = int(self._tick)
            now = tick
            attempts = 0
            left = 0
            try:
                while attempts < granted:
                    head = r[_RING_HEAD]
                    if head == r[_RING_TAIL]:
                        break
                    slot = head & r[_RING_MASK] if r[_RING_MASK] else head % r[_RING_CAPACITY]
                    attempts += 1
                    start = now
                    taken = False
                    n = r[_RECORDS_STAMPS + r[_RING_CAPACITY] + slot]
                    try:
                        taken = bool(write(views[slot], n))
                    except Exception:  # whatever a sink raises: not taken
                        pass
                    now = int(ticks())
                    took = now - start & _SMALL_MAX
                    if not taken:
                        stats.attempt(False, took if took < _HALF_PERIOD else 0)
                        if not self._refused(now, ring.peek_len()):
                            break
                        left += 1
                        if not self._in_time():
                            break
                        continue
                    if s[_STATS_TRIED] != _SMALL_MAX:  # Stats.attempt
                        s[_STATS_TRIED] += 1
                        if took < _HALF_PERIOD:
                            took += s[_STATS_SINK_TICKS]  # below 2^31
                            s[_STATS_SINK_TICKS] = took if took < _SMALL_MAX else _SMALL_MAX
                    if now - s[_STATS_SINCE] & _SMALL_MAX >= s[_STATS_SECOND]:  # Stats.admit
                        stats.roll(now)
                    s[_STATS_IN_SECOND] += 1
                    if s[_STATS_ADMITTED] != _SMALL_MAX:
                        s[_STATS_ADMITTED] += 1
                    waited = now - r[_RECORDS_STAMPS + slot] & _SMALL_MAX
                    if h[_HISTOGRAM_COUNT] != _SMALL_MAX:  # LogHistogram.add
                        h[_HISTOGRAM_COUNT] += 1
                        if waited >= _HALF_PERIOD:
                            waited = 0  # negative: the clock has stepped back
                        octave = 0
                        while waited > 15:  # bound: halved, 25 times at most
                            waited >>= 1
                            octave += 8
                        waited += octave
                        counts[waited] += 1
                        if waited < h[_HISTOGRAM_LOW]:
                            h[_HISTOGRAM_LOW] = waited
                        if waited >= h[_HISTOGRAM_END]:
                            h[_HISTOGRAM_END] = waited + 1
                    if left == 0:
                        self._denied = False
                    left += 1
                    head += 1  # RecordRing.release
                    r[_RING_HEAD] = head if head != r[_RING_WRAP] else 0
                    if r[_RING_RAISED] != r[_RING_LOWERED]:
                        ring._fall()
                    if ended:
                        ended(_TAKEN, 1)
                    if now - tick & _SMALL_MAX > 1:
                        break
            finally:
                if attempts != granted:  # an attempt is paid, also a failed one
                    self._bucket.cancel(granted - attempts)
            return left

    return Pipeline
