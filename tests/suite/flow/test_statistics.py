"""Statistics: rates over whole seconds, counters with an end, percentiles of an interval."""

from clock import LAST, Clock

from sluice.flow.stats import Stats


def test_qps_is_that_of_the_last_whole_second():
    clock = Clock(LAST - 1500)
    stats = Stats(clock.ticks)
    for _ in range(30):
        clock.advance(100)
        stats.admit(clock.ticks(), 5)
    assert (stats.qps, stats.up_s, stats.admitted) == (10, 3, 30)
    for step, qps, up_s in ((999, 10, 3), (1, 1, 4), (2500, 0, 6)):
        clock.advance(step)
        stats.roll(clock.ticks())
        assert (stats.qps, stats.up_s) == (qps, up_s)


def test_the_mean_is_over_whole_seconds():
    clock = Clock()
    stats = Stats(clock.ticks)
    assert stats.mean_qps_hundredths() == 0
    for _ in range(7):
        stats.admit(clock.ticks(), 0)
    clock.advance(3000)
    stats.admit(clock.ticks(), 0)  # belongs to the fourth second
    assert stats.mean_qps_hundredths() == 233


def test_a_clock_that_was_away_for_half_a_period_starts_a_second_anew():
    clock = Clock()
    stats = Stats(clock.ticks)
    stats.admit(clock.ticks(), 1)
    clock.set(1 << 29)
    stats.roll(clock.ticks())
    assert (stats.qps, stats.up_s) == (0, 0)
    clock.advance(1000)
    stats.roll(clock.ticks())
    assert stats.up_s == 1


def test_counters_stop_at_the_largest_small_integer():
    stats = Stats(Clock().ticks)
    stats.admitted = stats.denied = stats.retried = stats.failed = LAST - 1
    for _ in range(3):
        stats.admit(0, 1)
        stats.deny()
        stats.retry()
        stats.fail()
    assert (stats.admitted, stats.denied, stats.retried, stats.failed) == (LAST,) * 4


def test_percentiles_are_those_of_the_interval():
    stats = Stats(Clock().ticks)
    for sojourn in range(1, 11):
        stats.admit(0, sojourn)
    stats.close_interval(0)
    assert (stats.p50, stats.p95, stats.p99) == (5, 10, 10)
    stats.close_interval(0)
    assert (stats.p50, stats.p95, stats.p99) == (-1, -1, -1)
