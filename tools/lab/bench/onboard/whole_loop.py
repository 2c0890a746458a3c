"""The whole loop with the collector off: events through ring, bucket, sink and stats."""

import gc

from sluice import Pipeline, RecordRing, Stats, TokenBucket
from sluice.flow.sinks import NullSink

SMALL_MAX = (1 << 30) - 1


class Clock:
    """One event each tick; starts just before the ticks wrap."""

    def __init__(self):
        self.now = (1 << 30) - 1000

    def ticks(self):
        return self.now


def allocated(events):
    """The bytes that so many events have taken from the heap."""
    clock = Clock()
    ring = RecordRing(16, 16, ticks=clock.ticks)
    stats = Stats(clock.ticks)
    bucket = TokenBucket(900, 5, 1000, clock.ticks)
    pipeline = Pipeline(ring, bucket, NullSink(), stats, ticks=clock.ticks)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    run(events, pipeline, ring, stats, clock)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def run(events, pipeline, ring, stats, clock):
    moved = 0
    while moved < events:
        slot = ring.claim()
        if slot is not None:
            slot[0] = moved & 255
            ring.publish(1 + moved % 16)
        moved += pipeline.step()
        clock.now = clock.now + 1 if clock.now != SMALL_MAX else 0
        if clock.now & 1023 == 0:
            stats.close_interval(clock.now)
