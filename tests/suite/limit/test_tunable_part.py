"""A bucket that grants a part of its rate: exactly that part, and nothing lost on the way."""

from clock import LAST, Clock

from sluice.limit.pacer import Pacer
from sluice.limit.tunable import WHOLE, TunableBucket


def granted(bucket, clock, ticks):
    """Tokens taken one by one, whenever one is there, in so many ticks."""
    n = now = 0
    while True:
        while bucket.try_acquire():
            n += 1
        wait = int(bucket.wait_ticks())
        if wait < 0 or now + wait > ticks:
            clock.advance(ticks - now)
            return n
        clock.advance(wait)
        now += wait


def test_a_part_of_a_rate_is_granted_to_the_token():
    for rate, per, part, burst, ticks in (
        (500, 1000, 512, 10, 60000),
        (500, 1000, 341, 10, 60000),
        (80, 1000, 24, 10, 600000),
        (1, 100, 512, 10, 600000),  # a small rate, too
        (1, 2, 1, 10, 600000),
        (7, 60000, 1000, 10, 12000000),
        (1000000, 1000, 256, 5000, 40),
    ):
        clock = Clock(LAST - 7)
        bucket = TunableBucket(rate, burst, per, clock.ticks)
        bucket.throttle(part)
        assert (bucket.rate, bucket.per, bucket.part) == (rate, per, part)
        expected = burst + int(ticks) * rate * part // (WHOLE * per)
        assert granted(bucket, clock, ticks) == expected, (rate, per, part)


def test_what_was_earned_stays_at_each_change():
    clock = Clock()
    bucket = TunableBucket(10, 2, 1000, clock.ticks)
    assert bucket.acquire_up_to(2) == 2
    clock.advance(50)  # half a token
    bucket.throttle(512)
    assert bucket.wait_ticks() == 100  # the other half, at half the rate
    clock.advance(50)  # a quarter
    bucket.throttle(256)
    assert bucket.wait_ticks() == 100
    bucket.throttle(WHOLE)
    assert bucket.wait_ticks() == 25
    clock.advance(25)
    assert bucket.tokens() == 1
    for _ in range(100):  # no drift, however often
        bucket.throttle(341)
        bucket.throttle(1)
        bucket.throttle(WHOLE)
    assert (bucket.tokens(), bucket.wait_ticks(2)) == (1, 100)


def test_a_new_rate_is_throttled_as_the_old_one_was():
    clock = Clock()
    bucket = TunableBucket(10, 1, 1000, clock.ticks)
    bucket.throttle(512)
    bucket.set_rate(100)
    assert (bucket.try_acquire(), bucket.wait_ticks()) == (True, 20)
    bucket.set_burst(3)
    bucket.set_range(1, 1000)
    assert bucket.tune(200) == 200
    clock.advance(100)
    assert (bucket.rate, bucket.acquire_up_to(9), bucket.wait_ticks()) == (200, 3, 10)
    bucket.throttle(WHOLE)
    assert bucket.wait_ticks() == 5


def test_no_rate_and_all_rates_stay_what_they_are():
    clock = Clock()
    for rate, answer in ((0, -1), (None, 0)):
        bucket = TunableBucket(rate, 1, 1000, clock.ticks)
        bucket.throttle(1)
        bucket.try_acquire()
        assert bucket.wait_ticks() == answer
        bucket.throttle(WHOLE)
        assert bucket.wait_ticks() == answer


def test_the_least_rate_pays_a_burst_before_half_a_period_of_the_clock():
    for rate, burst, per in ((1, 1, (1 << 29) - 1), (1, 500000, 1000), (2, (1 << 29) - 2, 2)):
        clock = Clock()
        bucket = TunableBucket(rate, burst, per, clock.ticks)
        bucket.throttle(1)
        assert bucket.acquire_up_to(burst) == burst
        assert 0 < bucket.wait_ticks(burst) < 1 << 29


def test_the_next_grant_of_a_pacer_is_due_when_the_same_is_paid():
    clock = Clock()
    for slack in (1, 20):
        pacer = Pacer(10, 1, 1000, clock.ticks, slack)
        clock.advance(1000)
        while pacer.try_acquire():
            pass
        left = pacer.wait_ticks()
        pacer.throttle(512)
        assert pacer.wait_ticks() == 2 * left
        pacer.throttle(WHOLE)
        assert pacer.wait_ticks() == left
    pacer.throttle(256)
    pacer.reset()
    taken = [pacer.try_acquire()]
    for _ in range(1000):
        clock.advance(1)
        taken.append(pacer.try_acquire())
    assert sum(taken) == 3  # 2.5 a second, and one at the start


def test_reservations_beyond_what_a_part_can_carry_are_let_go():
    clock = Clock()
    bucket = TunableBucket(2, 1, 1000, clock.ticks)
    while bucket.reserve() >= 0:
        pass
    bucket.throttle(512)
    assert 0 < bucket.wait_ticks() < 1 << 29
    bucket.throttle(WHOLE)
    assert 0 < bucket.wait_ticks() < 1 << 29
