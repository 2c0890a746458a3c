"""What the fleet's watermark means as a depth, in tables."""

from clock import Clock

from sluice.program.watermark import depth, per_second

LAST = 0x3FFFFFFF


def test_depth_is_what_leaves_in_that_time():
    for rate, ms, capacity, expected in (
        (500, 1000, 4096, 500),
        (500, 500, 4096, 250),
        (3, 500, 64, 1),
        (1, 500, 64, 1),
        (0, 500, 64, 1),
        (1999, 1, 64, 1),
        (2000, 1, 64, 2),
        (500, 600000, 64, 64),
        (7, 600000, 65535, 4200),
        (109, 600000, 65535, 65400),
        (65534999, 1, 65535, 65534),
        (65535, 1000, 65535, 65535),
        (333, 2999, 65535, 998),
    ):
        assert depth(rate, ms, capacity) == expected, (rate, ms, capacity)


def test_no_watermark_and_no_rate_leave_the_whole_capacity():
    assert depth(500, 0, 64) == 64
    assert depth(None, 500, 64) == 64


def test_the_largest_values_stay_small_integers():
    for capacity in (1, 64, 65535, 1 << 20):
        for rate in (0, 1, 999, 1000, capacity * 1000 - 1, LAST):
            for ms in (1, 999, 1000, 599999, 600000, LAST):
                exact = rate * ms // 1000
                strict = Clock(rate).ticks()  # on CPython it raises when it leaves 31 bits
                assert depth(strict, ms, capacity) == max(1, min(capacity, exact))


def test_records_a_second_at_any_rate_and_cost():
    for rate, per_ms, cost, expected in (
        (500, 1000, 1, 500),
        (30, 60000, 1, 0),
        (120, 60000, 1, 2),
        (1, 1, 1, 1000),
        (1000, 1000, 64, 15),
        (LAST, 1, 1, LAST),
        (LAST, 1000, 1, LAST),
        (2000000, 2000000, 1, 1000),
        (3000000, 2000000, 1, 1500),
    ):
        assert per_second(rate, per_ms, cost) == expected, (rate, per_ms, cost)
    assert per_second(None, 1000, 1) is None
