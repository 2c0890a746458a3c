"""The token bucket over time: exact for ever, steps back, idle stretches, wraps."""

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket


def test_grants_are_exact_over_a_wrap_with_demand_always_waiting():
    clock = Clock(LAST - 149)
    bucket = TokenBucket(7, 5, 33, clock.ticks)
    granted = 0
    for elapsed in range(300):
        while bucket.try_acquire():
            granted += 1
        assert granted == 5 + elapsed * 7 // 33
        clock.advance(1)


def test_a_small_step_back_is_no_time_and_a_large_one_is_an_idle_stretch():
    half = LAST // 2
    for now, tokens in (
        (100000, 0),
        (99999, 0),
        (100000 - 65536, 0),
        (100000 - 65537, 5),
        (100000 + half, 5),
        (100001 + half, 5),
        (100002 + half, 5),
        (LAST, 5),
    ):
        clock = Clock(100000)
        bucket = TokenBucket(1, 5, 1 << 26, clock.ticks)
        assert bucket.try_acquire(5)
        clock.set(now)
        assert (now, bucket.tokens()) == (now, tokens)


def test_a_step_back_does_not_move_the_clock_back():
    clock = Clock(1000)
    bucket = TokenBucket(1, 10, 10, clock.ticks)
    assert bucket.try_acquire(10)
    for now, tokens in ((900, 0), (1009, 0), (1010, 1), (1005, 1), (1019, 1), (1020, 2)):
        clock.set(now)
        assert (now, bucket.tokens()) == (now, tokens)


def test_refill_keeps_the_bucket_exact_through_idle_longer_than_half_a_period():
    clock = Clock(3)
    bucket = TokenBucket(2, 1, LAST - 1, clock.ticks)
    assert bucket.try_acquire()
    for _ in range(2):
        clock.advance((1 << 28) - 1)
        bucket.refill()
        assert bucket.tokens() == 0
    clock.advance(1)
    assert bucket.tokens() == 1


def test_it_knows_the_tick_up_to_which_it_is_settled():
    for rate in (5, None):
        clock = Clock(LAST)
        bucket = TokenBucket(rate, 1, 1000, clock.ticks)
        assert bucket.settled == LAST
        clock.advance(7)
        assert bucket.try_acquire()
        assert bucket.settled == 6
        clock.set(3)
        bucket.refill()
        assert bucket.settled == 6
