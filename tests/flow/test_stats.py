"""Histogram and statistics against exact values, and at the ends of 31 bits."""

from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import Stats
from sluice.flow.histogram import LogHistogram

SMALL_MAX = (1 << 30) - 1
LARGEST = (1 << 29) - 1


@settings(max_examples=200, derandomize=True)
@given(
    st.lists(st.one_of(st.integers(0, 40), st.integers(0, LARGEST)), min_size=1, max_size=120),
    st.integers(1, 100),
)
def test_percentile_is_the_nearest_rank_within_6_percent(values, p):
    histogram = LogHistogram()
    for value in values:
        histogram.add(StrictInt(value))
    exact = sorted(values)[ceil(p * len(values) / 100) - 1]
    assert abs(histogram.percentile(p) - exact) <= 0.06 * exact
    histogram.clear()
    assert histogram.percentile(p) == -1
    assert not any(histogram._counts)


def test_percentile_of_very_many_values_stays_within_31_bits():
    histogram = LogHistogram()
    histogram.add(1000)
    histogram.add(3)
    histogram._counts[3] = StrictInt(SMALL_MAX - 1)
    histogram.count = StrictInt(SMALL_MAX)
    assert histogram.percentile(99) == 3
    histogram.add(5)
    assert histogram.count == SMALL_MAX
    assert abs(histogram.percentile(100) - 1000) <= 60


def test_mean_stays_right_for_months_and_within_31_bits():
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    stats.admitted = StrictInt(SMALL_MAX - 1)
    stats.up_s = StrictInt(20_000_000)
    clock.advance(1000)
    stats.roll(clock.ticks())
    assert abs(stats.mean_qps_hundredths() - 5369) <= 1
    stats.admit(clock.ticks(), 1)
    stats.admit(clock.ticks(), 1)
    assert stats.admitted == SMALL_MAX
    stats.up_s = SMALL_MAX // 2
    clock.advance(1000)
    stats.roll(clock.ticks())
    assert abs(stats.mean_qps_hundredths() - 5369) <= 1  # of the time in which it counted
