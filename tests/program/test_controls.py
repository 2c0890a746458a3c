"""What happens at the end of an interval."""

import time

import pytest

from host_sim import TickClock
from sluice import AdaptiveLimit, Pipeline, RateTuner, RecordRing, Stats, TunableBucket
from sluice.program.controls import Controls
from sluice.queue.limits import limits_of


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
    assert rig.ring.limit == 20  # at once: a new limit does not pass the watermark
    rig.bucket.set_rate(100)
    controls.rate_changed()
    assert rig.ring.limit == 30
    rig.ring.set_limit(64)
    controls.set_watermark(10)
    rig.ring.set_limit(50)
    assert rig.ring.limit == 1
    controls.set_watermark(0)
    assert (rig.ring.limit, controls.watermark_ms) == (50, 0)


def test_a_watermark_that_is_lifted_leaves_the_controller_s_limit_as_it_was(rig):
    limits = limits_of(rig.ring)
    controls = rig.controls(limit=AdaptiveLimit(rig.ring, 200))
    close = controls.close_interval
    for _ in range(3):
        rig.stats.admit(rig.clock.ticks(), 5000)
        close(rig.clock.ticks())
    own = rig.ring.limit
    assert own == limits.controller == 40
    controls.set_watermark(500)
    controls.meter.turn(False)
    for _ in range(20):  # short waits, which are the watermark's doing
        rig.clock.advance(1000)
        controls.meter.turn(True)
        rig.stats.admit(rig.clock.ticks(), 150)
        close(rig.clock.ticks())
        assert (rig.ring.limit, limits.controller) == (5, own)
    rig.stats.admit(rig.clock.ticks(), 5000)
    close(rig.clock.ticks())
    assert (rig.ring.limit, limits.controller) == (5, 32)
    controls.set_watermark(0)
    assert rig.ring.limit == 32


def test_a_limit_that_the_user_sets_holds_below_the_controller_s(rig):
    adaptive, limits = AdaptiveLimit(rig.ring, 200), limits_of(rig.ring)
    rig.ring.set_limit(30)
    assert (rig.ring.limit, limits.controller) == (30, 64)
    assert (adaptive.update(5000, 500), rig.ring.limit) == (56, 30)
    rig.ring.set_limit(60)
    assert rig.ring.limit == 56


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


def test_the_longest_turn_with_work_is_of_the_interval(rig):
    controls = rig.controls()
    for ms, busy in ((3, True), (8, True), (50, False), (5, True)):
        rig.clock.advance(ms)
        controls.meter.turn(busy)
    controls.close_interval(rig.clock.ticks())
    assert controls.longest_us == 8000
    controls.close_interval(rig.clock.ticks())
    assert controls.longest_us == 0
    rig.clock.advance((1 << 29) - 1)
    controls.meter.turn(True)
    controls.close_interval(rig.clock.ticks())
    assert controls.longest_us == (1 << 30) - 1 - ((1 << 30) - 1) % 1000


def test_the_load_of_turns_in_step_with_a_board_s_clock_is_their_share_of_a_millisecond(rig):
    """Each begins with a millisecond, as with a timer's interrupt, and is over within it."""
    controls = Controls(rig.ring, rig.bucket, rig.stats, rig.pipeline, time.ticks_ms)
    for _ in range(100):
        for busy, us in ((False, 0), (True, 300), (False, 700)):
            rig.clock.sleep_us(us)
            controls.meter.turn(busy)
    controls.close_interval(rig.clock.ticks())
    assert controls.load == 300
