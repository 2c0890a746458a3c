"""Every tick that is stored ends: a period of the clock later, it means what it meant soon after.

Each class that stores one is used, then left to what is called once a second anyway while the clock
goes over a whole period and a bit, and then compared, call by call, with one that was left alone
for a while, and that one with a new one.
"""

import random

import pytest

from host_sim import TickClock
from sluice import (
    CoDel,
    Debounce,
    KeyedBuckets,
    LoadMeter,
    Pacer,
    Stats,
    Throttle,
    TokenBucket,
    TunableBucket,
)
from sluice.program.share import Share

PERIOD = 1 << 30
STEPS = (1 << 27, 1 << 28, (1 << 28) - 12_345)
A_WHILE = (1 << 28) + 1  # ticks in which everything is paid and over
EXTRA = (0, 1, 5, 40, 999, 60_000)  # ticks beyond the period at which the old tick lies


class Buckets:
    def __init__(self, bucket):
        self.bucket = bucket
        self.keep = bucket.refill

    def call(self, numbers):
        n = numbers.randrange(1, 4)
        return self.bucket.try_acquire(n), self.bucket.wait_ticks(n), self.bucket.tokens()


class Keyed:
    def __init__(self, clock):
        self.buckets = KeyedBuckets(20, 1, 2, 50_000, clock.ticks)

    def call(self, numbers):
        asked, n = numbers.randrange(60), numbers.randrange(1, 3)
        wait = self.buckets.wait_ticks(asked, n)
        return wait, self.buckets.try_acquire(numbers.randrange(60), n)

    def keep(self):
        self.buckets.refill()
        self.buckets.refill()


class Throttling:
    def __init__(self, clock):
        self.throttle = Throttle(70_000, clock.ticks)
        self.keep = self.throttle.refill

    def call(self, numbers):
        return self.throttle.try_acquire()


class Bouncing:
    def __init__(self, clock):
        self.debounce = Debounce(70_000, clock.ticks)
        self.keep = self.debounce.poll

    def call(self, numbers):
        if numbers.random() < 0.1:
            self.debounce.edge()
        return self.debounce.poll()


class Shedding:
    def __init__(self, clock):
        self.clock = clock
        self.codel = CoDel(5, 1000)
        self.keep = lambda: self.codel.settle(clock.ticks())

    def call(self, numbers):
        return self.codel.should_drop(numbers.choice((1, 90, 90, 90)), self.clock.ticks(), 3)


class Counting:
    def __init__(self, clock):
        self.clock = clock
        self.stats = Stats(clock.ticks)
        self.keep = lambda: self.stats.roll(clock.ticks())

    def call(self, numbers):
        for _ in range(numbers.randrange(9)):
            self.stats.admit(self.clock.ticks(), 7)
        self.clock.advance(1000)
        self.keep()
        return self.stats.qps


class Metering:
    def __init__(self, clock):
        self.meter = LoadMeter(clock.ticks)
        self.keep = lambda: (self.meter.turn(False), self.meter.close_interval())

    def call(self, numbers):
        self.meter.turn(numbers.random() < 0.5)
        return self.meter.close_interval()


class Sharing:
    def __init__(self, clock):
        self.clock = clock
        self.rate = 0
        self.share = Share(7, self.adopt, lambda guaranteed: None, clock.ticks)
        self.share.greet(1)
        self.keep = lambda: self.share.poll(clock.ticks())

    def adopt(self, rate):
        self.rate = rate

    def call(self, numbers):
        self.keep()
        before = self.share.extra, self.share.rate
        self.share.number = 0
        until = (self.clock.ticks() + numbers.randrange(1, 9)) % PERIOD
        taken = self.share.apply(1, self.share.count, 1, 7, numbers.randrange(5), until)
        return before, taken, self.share.extra, self.share.clock() == self.clock.ticks()


def tunable(clock):
    bucket = TunableBucket(3, 7, 1000, clock.ticks)
    bucket.set_range(1, 9)
    return Buckets(bucket)


MADE = {
    "TokenBucket": lambda clock: Buckets(TokenBucket(3, 7, 1000, clock.ticks)),
    "TunableBucket": tunable,
    "Pacer": lambda clock: Buckets(Pacer(3, 3, 1000, clock.ticks, 30)),
    "KeyedBuckets": Keyed,
    "Throttle": Throttling,
    "Debounce": Bouncing,
    "CoDel": Shedding,
    "Stats": Counting,
    "LoadMeter": Metering,
    "Share": Sharing,
}
# An idle Pacer may be early by its slack, and CoDel remembers that the last record was late.
AS_NEW = sorted(set(MADE) - {"Pacer", "CoDel"})


def left_alone(name, ticks, most):
    """One that was used, and then left for so many ticks, the same for each number of them."""
    clock = TickClock(start=PERIOD - 17, strict=True)
    part = MADE[name](clock)
    numbers = random.Random(name)
    for _ in range(60):
        part.call(numbers)
        clock.advance(numbers.choice((0, 1, 30, 400)))
    while ticks:
        step = min(most, ticks)
        clock.advance(step)
        part.keep()
        ticks -= step
    return clock, part


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("most", STEPS)
@pytest.mark.parametrize("name", MADE)
def test_after_a_period_it_behaves_as_after_a_while(name, most, extra):
    clocks, parts = zip(
        left_alone(name, PERIOD + extra, most), left_alone(name, A_WHILE, most), strict=True
    )
    numbers = random.Random(1), random.Random(1)
    for call in range(200):
        said, expected = (part.call(chance) for part, chance in zip(parts, numbers, strict=True))
        assert (call, said) == (call, expected)
        for clock in clocks:
            clock.advance(call % 7 * 5)


@pytest.mark.parametrize("name", AS_NEW)
def test_after_a_while_it_behaves_as_a_new_one(name):
    old, used = left_alone(name, A_WHILE, A_WHILE)
    new = TickClock(start=7, strict=True)
    fresh = MADE[name](new)
    numbers = random.Random(1), random.Random(1)
    for call in range(200):
        assert (call, used.call(numbers[0])) == (call, fresh.call(numbers[1]))
        old.advance(call % 7 * 5)
        new.advance(call % 7 * 5)


def codel_after(sojourns, idle):
    """(clock, CoDel) a tick further with each record looked at, then left alone for so long."""
    clock = TickClock(start=PERIOD - 17, strict=True)
    codel = CoDel(5, 1000)
    for sojourn in sojourns:
        codel.should_drop(sojourn, clock.ticks(), 3)
        clock.advance(1)
    while idle:
        step = min(1 << 28, idle)
        clock.advance(step)
        codel.settle(clock.ticks())
        idle -= step
    return clock, codel


@pytest.mark.parametrize("extra", (0, 10, 300))
@pytest.mark.parametrize("before", ([90], [90] * 3000))
def test_what_codel_had_planned_is_due_a_period_later(before, extra):
    """After the first late record, and between two drops."""
    clock, codel = codel_after(before, PERIOD + extra)
    assert codel.should_drop(90, clock.ticks(), 3)


@pytest.mark.parametrize("extra", (0, 10, 300))
def test_codel_begins_slowly_a_period_after_it_shed_fast(extra):
    clock, codel = codel_after([90] * 9000 + [1], PERIOD + extra)
    drops = []
    for tick in range(3000):
        if codel.should_drop(90, clock.ticks(), 3):
            drops.append(tick)
        clock.advance(1)
    assert drops[1] - drops[0] in (1000, 1001)
