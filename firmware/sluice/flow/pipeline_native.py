"""Pipeline's batch in viper: records from the ring to the sink and into the statistics."""

import time
from array import array

import micropython
from micropython import const

from sluice.flow.stats import Stats
from sluice.kernels import in_force, word
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

# The words of the state.
_PIPELINE_ATTEMPTS = const(0)
_PIPELINE_START = const(1)  # the tick of the latest write's beginning
_PIPELINE_WRITING = const(2)  # 1 while the sink writes, and after it refused
_PIPELINE_TICK = const(3)
_PIPELINE_WORDS = const(4)


def over(plain, name):
    """A class that does in viper what the plain one does, inside ring and statistics if it can.

    plain: the Pipeline.
    """
    inside = all(one in in_force for one in ("RecordRing", "Stats", "LogHistogram"))

    class Pipeline(plain):
        """sluice.flow.pipeline.Pipeline."""

        _attempts = word(_PIPELINE_ATTEMPTS)
        _tick = word(_PIPELINE_TICK)

        def __init__(self, ring, bucket, sink, stats, *options, **named):
            self._state = array("i", [0] * _PIPELINE_WORDS)
            self._write_to = sink.write
            known = inside and type(ring) is RecordRing and type(stats) is Stats
            # A guard is around the ring's methods.
            self._known = known and not ring.shared  # type: ignore[attr-defined]
            plain.__init__(self, ring, bucket, sink, stats, *options, **named)

        def _pass_on(self, granted):
            if not self._known:
                return plain._pass_on(self, granted)
            self._state[_PIPELINE_START] = self._tick
            while not self._offered(granted):  # bound: a turn is an attempt, `granted` at most
                now = self._ticks()
                self._stats.attempt(False, _ticks_diff(now, self._state[_PIPELINE_START]))
                if not self._refused(now, self._ring.peek_len()):
                    return self._attempts - 1
                if not self._in_time():
                    break
                self._state[_PIPELINE_START] = now
            return self._attempts

        def _offered(self, granted):
            try:
                return self._offer_all(granted, self._write_to)
            except Exception:  # whatever a sink raises: not taken, counted by the caller
                if self._state[_PIPELINE_WRITING]:
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
            ended = self._ended
            first = 1
            # bound: a turn is an attempt, `granted` at most
            while mine[_PIPELINE_ATTEMPTS] < granted:
                head = r[_RING_HEAD]
                if head == r[_RING_TAIL]:
                    break
                slot = head % r[_RING_CAPACITY]
                mine[_PIPELINE_ATTEMPTS] += 1
                mine[_PIPELINE_WRITING] = 1
                if not write(views[slot], r[_RECORDS_STAMPS + r[_RING_CAPACITY] + slot]):
                    return False
                mine[_PIPELINE_WRITING] = 0
                now = int(ticks())
                if s[_STATS_TRIED] != _SMALL_MAX:  # Stats.attempt
                    s[_STATS_TRIED] += 1
                    took = now - mine[_PIPELINE_START] & _SMALL_MAX
                    if took < _HALF_PERIOD:
                        took += s[_STATS_SINK_TICKS]  # below 2^31
                        s[_STATS_SINK_TICKS] = took if took < _SMALL_MAX else _SMALL_MAX
                mine[_PIPELINE_START] = now
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
                if first:
                    first = 0
                    self._denied = False
                head += 1  # RecordRing.release
                r[_RING_HEAD] = head if head != r[_RING_WRAP] else 0
                if r[_RING_RAISED] != r[_RING_LOWERED]:
                    ring._fall()
                if ended:
                    ended(_TAKEN, 1)
                if now - mine[_PIPELINE_TICK] & _SMALL_MAX > 1:
                    break
            return True

    return Pipeline
