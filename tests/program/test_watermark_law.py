"""The watermark is pressure: more of it, never more limit and never more rate, whatever a board
has of its own."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import Pipeline, RecordRing, Stats
from sluice.flow.sinks import NullSink
from sluice.program.config import ConfigError, adopt_limit, check, make_bucket
from sluice.program.controls import Controls
from sluice.queue.limits import limits_of

SMALL_MAX = (1 << 30) - 1
ends = st.sampled_from([1, 2, 3, 7, 10, 500, 999, 1000, 1024, 65535, 1 << 29, SMALL_MAX])
numbers = st.one_of(ends, st.integers(1, SMALL_MAX))
watermarks = st.one_of(st.sampled_from([0, 1, 499, 500, 1000, 600_000]), st.integers(0, 600_000))
boards = st.fixed_dictionaries(
    {
        "rate": st.one_of(st.none(), st.just(0), numbers),
        "per_ms": st.one_of(st.sampled_from([1, 2, 1000, 60_000]), st.integers(1, 86_400_000)),
        "burst": numbers,
        "slots": st.integers(1, 3000),
        "slot_size": st.just(1),
        "limit": st.one_of(st.none(), st.integers(1, 3000)),
        "smooth_ms": st.one_of(st.none(), st.none(), st.integers(1, 60_000)),
        "cost": st.sampled_from(["record", "bytes"]),
        "watermark_half_ms": st.one_of(st.sampled_from([1, 500, 60_000]), st.integers(1, 60_000)),
    }
)
budgets = st.fixed_dictionaries(
    {
        "rate": st.integers(0, SMALL_MAX),
        "per_ms": st.just(1000),
        "burst": st.integers(1, 500_000),
        "slots": st.integers(1, 3000),
        "rate_from": st.just("budget"),
        "watermark_half_ms": st.integers(1, 60_000),
    }
)


def checked(values):
    try:
        return check(values, 1000)
    except ConfigError:
        assume(False)


class Rig:
    """A board's queue, bucket and controls, as the program makes them."""

    def __init__(self, config, clock):
        self.ring = RecordRing(config["slots"], config["slot_size"], ticks=clock.ticks)
        adopt_limit(self.ring, config)
        self.bucket = make_bucket(config, clock.ticks, 1000)
        stats = Stats(clock.ticks)
        pipeline = Pipeline(self.ring, self.bucket, NullSink(), stats, ticks=clock.ticks)
        self.controls = Controls(self.ring, self.bucket, stats, pipeline, clock.ticks)
        self.controls.set_half(config["watermark_half_ms"])

    def left(self, watermark_ms):
        """Limit, and tokens a tick, that this watermark leaves; of an unlimited rate 0."""
        self.controls.set_watermark(watermark_ms)
        return int(self.ring.limit), Fraction(int(self.bucket._num), int(self.bucket._den))

    def make_strict(self):
        """What follows raises as soon as a number leaves 31 bits."""
        for owner in (self.bucket, self.bucket._terms, limits_of(self.ring), self.controls):
            for name, value in list(vars(owner).items()):
                if type(value) is int:
                    setattr(owner, name, StrictInt(value))


def hold(rig, config, watermark_ms, own):
    """What a watermark leaves is f of the own, rounded down, and not below the least."""
    half = config["watermark_half_ms"]
    part = max(1, 1024 * half // (half + watermark_ms))
    limit, rate = rig.left(watermark_ms)
    assert limit == max(1, own[0] * part // 1024)
    if rig.bucket.rate is not None:
        wanted, unit = own[1] * part / 1024, Fraction(1, int(rig.bucket._den))
        assert wanted - unit < rate <= own[1]
        assert rate <= wanted or rig.bucket._num <= 3  # the least rate of its burst
    return limit, rate


@given(values=boards, pressures=st.lists(watermarks, min_size=2, max_size=8))
def test_more_of_it_is_never_more_limit_and_never_more_rate(values, pressures):
    config = checked(values)
    with TickClock(5, strict=True) as clock:
        rig = Rig(config, clock)
        rig.make_strict()
        own = rig.left(0)
        left = {ms: hold(rig, config, ms, own) for ms in pressures}
        assert rig.left(0) == own  # what was throttled is whole again, exactly
    in_order = [left[ms] for ms in sorted(left)]
    for (limit, rate), (limit_under_more, rate_under_more) in zip(
        in_order, in_order[1:], strict=False
    ):
        assert limit_under_more <= limit
        assert rate_under_more <= rate


@given(
    values=budgets,
    shares=st.lists(st.integers(0, SMALL_MAX), min_size=1, max_size=4),
    pressures=st.lists(watermarks, min_size=2, max_size=4),
)
def test_the_same_for_whatever_a_budget_grants_under_a_watermark(values, shares, pressures):
    config = checked(values)
    with TickClock(5, strict=True) as clock:
        rig = Rig(config, clock)
        for share in shares:
            rate = min(config["rate"], share)  # as the program adopts it
            rig.bucket.set_rate(rate)
            own = rig.ring.capacity, Fraction(rate, 1000)
            left = [hold(rig, config, ms, own)[1] for ms in sorted(pressures)]
            assert left == sorted(left, reverse=True)


@given(
    values=boards,
    controller=st.integers(1, 3000),
    pressures=st.lists(watermarks, min_size=1, max_size=4),
)
def test_a_limit_of_its_own_is_the_least_of_the_user_s_and_the_controller_s(
    values, controller, pressures
):
    config = checked(values | {"smooth_ms": None})
    with TickClock(5, strict=True) as clock:
        rig = Rig(config, clock)
        limits_of(rig.ring).adapt(controller)
        own = min(config["limit"] or config["slots"], controller, config["slots"])
        for ms in pressures:
            hold(rig, config, ms, (own, rig.left(0)[1]))


@given(values=boards, pressures=st.lists(watermarks, min_size=1, max_size=6), n=st.integers(1, 9))
def test_what_waits_stays_within_half_a_period_of_the_clock(values, pressures, n):
    config = checked(values)
    assume(config["rate"])
    with TickClock(5, strict=True) as clock:
        rig = Rig(config, clock)
        rig.make_strict()
        bucket = rig.bucket
        for ms in pressures:
            rig.left(ms)
            for _ in range(n):
                bucket.try_acquire(bucket.burst)
                bucket.try_acquire()
            assert 0 <= bucket.wait_ticks(bucket.burst) < 1 << 29
            clock.advance(997)
