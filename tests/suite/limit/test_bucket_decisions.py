"""The token bucket, case by case: what it decides at which tick, wherever the ticks wrap."""

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket

STARTS = (0, LAST, LAST - 6, LAST - 30, LAST // 2 - 4)


def follow(*table):
    """(Ticks since the start, method, arguments, result) a row; 2 tokens per 10 ticks, burst 3."""
    for start in STARTS:
        clock = Clock(start)
        bucket = TokenBucket(2, 3, 10, clock.ticks)
        now = 0
        for at, method, arguments, expected in table:
            clock.advance(at - now)
            now = at
            result = getattr(bucket, method)(*arguments)
            assert (start, at, method, result) == (start, at, method, expected)


def test_grants_what_is_there():
    follow(
        (0, "tokens", (), 3),
        (0, "try_acquire", (2,), True),
        (0, "try_acquire", (2,), False),
        (0, "tokens", (), 1),
        (4, "try_acquire", (2,), False),
        (5, "try_acquire", (2,), True),
        (9, "try_acquire", (), False),
        (10, "try_acquire", (), True),
    )


def test_takes_as_many_as_there_are_and_no_more_than_asked_for():
    follow(
        (0, "acquire_up_to", (0,), 0),
        (0, "acquire_up_to", (2,), 2),
        (0, "tokens", (), 1),
        (0, "acquire_up_to", (2,), 1),
        (4, "acquire_up_to", (2,), 0),
        (5, "acquire_up_to", (2,), 1),
    )


def test_fills_up_to_its_burst_and_no_further():
    follow(
        (0, "try_acquire", (3,), True),
        (4, "tokens", (), 0),
        (5, "tokens", (), 1),
        (14, "tokens", (), 2),
        (15, "tokens", (), 3),
        (1000, "tokens", (), 3),
        (1000, "try_acquire", (3,), True),
        (1000, "try_acquire", (), False),
    )


def test_waits_to_the_tick():
    follow(
        (0, "wait_ticks", (3,), 0),
        (0, "try_acquire", (2,), True),
        (0, "wait_ticks", (1,), 0),
        (0, "wait_ticks", (2,), 5),
        (0, "wait_ticks", (3,), 10),
        (4, "wait_ticks", (2,), 1),
        (5, "wait_ticks", (2,), 0),
        (5, "try_acquire", (2,), True),
        (7, "wait_ticks", (), 3),
    )


def test_nothing_costs_nothing_and_more_than_burst_never_comes():
    follow(
        (0, "try_acquire", (4,), False),
        (0, "wait_ticks", (4,), -1),
        (0, "reserve", (4,), -1),
        (0, "tokens", (), 3),
        (0, "try_acquire", (0,), True),
        (0, "try_acquire", (-5,), True),
        (0, "wait_ticks", (0,), 0),
        (0, "reserve", (-1,), 0),
        (0, "tokens", (), 3),
    )


def test_reserves_into_debt():
    follow(
        (0, "reserve", (2,), 0),
        (0, "reserve", (2,), 5),
        (0, "tokens", (), 0),
        (0, "reserve", (3, 19), -1),
        (0, "reserve", (3, 20), 20),
        (1, "wait_ticks", (), 24),
        (24, "try_acquire", (), False),
        (25, "try_acquire", (), True),
    )


def test_a_reservation_that_may_not_wait_takes_only_what_is_there():
    follow(
        (0, "reserve", (2, 0), 0),
        (0, "reserve", (2, 0), -1),
        (0, "reserve", (1, 0), 0),
        (5, "reserve", (1, 0), 0),
        (5, "reserve", (1, -9), 5),
    )


def test_cancel_gives_back_and_never_above_the_burst():
    follow(
        (0, "reserve", (3,), 0),
        (0, "reserve", (3,), 15),
        (1, "cancel", (1,), None),
        (1, "wait_ticks", (), 14),
        (1, "cancel", (0,), None),
        (1, "cancel", (-2,), None),
        (1, "wait_ticks", (), 14),
        (1, "cancel", (9,), None),
        (1, "tokens", (), 3),
        (1, "cancel", (1,), None),
        (1, "tokens", (), 3),
    )
