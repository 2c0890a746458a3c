"""Buckets by key against models and at their edges; case by case in tests/suite."""

import copy
from collections import OrderedDict
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import KeyedBuckets, TokenBucket

WRAP = 1 << 30
SMALL_MAX = WRAP - 1


def table(slots, rate=1, burst=2, per=10, start=WRAP - 25):
    clock = TickClock(start, strict=True)
    return clock, KeyedBuckets(slots, rate, burst, per, clock.ticks)


def test_it_does_not_search_again_before_a_key_can_have_a_token():
    readings = []
    clock = TickClock(7, strict=True)
    buckets = KeyedBuckets(50, 1, 1, 1000, lambda: readings.append(0) or clock.ticks())
    for key in range(50):
        assert buckets.try_acquire(key)
    assert not buckets.try_acquire(99)
    clock.advance(999)
    readings.clear()
    assert not buckets.try_acquire(99)
    assert len(readings) <= 2
    clock.advance(1)
    assert buckets.try_acquire(99)
    assert buckets.refused == 2


def test_a_question_does_not_search_again_either():
    readings = []
    clock = TickClock(7, strict=True)
    buckets = KeyedBuckets(50, 1, 1, 1000, lambda: readings.append(0) or clock.ticks())
    for key in range(50):
        assert buckets.try_acquire(key)
        clock.advance(2)
    assert buckets.wait_ticks(99) == 900
    clock.advance(300)
    readings.clear()
    assert (buckets.wait_ticks(99), buckets.refused) == (600, 0)
    assert not buckets.try_acquire(99)
    assert len(readings) <= 4
    clock.advance(600)
    assert buckets.wait_ticks(99) == 0
    assert buckets.try_acquire(99)


def test_the_counters_stop_at_the_largest_small_integer():
    _, buckets = table(1)
    buckets.evicted = buckets.refused = SMALL_MAX
    buckets.try_acquire("a", 1)
    buckets.try_acquire("b", 1)
    buckets.try_acquire("c", 1)
    assert (buckets.evicted, buckets.refused) == (SMALL_MAX, SMALL_MAX)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 1, 1), ValueError, "slots must be from 1 to 16383, not 0"),
        ((16384, 1, 1), ValueError, "slots must be from 1 to 16383, not 16384"),
        ((None, 1, 1), TypeError, "slots must be an int from 1 to 16383, not None"),
        ((True, 1, 1), TypeError, "slots must be an int"),
        ((8, -1, 1), ValueError, "rate must be from 0"),
        ((8, 1, 0), ValueError, "burst must be from 1"),
        ((8, 1, 1, 0), ValueError, "per must be from 1"),
        ((8, 1, 1, 1000, 5), TypeError, "ticks must be a function"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        KeyedBuckets(*arguments)


def test_the_largest_table_finds_every_key():
    slots = 16383
    _, buckets = table(slots, burst=1)
    assert all(buckets.try_acquire(key * 256) for key in range(slots))
    assert not any(buckets.try_acquire(key * 256) for key in range(0, slots, 97))
    assert (buckets.evicted, buckets.refused) == (0, 0)


class Model:
    """What the class promises, in fractions, with a table that is searched from end to end."""

    def __init__(self, slots, rate, burst, per):
        self.slots, self.burst = slots, burst
        self.speed = Fraction(rate, per)
        self.now = 0
        self.table = OrderedDict()  # key: debt, the least recently used first
        self.outside = Fraction(0)

    def advance(self, ticks):
        self.now += ticks
        self.outside = max(Fraction(0), self.outside - ticks * self.speed)
        for key in self.table:
            self.table[key] = max(Fraction(0), self.table[key] - ticks * self.speed)

    def try_acquire(self, key, n):
        if key not in self.table and not self.take_in(key, n):
            return False
        self.table.move_to_end(key)
        if self.table[key] + n > self.burst:
            return False
        self.table[key] += n
        return True

    def take_in(self, key, n):
        if self.outside + n > self.burst:
            return False
        debt = self.outside
        if len(self.table) == self.slots:
            with_a_token = (key for key, owed in self.table.items() if owed + 1 <= self.burst)
            victim = next(with_a_token, None)
            if victim is None:
                return False
            self.outside = max(self.outside, self.table.pop(victim))
        self.table[key] = debt
        return True


class Oracle:
    """An unbounded number of buckets: the most that may be granted to each key."""

    def __init__(self, rate, burst, per):
        self.speed = Fraction(rate, per)
        self.burst = burst
        self.debts = {}

    def grant(self, key, n, now):
        debt, settled = self.debts.get(key, (Fraction(0), now))
        debt = max(Fraction(0), debt - (now - settled) * self.speed) + n
        self.debts[key] = debt, now
        assert debt <= self.burst, f"{key} was granted {debt - self.burst} too much"


request = st.tuples(
    st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 5000)),  # ticks before it
    st.integers(0, 7),  # key
    st.integers(1, 5),  # n
)
requests = st.lists(request, min_size=100, max_size=200)


