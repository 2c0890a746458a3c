"""Throttle against a model and against a bucket; case by case in tests/suite."""

from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import TickClock
from sluice import Throttle, TokenBucket

WRAP = 1 << 30
starts = st.sampled_from([0, WRAP - 1, WRAP - 300, WRAP // 2, WRAP // 2 - 1])


@settings(max_examples=200, derandomize=True)
@given(
    st.integers(1, 50),
    starts,
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["event", "refill"])), max_size=80),
)
def test_an_event_goes_when_the_last_that_went_is_a_gap_old(gap, start, script):
    clock = TickClock(start, strict=True)
    throttle = Throttle(gap, clock.ticks)
    bucket = TokenBucket(1, 1, gap, clock.ticks)
    now = refused = 0
    went_at = None
    for step, what in script:
        clock.advance(step)
        now += step
        if what == "refill":
            throttle.refill()
            continue
        goes = went_at is None or now - went_at >= gap
        assert throttle.try_acquire() == bucket.try_acquire() == goes
        if goes:
            went_at = now
        else:
            refused += 1
        assert throttle.refused == refused


@settings(max_examples=200, derandomize=True)
@given(
    st.integers(1, (1 << 29) - 1),
    starts,
    st.lists(st.tuples(st.integers(0, (1 << 29) - 1), st.booleans()), max_size=40),
)
def test_with_refill_it_is_exact_for_ever_and_within_31_bits(gap, start, script):
    clock = TickClock(start, strict=True)
    throttle = Throttle(gap, clock.ticks)
    now = 0
    went_at = None
    for step, asked in script:
        now += step
        clock.set((start + now) % WRAP)
        throttle.refill()
        if asked:
            goes = went_at is None or now - went_at >= gap
            assert throttle.try_acquire() == goes
            if goes:
                went_at = now
