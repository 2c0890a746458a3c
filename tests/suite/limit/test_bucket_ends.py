"""The token bucket at its ends: unlimited, without a rate, in debt, as large as can be."""

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket

LONGEST = LAST // 2  # ticks that any wait can last


def test_unlimited_grants_everything():
    bucket = TokenBucket(None, 10)
    for n in (-1, 0, 1, 10, 11, LAST):
        for _ in range(3):
            assert bucket.try_acquire(n) is True
        assert bucket.wait_ticks(n) == 0
        assert bucket.reserve(n) == 0
        assert bucket.tokens() == 10
        bucket.cancel(n)
        assert bucket.tokens() == 10


def test_rate_zero_gives_what_is_there_then_never_more():
    clock = Clock()
    bucket = TokenBucket(0, 3, 1000, clock.ticks)
    assert bucket.try_acquire(2)
    assert bucket.reserve(2) == -1
    assert bucket.wait_ticks(2) == -1
    for step in (1000, LONGEST, LONGEST + 70000):
        clock.advance(step)
        assert bucket.tokens() == 1
    assert bucket.reserve(1) == 0
    assert bucket.try_acquire() is False


def test_debt_is_bounded_so_that_no_wait_reaches_half_a_period():
    bucket = TokenBucket(1, 1, 1 << 26, Clock().ticks)
    waits = []
    while True:
        wait = bucket.reserve()
        if wait < 0:
            break
        waits.append(wait >> 26)
    assert waits == [0, 1, 2, 3, 4, 5, 6]
    assert bucket.wait_ticks() == 7 << 26


def test_the_largest_burst_is_accepted_and_one_more_is_not():
    for rate, per in ((1, 1), (3, 7), (1, LONGEST), (1 << 29, 1), (8, 5)):
        most = min(LAST - rate, rate * LONGEST) // per
        bucket = TokenBucket(rate, most, per, Clock().ticks)
        assert bucket.try_acquire(most)
        assert bucket.tokens() == 0
        assert 0 < bucket.wait_ticks(most) <= LONGEST
        try:
            TokenBucket(rate, most + 1, per)
        except ValueError:
            continue
        raise AssertionError((rate, per))


def test_as_many_as_there_are_are_taken_however_many_are_asked_for():
    for rate, per, burst in (
        (1, 4096, 5),
        (1, 1, 5),
        (3, 1 << 20, 200),
        (1, LONGEST, 1),
        (7, 3, 9),
    ):
        for asked in (1 << 18, 1 << 19, 1 << 20, 1 << 21, LONGEST, 1 << 29, LAST):
            clock = Clock(LAST - 7)
            bucket = TokenBucket(rate, burst, per, clock.ticks)
            assert bucket.acquire_up_to(asked) == burst
            assert bucket.acquire_up_to(asked) == 0
            ticks = (per + rate - 1) // rate
            clock.advance(ticks)
            assert bucket.acquire_up_to(asked) == ticks * rate // per


def test_no_more_are_taken_than_a_debt_leaves():
    clock = Clock(LAST - 7)
    bucket = TokenBucket(1, 5, 4096, clock.ticks)
    for _ in range(3):
        bucket.reserve(5)
    assert [bucket.acquire_up_to(n) for n in (-LAST, 0, 1, LAST)] == [0, 0, 0, 0]
    clock.advance(11 * 4096 - 1)
    assert bucket.acquire_up_to(LAST) == 0
    clock.advance(1)
    assert bucket.acquire_up_to(LAST) == 1
    bucket.set_rate(None)
    assert [bucket.acquire_up_to(n) for n in (-1, 0, 1, LAST)] == [0, 0, 1, LAST]
    bucket.set_rate(0)
    assert bucket.acquire_up_to(LAST) == 5
    assert bucket.acquire_up_to(LAST) == 0