@settings(max_examples=150, derandomize=True)
@given(
    st.integers(1, 9),
    st.integers(0, 20),
    st.integers(1, 8),
    st.integers(1, 50),
    st.sampled_from([0, WRAP - 1, WRAP - 300, WRAP // 2]),
    requests,
)
def test_decides_as_the_model_and_never_above_an_unbounded_table(
    slots, rate, burst, per, start, script
):
    clock, buckets = table(slots, rate, burst, per, start)
    model = Model(slots, rate, burst, per)
    oracle = Oracle(rate, burst, per)
    alone = {}  # with a slot for every key: what a bucket of its own says
    for step, key, n in script:
        clock.advance(step)
        model.advance(step)
        granted = buckets.try_acquire(key, StrictInt(n))
        assert granted == model.try_acquire(key, n)
        if granted:
            oracle.grant(key, n, model.now)
        if slots >= 8:
            bucket = alone.setdefault(key, TokenBucket(rate, burst, per, clock.ticks))
            assert granted == bucket.try_acquire(n)


@settings(max_examples=100, derandomize=True)
@given(
    st.integers(1, 4),
    st.integers(0, 20),
    st.integers(1, 8),
    st.integers(1, 5000),
    st.sampled_from([0, WRAP - 1, WRAP - 300, WRAP // 2]),
    st.lists(request, min_size=20, max_size=40),
)
def test_the_wait_is_that_until_it_is_granted_and_a_question_changes_nothing(
    slots, rate, burst, per, start, script
):
    clock, buckets = table(slots, rate, burst, per, start)
    never_asked = copy.deepcopy((clock, buckets))
    for step, key, n in script:
        for each_clock, each in ((clock, buckets), never_asked):
            each_clock.advance(step)
            before = each.evicted, each.refused
            if each is buckets:
                wait = each.wait_ticks(key, StrictInt(n))
                assert (each.evicted, each.refused) == before
        assert granted_after(wait, clock, buckets, key, n)
        if wait != 0:
            earlier = wait - 1 if wait > 0 else (1 << 29) - 1
            assert not granted_after(earlier, clock, buckets, key, n)
        assert buckets.try_acquire(key, n) == never_asked[1].try_acquire(key, n) == (wait == 0)
        counts = buckets.evicted, buckets.refused
        assert counts == (never_asked[1].evicted, never_asked[1].refused)


def granted_after(ticks, clock, buckets, key, n):
    """Whether they would be, if nothing else happened; ticks < 0: never, so it is as said."""
    if ticks < 0:
        return n > buckets._buckets.burst or buckets._buckets.rate == 0
    clock, buckets = copy.deepcopy((clock, buckets))
    clock.advance(int(ticks))
    return buckets.try_acquire(key, n)


class StrictArray(list):
    """An array whose elements are strict, as what a board computes with them would be."""

    def __getitem__(self, index):
        return StrictInt(super().__getitem__(index))


wide = st.one_of(st.integers(1, 20), st.integers(1, SMALL_MAX))


@settings(max_examples=200, derandomize=True)
@given(
    st.one_of(st.integers(0, 20), st.integers(0, SMALL_MAX)),
    wide,
    wide,
    st.lists(st.tuples(st.integers(0, 1 << 29), st.integers(0, 3), wide), max_size=60),
)
def test_stays_within_31_bits_for_all_terms_that_a_bucket_accepts(rate, burst, per, script):
    clock = TickClock(WRAP - 1, strict=True)
    try:
        buckets = KeyedBuckets(2, rate, burst, per, clock.ticks)
    except ValueError:
        return
    inner = buckets._buckets
    inner._debts, inner._settled = StrictArray(inner._debts), StrictArray(inner._settled)
    oracle = Oracle(rate, burst, per)
    now = 0
    for step, key, n in script:
        now += step
        clock.set((WRAP - 1 + now) % WRAP)
        wait = buckets.wait_ticks(StrictInt(key), StrictInt(n))
        assert -1 <= wait < 1 << 29
        if buckets.try_acquire(StrictInt(key), StrictInt(n)):
            assert wait == 0
            oracle.grant(key, n, now)
