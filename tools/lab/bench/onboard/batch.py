"""Events on their whole way: put into the ring, taken by the pipeline, counted, sent nowhere."""

import time

from sluice.flow.pipeline import Pipeline
from sluice.flow.sinks import NullSink
from sluice.flow.stats import Stats
from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing

EVENTS = 16


class Batch:
    """The parts as the board's program puts them together, which counts milliseconds."""

    def __init__(self):
        ticks = time.ticks_ms
        ring = RecordRing(EVENTS, 16, ticks=ticks)
        self._record = bytearray(8)
        bucket = TokenBucket(1000000, 100000, ticks=ticks)
        stats = Stats(ticks)
        pipeline = Pipeline(ring, bucket, NullSink(), stats, ticks=ticks, batch=EVENTS)
        self._put, self._step = ring.put, pipeline.step  # a method that is looked up takes heap

    def turn(self):
        """Put EVENTS records of 8 bytes, and step until they have left."""
        left = 0
        while left < EVENTS:  # a for loop needs a frame too large for the stack
            self._put(self._record, 8)
            left += 1
        while left:
            left -= self._step()
