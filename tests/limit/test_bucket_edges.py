"""The token bucket where an amount is nothing, too much, or about to leave 31 bits."""

import pytest

from host_sim import StrictInt, TickClock
from sluice import TokenBucket

SMALL_MAX = (1 << 30) - 1


def bucket_at(start, rate, burst, per=1000):
    clock = TickClock(start, strict=True)
    return clock, TokenBucket(rate, burst, per, clock.ticks)


@pytest.mark.parametrize("n", [0, -1, -SMALL_MAX])
@pytest.mark.parametrize("reserved", [0, 5])
def test_nothing_is_granted_at_once_even_in_debt_and_changes_nothing(n, reserved):
    _, bucket = bucket_at(0, 1, 5, 10)
    assert bucket.try_acquire(4)
    bucket.reserve(reserved)
    tokens, wait = bucket.tokens(), bucket.wait_ticks(5)
    assert bucket.try_acquire(n) is True
    assert bucket.reserve(n) == 0
    assert bucket.reserve(n, 0) == 0
    assert bucket.wait_ticks(n) == 0
    bucket.cancel(n)
    assert (bucket.tokens(), bucket.wait_ticks(5)) == (tokens, wait)


def test_reserve_waits_no_longer_than_it_may():
    _, bucket = bucket_at(0, 1, 5, 10)
    assert bucket.try_acquire(5)
    for max_wait, wait in ((9, -1), (10, 10), (21, 20), (SMALL_MAX, 30), (0, -1), (-7, 40)):
        assert bucket.reserve(1, max_wait) == wait
    assert bucket.wait_ticks() == 50


def test_cancel_keeps_the_part_of_a_token_that_is_still_owed():
    clock, bucket = bucket_at(0, 1, 5, 10)
    assert bucket.try_acquire(2)
    clock.advance(5)
    assert bucket.tokens() == 3
    bucket.cancel(1)
    assert (bucket.tokens(), bucket.wait_ticks(5)) == (4, 5)


@pytest.mark.parametrize("n", [2, 3, 1 << 15, SMALL_MAX])
@pytest.mark.parametrize("per", [1, 10, 1 << 20])
def test_cancel_of_more_than_was_taken_fills_exactly(n, per):
    clock, bucket = bucket_at(100, 1, 2, per)
    assert bucket.try_acquire()
    bucket.cancel(StrictInt(n))
    clock.set(99)  # nothing is settled in a step back
    assert bucket.tokens() == 2
    assert bucket.try_acquire(2)
    assert not bucket.try_acquire()
    assert bucket.wait_ticks() == per


@pytest.mark.parametrize("idle", [1000, (1 << 29) - 1, 1 << 29, SMALL_MAX - 70_000])
def test_a_fast_bucket_is_full_after_any_idle_stretch(idle):
    clock, bucket = bucket_at(7, 1000, 1_000_000, 1)
    assert bucket.try_acquire(1_000_000)
    clock.advance(idle)
    assert bucket.tokens() == 1_000_000
