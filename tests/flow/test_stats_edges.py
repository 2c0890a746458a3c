"""The statistics at the ends of their numbers, and where a second or an interval ends."""

import pytest

from host_sim import StrictInt, TickClock
from sluice import Stats

SMALL_MAX = (1 << 30) - 1
MOST_WHOLE = SMALL_MAX // 100 - 1  # events a second whose hundredths are sure to be small


def mean_of(count, seconds):
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    stats.admitted = StrictInt(count)
    stats.up_s = StrictInt(seconds - 1)
    clock.advance(1000)
    stats.roll(clock.ticks())
    return stats.mean_qps_hundredths()


@pytest.mark.parametrize(
    ("count", "seconds", "mean"),
    [
        (0, 1, 0),
        (1, 4, 25),
        (5, 3, 166),
        (49, 50, 98),
        (99, 100, 99),
        (10_737_418, 10_737_499, 99),  # the largest remainder that can be multiplied by 100
        (995_000_000, 1_000_000_000, 99),
        (MOST_WHOLE, 1, MOST_WHOLE * 100),
        (MOST_WHOLE * 2 + 1, 2, MOST_WHOLE * 100 + 50),
        (MOST_WHOLE * 100 + 99, 100, MOST_WHOLE * 100 + 99),
        (MOST_WHOLE + 1, 1, SMALL_MAX),
        (SMALL_MAX - 1, 1, SMALL_MAX),
    ],
)
def test_the_mean_is_exact_and_ends_at_the_largest_small_integer(count, seconds, mean):
    assert mean_of(count, seconds) == mean


@pytest.mark.parametrize(
    ("count", "seconds"), [(10_737_419, 10_737_499), (SMALL_MAX - 1, SMALL_MAX)]
)
def test_with_a_remainder_that_cannot_be_multiplied_it_is_a_hundredth_off_at_most(count, seconds):
    assert abs(mean_of(count, seconds) - 99) <= 1


def test_events_of_a_second_before_the_last_are_not_in_qps():
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    for _ in range(3):
        stats.admit(clock.ticks(), 1)
    clock.advance(2000)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 2)


@pytest.mark.parametrize("away", [1 << 29, (1 << 30) - 1])
def test_after_half_a_period_away_nothing_is_left_of_the_second_before(away):
    clock = TickClock(5, strict=True)
    stats = Stats(clock.ticks)
    stats.admit(clock.ticks(), 1)
    clock.advance(1000)
    stats.admit(clock.ticks(), 1)
    assert (stats.qps, stats.up_s) == (1, 1)
    clock.set((1005 + away) % (1 << 30))
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 1)
    clock.advance(1000)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 2)


def test_the_end_of_an_interval_ends_its_seconds_too():
    clock = TickClock(strict=True)
    stats = Stats(clock.ticks)
    stats.admit(clock.ticks(), 1)
    clock.advance(1000)
    stats.close_interval(clock.ticks())
    assert (stats.qps, stats.up_s) == (1, 1)


def test_percentiles_are_the_50th_the_95th_and_the_99th():
    stats = Stats(TickClock().ticks)
    for sojourn, times in ((1, 49), (2, 1), (3, 44), (4, 1), (5, 3), (6, 1), (7, 1)):
        for _ in range(times):
            stats.admit(0, sojourn)
    stats.close_interval(0)
    assert (stats.p50, stats.p95, stats.p99) == (2, 4, 6)
