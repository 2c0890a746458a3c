# SPDX-License-Identifier: MIT
"""What adapts by itself, at the end of each interval."""

import time

from micropython import const

from sluice.flow.load import LoadMeter
from sluice.limit.tunable import WHOLE
from sluice.program.watermark import part
from sluice.queue.limits import limits_of

_SMALL_MAX = const((1 << 30) - 1)


class Controls:
    """Sets a queue's limit and a bucket's rate once an interval, from what was measured in it.

    ring, bucket, stats, pipeline: what is controlled, and what tells how it does. The bucket is
           a TunableBucket or a Pacer; with no tuner and no watermark, any TokenBucket.
    ticks, per_second: the clock, and its ticks in a second, a multiple of 1,000
           that divides 1,000,000.
    limit: an AdaptiveLimit of the ring, or None.
    shed:  the CoDel that the pipeline asks, or None.
    tuner: a RateTuner of the bucket, or None.

    Under a watermark of the fleet the ring works at a part of its own limit, and the bucket at the
    same part of its own rate: see sluice.program.watermark. Limit and tuner pause meanwhile,
    since the watermark causes what they would measure; a CoDel continues.

    Read only: ring, bucket, stats, limit, shed and tuner as given, and
      meter         a LoadMeter: the loop calls `meter.turn(busy)` once a turn
      load          how busy the loop was in the last interval, in 1/1,000
      longest_us    the longest turn with work of it, in microseconds, at most 2^30 - 1
      watermark_ms  of the fleet; 0: none
      part          of limit and rate, in 1/1,024, that the watermark leaves

    Ownership: the main loop alone.
    """

    def __init__(
        self,
        ring,
        bucket,
        stats,
        pipeline,
        ticks=time.ticks_ms,
        per_second=1000,
        limit=None,
        shed=None,
        tuner=None,
    ):
        self.ring = ring
        self.bucket = bucket
        self.stats = stats
        self.limit = limit
        self.shed = shed
        self.tuner = tuner
        # A turn is shorter than a millisecond, and what a timer brings comes in step with these.
        fine = ticks is time.ticks_ms
        self.meter = LoadMeter(time.ticks_us if fine else ticks)
        self._tick_us = 1 if fine else 1000000 // per_second  # of the meter's clock
        self.load = 0
        self.longest_us = 0
        self.watermark_ms = 0
        self.part = WHOLE
        self._half_ms = 500
        self._pipeline = pipeline
        self._limits = limits_of(ring)

    def close_interval(self, now) -> None:
        """End the interval at tick `now`: close what measures it, and adapt. Hot."""
        stats = self.stats
        stats.close_interval(now)
        self.longest_us = self._us(self.meter.longest)
        self.load = self.meter.close_interval()
        if self.shed is not None:
            self.shed.settle(now)
        if self.watermark_ms == 0:
            self._adapt(stats)

    def set_watermark(self, watermark_ms) -> None:
        """Bring the fleet's watermark in force: ms, 0 to 600,000; 0: none. Hot."""
        self.watermark_ms = watermark_ms
        self._press()

    def set_half(self, half_ms) -> None:
        """Change the watermark at which half of limit and rate are left: ms, 1 to 60,000. Hot."""
        self._half_ms = half_ms
        self._press()

    def rate_changed(self) -> None:
        """To be called when the bucket was given another rate or burst. Hot."""
        self._pipeline.retry_now()

    def _adapt(self, stats):
        if self.limit is not None:
            self.limit.update(stats.p95, self.load)
        if self.tuner is not None:
            before = self.bucket.rate
            after = self.tuner.update(stats.tried, stats.missed, stats.waited, stats.sink_ticks)
            if after > before:
                self._pipeline.retry_now()

    def _press(self):
        before = self.part
        self.part = now = part(self.watermark_ms, self._half_ms)
        if now != before:
            self.bucket.throttle(now)
            self._limits.throttle(now)
        if now > before:
            self._pipeline.retry_now()

    def _us(self, ticks):
        """Ticks of the meter's clock in microseconds, 2^30 - 1 at most."""
        most = _SMALL_MAX // self._tick_us
        return (ticks if ticks < most else most) * self._tick_us
