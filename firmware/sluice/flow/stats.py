# SPDX-License-Identifier: MIT
"""What went through: rates, counters and sojourn times of a pipeline."""

import time
from array import array

from micropython import const

from sluice.flow.histogram import CLASSES, LogHistogram
from sluice.kernels import kernel

_SMALL_MAX = const((1 << 30) - 1)

_ticks_add = time.ticks_add
_ticks_diff = time.ticks_diff


class Stats:
    """Counts a pipeline's events. Counters stop at 2^30 - 1.

    ticks: the clock of the pipeline.  per_second: ticks in a second.

    Read only:
      admitted   events that the sink took
      denied     events that had to wait for tokens
      retried    attempts on the sink after a failed one
      failed     events given up and handed to the degrade hook
      shed       events dropped early, to keep the queue's delay low
      qps        events taken by the sink in the last whole second
      up_s       whole seconds since the start
      p50, p95, p99   sojourn ticks, from put to taken by the sink, by nearest
                 rank over the last interval; -1 when no event left in it
      sojourns   of all events since the start, what LogHistogram.tally counts
      tried, missed   attempts on the sink in the last interval, and those of
                 them that failed
      waited     events that had to wait for tokens, in the last interval
      sink_ticks ticks that an attempt on the sink took, on average over the last
                 interval; 0 when there was none
    Depth, high water, rejected and overwritten are the ring's own.

    Ownership: one owner, that of the pipeline.
    """

    def __init__(self, ticks=time.ticks_ms, per_second=1000):
        self._second = per_second
        self._since = ticks()  # start of the second that runs
        self._in_second = 0
        self._sojourn = LogHistogram()
        self.sojourns = array("i", [0] * (CLASSES + 1))
        self._mean_count = 0
        self._mean_s = 0
        self._tried = 0
        self._missed = 0
        self._waited = 0
        self._sink_ticks = 0
        self.admitted = 0
        self.denied = 0
        self.retried = 0
        self.failed = 0
        self.shed = 0
        self.qps = 0
        self.up_s = 0
        self.p50 = -1
        self.p95 = -1
        self.p99 = -1
        self.tried = 0
        self.missed = 0
        self.waited = 0
        self.sink_ticks = 0

    def admit(self, now, sojourn: int) -> None:
        """Count an event that the sink took at tick `now`, `sojourn` ticks after its put. Hot.

        38 us on an RP2040 (docs/speed.md), 115 in bytecode.
        """
        self.roll(now)
        self._in_second += 1
        if self.admitted != _SMALL_MAX:
            self.admitted += 1
        self._sojourn.add(sojourn)

    def deny(self) -> None:
        """Count an event that must wait for tokens. Hot."""
        if self.denied != _SMALL_MAX:
            self.denied += 1
        if self._waited != _SMALL_MAX:
            self._waited += 1

    def retry(self) -> None:
        """Count an attempt on the sink after a failed one. Hot."""
        if self.retried != _SMALL_MAX:
            self.retried += 1

    def fail(self) -> None:
        """Count an event that was given up. Hot."""
        if self.failed != _SMALL_MAX:
            self.failed += 1

    def shed_one(self) -> None:
        """Count an event that was dropped early. Hot."""
        if self.shed != _SMALL_MAX:
            self.shed += 1

    def attempt(self, taken: bool, took: int) -> None:
        """Count an attempt on the sink, whether it took the event, and the ticks that took. Hot."""
        if self._tried == _SMALL_MAX:
            return
        self._tried += 1
        if not taken:
            self._missed += 1
        if took > 0:
            ticks = self._sink_ticks
            self._sink_ticks = ticks + took if ticks < _SMALL_MAX - took else _SMALL_MAX

    def roll(self, now) -> None:
        """Close the seconds that have ended by tick `now`. Hot.

        To be called at least every 2^29 ticks; the pipeline does it in each step.
        """
        elapsed = _ticks_diff(now, self._since)
        second = self._second
        if 0 <= elapsed < second:
            return
        self._end_seconds(now, elapsed, second)

    def _end_seconds(self, now, elapsed, second):
        if elapsed < 0:  # 2^29 ticks or more without a call: their number is not known
            self._since = now
            self.qps = self._in_second = 0
            return
        whole = elapsed // second
        self._since = _ticks_add(self._since, whole * second)
        self.qps = self._in_second if whole == 1 else 0
        self.up_s += whole
        if self.admitted != _SMALL_MAX:
            self._mean_count = self.admitted
            self._mean_s = self.up_s
        self._in_second = 0

    def mean_qps_hundredths(self) -> int:
        """Events a second since the start, in hundredths, up to the last whole second. Hot.

        When `admitted` has reached its end, the mean up to then.
        """
        seconds = self._mean_s
        if seconds == 0:
            return 0
        count = self._mean_count
        whole = count // seconds
        if whole > _SMALL_MAX // 100 - 1:
            return _SMALL_MAX
        rest = count % seconds
        if rest > _SMALL_MAX // 100:
            return whole * 100 + rest // (seconds // 100)
        return whole * 100 + rest * 100 // seconds

    def close_interval(self, now) -> None:
        """Set what is of the last interval: that which ends at tick `now`. Begin the next. Hot.

        Looks at no more than the histogram's 216 buckets.
        """
        self.roll(now)
        sojourn = self._sojourn
        self.p50 = sojourn.percentile(50)
        self.p95 = sojourn.percentile(95)
        self.p99 = sojourn.percentile(99)
        sojourn.tally(self.sojourns)
        sojourn.clear()
        tried = self._tried
        self.tried, self.missed, self.waited = tried, self._missed, self._waited
        self.sink_ticks = self._sink_ticks // tried if tried else 0
        self._tried = self._missed = self._waited = self._sink_ticks = 0


Stats = kernel("flow.stats", "Stats", Stats)
