"""Events on their whole way: put into the ring, taken by the pipeline, counted, sent nowhere."""

import time

from sluice.bucket import TokenBucket
from sluice.pipeline import Pipeline
from sluice.records import RecordRing
from sluice.sinks import NullSink
from sluice.stats import Stats

EVENTS = 16


class Batch:
    def __init__(self):
        ticks = time.ticks_us
        self._ring = RecordRing(EVENTS, 16, ticks=ticks)
        bucket = TokenBucket(1000000, 100000, ticks=ticks)
        stats = Stats(ticks, 1000000)
        self._pipeline = Pipeline(self._ring, bucket, NullSink(), stats, ticks=ticks)

    def turn(self):
        """Put EVENTS records of 8 bytes, and step until they have left."""
        ring = self._ring
        for _ in range(EVENTS):
            ring.claim()
            ring.publish(8)
        pipeline = self._pipeline
        left = EVENTS
        while left:
            left -= pipeline.step()
