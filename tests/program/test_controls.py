"""What happens at the end of an interval."""

import pytest

from host_sim import TickClock
from sluice import Pipeline, RateTuner, RecordRing, Stats, TunableBucket
from sluice.program.controls import Controls


class Sink:
    takes = True

    def room(self):
        return 1

    def write(self, record, n):
        return self.takes


class Rig:
    def __init__(self, clock, rate=10):
        self.clock = clock
        self.ring = RecordRing(64, 8, ticks=clock.ticks)
        self.bucket = TunableBucket(rate, 1, 1000, clock.ticks)
        self.stats = Stats(clock.ticks)
        self.sink = Sink()
        self.pipeline = Pipeline(
            self.ring, self.bucket, self.sink, self.stats, ticks=clock.ticks, last_backoff=8000
        )

    def controls(self, **parts):
        return Controls(
            self.ring, self.bucket, self.stats, self.pipeline, self.clock.ticks, **parts
        )

    def put(self, n):
        for _ in range(n):
            self.ring.put(b"record", 6)


@pytest.fixture
def rig():
    with TickClock(start=(1 << 30) - 500, strict=True) as clock:
        yield Rig(clock)


def test_an_interval_keeps_the_backoff_of_a_record_that_was_refused(rig):
    controls = rig.controls(tuner=RateTuner(rig.bucket, 1, 10))
    rig.sink.takes = False
    rig.put(1)
    rig.pipeline.step()
    assert rig.pipeline.wait_ticks() == 10
    controls.close_interval(rig.clock.ticks())
    assert rig.pipeline.wait_ticks() == 10


def test_a_rate_that_was_raised_is_used_at_once(rig):
    controls = rig.controls(tuner=RateTuner(rig.bucket, 1, 100, step=90))
    rig.bucket.tune(2)
    rig.put(2)
    assert rig.pipeline.step() == 1
    assert rig.pipeline.step() == 0  # denied: half a second
    wait = rig.pipeline.wait_ticks()
    assert wait > 400
    controls.close_interval(rig.clock.ticks())
    assert rig.bucket.rate == 92
    assert rig.pipeline.wait_ticks() == 0


def test_the_limit_is_the_least_of_its_own_and_the_watermarks_depth(rig):
    controls = rig.controls()
    controls.set_watermark(2000)
    assert rig.ring.limit == 20
    rig.ring.set_limit(30)
    controls.limit_changed()
    assert rig.ring.limit == 20
    rig.bucket.set_rate(100)
    controls.rate_changed()
    assert rig.ring.limit == 30
    controls.set_watermark(0)
    assert (rig.ring.limit, controls.watermark_ms) == (30, 0)


def test_a_watermark_counts_the_longest_records_of_a_board_that_counts_bytes(rig):
    rig.controls(cost=5).set_watermark(2000)
    assert rig.ring.limit == 4


def test_the_load_is_of_the_interval(rig):
    controls = rig.controls()
    for busy in (True, False, False, False):
        rig.clock.advance(250)
        controls.meter.turn(busy)
    controls.close_interval(rig.clock.ticks())
    assert (controls.load, rig.stats.up_s) == (250, 1)
    controls.close_interval(rig.clock.ticks())
    assert controls.load == 0
