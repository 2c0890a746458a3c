"""The token bucket, case by case: what it decides at which tick."""

import time

import pytest
from freezegun import freeze_time

from host_sim import TickClock
from sluice import TokenBucket

WRAP = 1 << 30
SMALL_MAX = WRAP - 1


def bucket_at(start, rate, burst, per=1000):
    clock = TickClock(start=start, strict=True)
    return clock, TokenBucket(rate, burst, per, clock.ticks)


# (ticks since the start, method, arguments, result), on a bucket of 2 tokens per 10 ticks, burst 3
DECISIONS = [
    (0, "tokens", (), 3),
    (0, "try_acquire", (4,), False),
    (0, "try_acquire", (0,), True),
    (0, "try_acquire", (-5,), True),
    (0, "tokens", (), 3),
    (0, "try_acquire", (2,), True),
    (0, "try_acquire", (2,), False),
    (0, "wait_ticks", (2,), 5),
    (0, "wait_ticks", (1,), 0),
    (0, "wait_ticks", (4,), -1),
    (4, "wait_ticks", (2,), 1),
    (4, "try_acquire", (2,), False),
    (5, "try_acquire", (2,), True),
    (5, "tokens", (), 0),
    (7, "wait_ticks", (), 3),
    (9, "try_acquire", (), False),
    (10, "try_acquire", (), True),
    (10, "reserve", (3,), 15),
    (10, "tokens", (), 0),
    (10, "reserve", (1, 19), -1),
    (10, "reserve", (1, 20), 20),
    (10, "reserve", (0,), 0),
    (10, "reserve", (4,), -1),
    (11, "cancel", (1,), None),
    (11, "wait_ticks", (1,), 19),
    (25, "try_acquire", (), False),
    (30, "try_acquire", (), True),
    (31, "cancel", (9,), None),
    (31, "tokens", (), 3),
    (31, "try_acquire", (3,), True),
    (31, "cancel", (0,), None),
    (31, "cancel", (-2,), None),
    (31, "tokens", (), 0),
    (46, "tokens", (), 3),
    (1000, "tokens", (), 3),
]


@pytest.mark.parametrize("start", [0, WRAP - 1, WRAP - 7, WRAP - 31, WRAP // 2 - 5])
def test_decides_by_the_table_wherever_the_ticks_wrap(start):
    clock, bucket = bucket_at(start, 2, 3, 10)
    now = 0
    for at, method, arguments, expected in DECISIONS:
        clock.advance(at - now)
        now = at
        assert (at, method, getattr(bucket, method)(*arguments)) == (at, method, expected)


def test_grants_are_exact_over_wraps_with_demand_always_waiting():
    clock, bucket = bucket_at(WRAP - 500, 7, 5, 333)
    granted = 0
    for elapsed in range(0, 20_000):
        while bucket.try_acquire():
            granted += 1
        assert granted == 5 + elapsed * 7 // 333
        clock.advance(1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0),
        (-1, 0),
        (-65_536, 0),  # an interrupt was served in between: no time
        (-65_537, 5),  # no such interrupt: an idle stretch of 2^29 ticks or more
        ((1 << 29) - 1, 5),
        (1 << 29, 5),
        ((1 << 29) + 1, 5),
    ],
)
def test_step_back_and_long_idle(step, expected):
    clock, bucket = bucket_at(100_000, 1, 5, 1 << 26)
    assert bucket.try_acquire(5)
    clock.set((100_000 + step) % WRAP)
    assert bucket.tokens() == expected


def test_step_back_does_not_move_the_clock_back():
    clock, bucket = bucket_at(1000, 1, 10, 10)
    assert bucket.try_acquire(10)
    clock.set(900)
    assert bucket.tokens() == 0
    clock.set(1009)
    assert bucket.tokens() == 0
    clock.set(1010)
    assert bucket.tokens() == 1


def test_refill_keeps_the_bucket_exact_through_idle_longer_than_half_a_period():
    per = SMALL_MAX - 1
    clock, bucket = bucket_at(3, 2, 1, per)
    assert bucket.try_acquire()
    for _ in range(2):
        clock.advance((1 << 28) - 1)
        bucket.refill()
        assert bucket.tokens() == 0
    clock.advance(1)
    assert bucket.tokens() == 1


@pytest.mark.parametrize("n", [-1, 0, 1, 10, 11, SMALL_MAX, 1 << 40])
def test_unlimited_grants_everything(n):
    _, bucket = bucket_at(0, None, 10)
    for _ in range(3):
        assert bucket.try_acquire(n) is True
    assert bucket.wait_ticks(n) == 0
    assert bucket.reserve(n) == 0
    assert bucket.tokens() == 10
    bucket.cancel(n)
    assert bucket.tokens() == 10


def test_unlimited_knows_the_tick_of_its_last_grant():
    clock, bucket = bucket_at(5, None, 1)
    clock.advance(7)
    assert bucket.try_acquire()
    assert bucket.settled == 12


