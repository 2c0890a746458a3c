"""Histogram and statistics: what they count, and how far off a percentile can be."""

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import Stats
from sluice.histogram import LogHistogram, _bucket_of, _value_of

SMALL_MAX = (1 << 30) - 1
LARGEST = (1 << 29) - 1


def test_scale_has_no_gap_and_is_at_most_6_percent_off():
    for value in range(5000):
        assert _bucket_of(value + 1) - _bucket_of(value) in (0, 1)
        assert abs(_value_of(_bucket_of(value)) - value) <= 0.06 * value
    assert _bucket_of(LARGEST) == 215
    assert _bucket_of(LARGEST + 1) == _bucket_of(SMALL_MAX) == 215
    assert _bucket_of(-5) == 0


@pytest.mark.parametrize("octave", range(12, 29))
def test_parts_of_high_octaves_join(octave):
    for part in range(8, 16):
        low = part << octave - 3
        high = low + (1 << octave - 3) - 1
        assert _bucket_of(low) == _bucket_of(high) == _bucket_of(low - 1) + 1
        for value in (low, high):
            assert abs(_value_of(_bucket_of(value)) - value) <= 0.06 * value


@settings(max_examples=200, deadline=None, derandomize=True)
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


def test_qps_is_that_of_the_last_whole_second():
    clock = TickClock(start=SMALL_MAX - 1500, strict=True)
    stats = Stats(clock.ticks)
    for _ in range(30):
        clock.advance(100)
        stats.admit(clock.ticks(), 5)
    assert (stats.qps, stats.up_s, stats.admitted) == (10, 3, 30)
    clock.advance(999)
    stats.roll(clock.ticks())
    assert stats.qps == 10
    clock.advance(1)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (1, 4)
    clock.advance(2500)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 6)


def test_mean_is_over_whole_seconds():
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    assert stats.mean_qps_hundredths() == 0
    for _ in range(7):
        stats.admit(clock.ticks(), 0)
    clock.advance(3000)
    stats.admit(clock.ticks(), 0)  # belongs to the fourth second
    assert stats.mean_qps_hundredths() == 233


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


def test_a_clock_that_was_away_for_half_a_period_starts_a_second_anew():
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    stats.admit(clock.ticks(), 1)
    clock.set(1 << 29)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 0)
    clock.advance(1000)
    stats.roll(clock.ticks())
    assert stats.up_s == 1


@pytest.mark.parametrize("counter", ["admitted", "denied", "retried", "failed"])
def test_counters_stop_at_the_largest_small_integer(counter):
    stats = Stats(TickClock().ticks)
    setattr(stats, counter, SMALL_MAX - 1)
    for _ in range(3):
        stats.admit(0, 1)
        stats.deny()
        stats.retry()
        stats.fail()
    assert getattr(stats, counter) == SMALL_MAX


def test_percentiles_are_those_of_the_interval():
    stats = Stats(TickClock().ticks)
    for sojourn in range(1, 11):
        stats.admit(0, sojourn)
    stats.close_interval(0)
    assert (stats.p50, stats.p95, stats.p99) == (5, 10, 10)
    stats.close_interval(0)
    assert (stats.p50, stats.p95, stats.p99) == (-1, -1, -1)
