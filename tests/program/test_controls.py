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


def test_a_watermark_leaves_the_same_part_of_limit_and_rate(rig):
    controls = rig.controls()
    rig.ring.set_limit(40)
    controls.set_watermark(500)
    assert (rig.ring.limit, rig.bucket.part, controls.part) == (20, 512, 512)
    controls.set_watermark(1000)  # more is stricter
    assert (rig.ring.limit, rig.bucket.part) == (13, 341)
    controls.set_half(1000)
    assert (rig.ring.limit, rig.bucket.part) == (20, 512)
    rig.ring.set_limit(30)
    assert rig.ring.limit == 15  # at once: a new limit does not pass the watermark
    controls.set_watermark(0)
    assert (rig.ring.limit, rig.bucket.part, controls.watermark_ms) == (30, 1024, 0)


def test_what_adapts_rests_under_a_watermark_and_goes_on_from_where_it_was(rig):
    limits = limits_of(rig.ring)
    controls = rig.controls(
        limit=AdaptiveLimit(rig.ring, 200, rush=None),
        tuner=RateTuner(rig.bucket, 1, 100, step=5),
    )

    def close(sojourn, ms=0, n=3):
        for _ in range(n):
            rig.clock.advance(1000)
            controls.meter.turn(True)
            rig.stats.admit(rig.clock.ticks(), sojourn)
            rig.stats.attempt(True, ms)
            rig.stats.deny()
            controls.close_interval(rig.clock.ticks())

    controls.meter.turn(False)
    close(5000)
    own = limits.controller, rig.bucket.rate
    assert own == (16, 25)
    controls.set_watermark(500)
    for sojourn, ms in ((5000, 400), (10, 0)):  # which are the watermark's doing
        close(sojourn, ms)
        assert (limits.controller, rig.bucket.rate) == own
        assert (rig.ring.limit, rig.bucket.part) == (8, 512)
    controls.set_watermark(0)
    assert (rig.ring.limit, rig.bucket.rate) == own
    close(5000, n=1)
    assert (limits.controller, rig.bucket.rate) == (8, 30)


def test_a_watermark_that_falls_is_felt_by_the_record_that_waits(rig):
    controls = rig.controls()
    controls.set_watermark(4500)  # a tenth of 10 a second
    rig.put(2)
    assert (rig.pipeline.step(), rig.pipeline.step()) == (1, 0)
    assert 950 < rig.pipeline.wait_ticks() < 1050
    controls.set_watermark(0)
    assert rig.pipeline.wait_ticks() == 0
    assert (rig.pipeline.step(), rig.pipeline.wait_ticks()) == (0, 100)


def test_a_limit_that_the_user_sets_holds_below_the_controller_s(rig):
    adaptive, limits = AdaptiveLimit(rig.ring, 200), limits_of(rig.ring)
    rig.ring.set_limit(30)
    assert (rig.ring.limit, limits.controller) == (30, 64)
    assert (adaptive.update(5000, 500), rig.ring.limit) == (48, 30)
    rig.ring.set_limit(60)
    assert rig.ring.limit == 48


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