def test_rate_zero_gives_what_is_there_then_never_more():
    clock, bucket = bucket_at(0, 0, 3)
    assert bucket.try_acquire(2)
    assert bucket.reserve(2) == -1
    assert bucket.wait_ticks(2) == -1
    for step in (SMALL_MAX // 2, SMALL_MAX // 2, SMALL_MAX // 2 + 70_000):
        clock.advance(step)
        assert bucket.tokens() == 1
    assert bucket.reserve(1) == 0
    assert not bucket.try_acquire()


def test_debt_is_bounded_so_that_no_wait_reaches_half_a_period():
    _, bucket = bucket_at(0, 1, 1, 1 << 20)
    waits = []
    while (wait := bucket.reserve()) >= 0:
        waits.append(wait)
    assert waits[0] == 0
    assert waits[-1] == 510 << 20
    assert len(waits) == 511
    assert bucket.wait_ticks() < 1 << 29


def test_set_rate_settles_at_the_old_rate_and_rounds_the_debt_up():
    clock, bucket = bucket_at(0, 1, 10, 10)
    assert bucket.try_acquire(10)
    clock.advance(5)  # half a token earned
    bucket.set_rate(1, 3)  # 9.5 tokens of debt are 28.5 thirds, so 29
    assert (bucket.rate, bucket.per) == (1, 3)
    assert bucket.wait_ticks() == 2
    bucket.set_rate(2)
    assert (bucket.rate, bucket.per) == (2, 3)


def test_set_burst_keeps_the_tokens():
    _, bucket = bucket_at(0, 1, 10)
    assert bucket.try_acquire(4)
    bucket.set_burst(20)
    assert bucket.tokens() == 6
    bucket.set_burst(5)
    assert bucket.tokens() == 5
    bucket.set_burst(20)
    assert bucket.tokens() == 5
    assert bucket.reserve(8) == 3000
    bucket.set_burst(1)
    assert bucket.wait_ticks() == 4000
    assert bucket.burst == 1


def test_reset_fills():
    clock, bucket = bucket_at(0, 1, 10)
    assert bucket.reserve(10) == 0 and bucket.reserve(10) == 10_000
    clock.advance(1)
    bucket.reset()
    assert bucket.tokens() == 10


def state(bucket):
    return {name: value for name, value in vars(bucket).items() if name != "_ticks"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda b: b.set_rate(-1), ValueError, "rate must be from 0 to 1073741823, not -1"),
        (lambda b: b.set_rate(1.5), TypeError, "rate must be an int .* not 1.5"),
        (lambda b: b.set_rate(True), TypeError, "rate"),
        (lambda b: b.set_rate(1, 0), ValueError, "per must be from 1"),
        (lambda b: b.set_rate(1, SMALL_MAX), ValueError, "rate 1 per 1073741823 ticks"),
        (lambda b: b.set_rate(1, 2), ValueError, "burst must be from 1 to"),
        (lambda b: b.set_rate(SMALL_MAX, 1), ValueError, "rate 1073741823 per 1 ticks"),
        (lambda b: b.set_burst(0), ValueError, "burst must be from 1 to"),
        (lambda b: b.set_burst("9"), TypeError, "burst must be an int"),
        (lambda b: b.set_burst(SMALL_MAX), ValueError, "burst must be from 1 to"),
        (lambda b: b.set_rate(0), ValueError, "debt"),
    ],
)
def test_a_refused_change_names_the_argument_and_changes_nothing(change, error, words):
    clock = TickClock(strict=True)
    bucket = TokenBucket(1, 500_000_000, 1, clock.ticks)
    assert bucket.reserve(500_000_000) == 0
    assert bucket.reserve(1000) == 1000
    before = state(bucket)
    with pytest.raises(error, match=words):
        change(bucket)
    assert state(bucket) == before


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((1, 0), ValueError, "burst must be from 1 to 1073741823, not 0"),
        ((1, 1, 0), ValueError, "per must be from 1 to 1073741823, not 0"),
        ((1, None), TypeError, "burst must be an int from 1 to 1073741823, not None"),
        (("500", 1), TypeError, "rate must be an int from 0 to 1073741823, not '500'"),
        ((1, 1, 1000, 5), TypeError, "ticks must be a function that returns ticks, not 5"),
        ((WRAP, 1), ValueError, "rate must be from 0 to 1073741823, not 1073741824"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        TokenBucket(*arguments)


@pytest.mark.parametrize(
    ("rate", "per"), [(1, 1), (3, 7), (1, 1 << 29), (1 << 29, 1), (1000, SMALL_MAX)]
)
def test_the_largest_burst_is_accepted_and_one_more_is_not(rate, per):
    most = min(SMALL_MAX - rate, rate * ((1 << 29) - 1)) // per
    if most == 0:
        with pytest.raises(ValueError):
            TokenBucket(rate, 1, per)
        return
    clock = TickClock(strict=True)
    bucket = TokenBucket(rate, most, per, clock.ticks)
    assert bucket.try_acquire(most)
    assert bucket.wait_ticks(most) <= (1 << 29) - 1
    with pytest.raises(ValueError, match="burst"):
        TokenBucket(rate, most + 1, per)


def test_per_is_a_second_of_the_clock_by_default():
    assert TokenBucket(1, 1).per == 1000
    assert TokenBucket(1, 1, ticks=time.ticks_us).per == 1_000_000
    assert TokenBucket(1, 1, ticks=TickClock().ticks).per == 1000


def test_follows_the_host_clock_and_so_freezegun():
    with freeze_time("2026-11-23") as frozen:
        bucket = TokenBucket(10, 2)
        assert bucket.try_acquire(2)
        frozen.tick(0.099)
        assert not bucket.try_acquire()
        frozen.tick(0.001)
        assert bucket.try_acquire()
