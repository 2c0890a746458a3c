"""The controllers at the ends of what their constructors take, on integers of 31 bits."""

from hypothesis import given
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import AdaptiveLimit, LoadMeter, Pacer, RateTuner, RingQueue, Stats, TunableBucket

SMALL_MAX = (1 << 30) - 1
FAR = (1 << 29) - 1
GAINS = st.tuples(
    st.sampled_from([0, 1, 7, 65535]) | st.integers(0, 65535),
    st.sampled_from([1, 7, 65535]) | st.integers(1, 65535),
)
TICKS = st.sampled_from([-1, 0, 1, FAR]) | st.integers(-1, FAR)


def strict(owner):
    """Make every integer in the state of owner one that raises beyond 31 bits."""
    for name, value in vars(owner).items():
        if type(value) is int:
            setattr(owner, name, StrictInt(value))
        elif type(value) is tuple:
            setattr(owner, name, tuple(StrictInt(each) for each in value))


@given(
    capacity=st.sampled_from([1, 2, 64, (1 << 19) - 1]),
    target=st.integers(1, FAR) | st.sampled_from([1, (1 << 17) - 1, 1 << 17, FAR]),
    gains=st.tuples(GAINS, GAINS, GAINS),
    change=st.integers(-1000, 1000),
    steps=st.lists(st.tuples(TICKS, st.integers(0, 1000), st.booleans()), max_size=30),
)
def test_a_limit_stays_in_its_bounds_and_moves_no_farther_than_it_may(
    capacity, target, gains, change, steps
):
    ring = RingQueue(1, "B")
    ring.capacity = ring.limit = capacity  # without the memory
    limit = AdaptiveLimit(ring, target, *gains, rush=(850, 300, change))
    strict(limit)
    strict(ring)
    for p95, load, refused in steps:
        before = ring.limit
        ring.rejected += refused
        after = limit.update(StrictInt(p95), StrictInt(load))
        assert after == ring.limit
        assert limit.floor <= after <= capacity
        if load <= 850 and not (load < 300 and p95 < 100):
            assert abs(after - before) <= limit.slew


@given(
    low=st.integers(1, 1000),
    span=st.sampled_from([0, 1, 1000, SMALL_MAX // 4]),
    keep=st.integers(0, 32767).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(max(1, n), 32767))
    ),
    steps=st.lists(
        st.tuples(*[st.sampled_from([0, 1, 100, SMALL_MAX]) | st.integers(0, SMALL_MAX)] * 4),
        max_size=20,
    ),
    paced=st.booleans(),
)
def test_a_tuned_rate_stays_in_its_range(low, span, keep, steps, paced):
    make = Pacer if paced else TunableBucket
    with TickClock(SMALL_MAX, strict=True) as clock:
        bucket = make(low, 1, 1000, clock.ticks)
        tuner = RateTuner(bucket, low, low + span, keep=keep)
        strict(bucket)
        strict(tuner)
        for tried, missed, waited, latency in steps:
            before = int(bucket.rate)
            rate = tuner.update(
                StrictInt(tried), StrictInt(missed), StrictInt(waited), StrictInt(latency)
            )
            assert low <= rate == bucket.rate <= low + span
            expected = before
            if tried and (missed > tried // 100 or latency > tuner.latency):
                expected = max(low, min(before - 1, before * keep[0] // keep[1]))
            elif tried and waited:
                expected = min(low + span, before + tuner.step)
            assert rate == expected
            bucket.try_acquire()
            clock.advance(7)


@given(
    rates=st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 300)), min_size=1, max_size=30),
    burst=st.integers(1, 20),
)
def test_no_unit_is_lost_when_the_rate_changes(rates, burst):
    clock = TickClock(SMALL_MAX - 100, strict=True)
    bucket = TunableBucket(1, burst, 1000, clock.ticks)
    bucket.set_range(1, 5000)
    while bucket.try_acquire():
        pass
    earned = 0
    for rate, ticks in rates:
        bucket.tune(rate)
        for _ in range(ticks):
            clock.advance(1)
            earned = min(earned + rate, burst * 1000)
            while bucket.try_acquire():
                earned -= 1000
            assert 0 <= earned < 1000


@given(
    turns=st.lists(st.tuples(st.integers(0, FAR // 20), st.booleans()), max_size=40),
)
def test_a_load_is_within_one_in_a_thousand(turns):
    clock = TickClock(SMALL_MAX, strict=True)
    meter = LoadMeter(clock.ticks)
    busy = every = 0
    for ticks, had_work in turns:
        clock.advance(ticks)
        meter.turn(had_work)
        every += ticks
        busy += ticks * had_work
    exact = busy * 1000 / every if every else 0
    assert abs(meter.close_interval() - exact) <= 2


def test_the_counts_of_an_interval_stop_at_their_end():
    stats = Stats(TickClock(strict=True).ticks)
    for name in ("_tried", "_waited", "_sink_ticks", "shed"):
        setattr(stats, name, StrictInt(SMALL_MAX - 1))
    for _ in range(3):
        stats.attempt(False, StrictInt(FAR))
        stats.deny()
        stats.shed_one()
    stats.close_interval(StrictInt(0))
    assert (stats.tried, stats.waited, stats.shed) == (SMALL_MAX, SMALL_MAX, SMALL_MAX)
