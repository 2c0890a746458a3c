"""Buckets by key: what is granted to whom, and who loses a slot to whom."""

from collections import OrderedDict
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import KeyedBuckets, TokenBucket

WRAP = 1 << 30
SMALL_MAX = WRAP - 1
ADDRESSES = [b"\x0a\0\0%c" % i for i in range(12)]


def table(slots, rate=1, burst=2, per=10, start=WRAP - 25):
    clock = TickClock(start, strict=True)
    return clock, KeyedBuckets(slots, rate, burst, per, clock.ticks)


# (ticks since the start, key, n, granted) in a table of two slots, burst 2, a token in 10 ticks
DECISIONS = [
    (0, "a", 3, False),  # above burst: never, and no slot for it
    (0, "a", 0, True),
    (0, "a", -1, True),
    (0, "a", 2, True),
    (0, "b", 1, True),
    (0, "a", 1, False),
    (0, "b", 1, True),
    (0, "c", 1, False),  # a and b have no token, so they keep their slots
    (9, "c", 1, False),
    (10, "a", 1, True),
    (10, "c", 2, True),  # takes the slot of b, which has a token again and owes one
    (10, "b", 1, False),  # a and c have none
    (19, "b", 1, False),
    (20, "a", 1, True),
    (20, "d", 2, True),  # takes the slot of c, when b owes nothing any more
    (29, "c", 1, False),
    (30, "c", 2, True),  # takes the slot of a, which owes one
    (30, "b", 2, False),  # from outside the table now, so perhaps it is a
    (30, "b", 1, True),
    (30, "b", 1, False),
    (500, "a", 2, True),
    (500, "b", 2, True),
]


@pytest.mark.parametrize("start", [0, WRAP - 1, WRAP - 15, WRAP // 2 - 5])
def test_decides_by_the_table_wherever_the_ticks_wrap(start):
    clock, buckets = table(2, start=start)
    now = 0
    for at, key, n, granted in DECISIONS:
        clock.advance(at - now)
        now = at
        assert (at, key, n, buckets.try_acquire(key, n)) == (at, key, n, granted)


@pytest.mark.parametrize(
    "keys", [range(6), range(-6, 0), [1 << 40, 1 << 41, 3 << 39], ["a", "b", "ab"], ADDRESSES]
)
def test_every_key_has_a_bucket_of_its_own(keys):
    _, buckets = table(len(keys))
    assert [buckets.try_acquire(key, 2) for key in keys] == [True] * len(keys)
    assert [buckets.try_acquire(key) for key in keys] == [False] * len(keys)
    assert (buckets.evicted, buckets.refused) == (0, 0)


def test_keys_that_share_a_chain_do_not_share_a_bucket():
    _, buckets = table(4)
    keys = [0, 5, 10, 15]  # the table of 4 has 5 chains
    for key in keys:
        assert buckets.try_acquire(key)
    assert [buckets.try_acquire(key, 2) for key in keys] == [False] * 4
    assert [buckets.try_acquire(key) for key in keys] == [True] * 4


def test_the_least_recently_used_key_loses_its_slot():
    clock, buckets = table(3)
    for key in "abc":
        buckets.try_acquire(key)
    buckets.try_acquire("a", 2)  # denied, but used
    assert buckets.try_acquire("d")  # takes the slot of b
    assert buckets.evicted == 1
    clock.advance(10)  # everybody is full again, also those outside
    for key in "acd":
        assert buckets.try_acquire(key)
    assert buckets.evicted == 1


def test_a_key_that_was_pushed_out_gains_nothing_by_it():
    _, buckets = table(2, burst=5)
    assert buckets.try_acquire("attacker", 4)
    for other in ("x", "y", "z"):
        assert buckets.try_acquire(other)
    assert buckets.evicted >= 1
    assert [buckets.try_acquire("attacker") for _ in range(3)] == [True, False, False]


def test_an_evicted_key_that_owed_nothing_costs_the_others_nothing():
    clock, buckets = table(1, burst=2)
    assert buckets.try_acquire("a")
    clock.advance(10)
    assert buckets.try_acquire("b", 2)
    assert buckets.evicted == 0


def test_who_comes_in_pays_for_whom_has_gone_only_until_that_one_would_have_paid():
    clock, buckets = table(1, burst=5)
    assert buckets.try_acquire("a", 4)
    assert buckets.try_acquire("b", 1)  # it starts as a did, before a was pushed out: full
    assert not buckets.try_acquire("c", 2)
    assert buckets.try_acquire("c", 1)
    clock.advance(40)
    assert buckets.try_acquire("d", 5)


def test_a_table_full_of_limited_keys_refuses_and_counts():
    clock, buckets = table(2)
    for key in "ab":
        buckets.try_acquire(key, 2)
    assert [buckets.try_acquire(key) for key in "cdc"] == [False] * 3
    assert buckets.refused == 3
    clock.advance(10)
    assert buckets.try_acquire("c")
    assert buckets.refused == 3


def test_a_denied_newcomer_takes_no_slot():
    clock, buckets = table(2, burst=4)
    buckets.try_acquire("a", 3)
    buckets.try_acquire("b", 1)
    buckets.try_acquire("c", 1)  # a is out and owes 3
    assert not buckets.try_acquire("d", 2)
    assert buckets.evicted == 1
    assert buckets.try_acquire("b", 3)  # b is still in
    assert buckets.evicted == 1


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


def test_at_rate_zero_a_key_gets_its_burst_and_no_more():
    clock, buckets = table(2, rate=0, burst=1)
    assert [buckets.try_acquire(key) for key in "aab"] == [True, False, True]
    for _ in range(3):
        clock.advance((1 << 29) - 1)
        assert [buckets.try_acquire(key) for key in "abc"] == [False] * 3
    assert buckets.refused == 3


def test_an_unlimited_table_grants_everything_and_knows_nobody():
    _, buckets = table(1, rate=None)
    assert all(buckets.try_acquire(key, SMALL_MAX) for key in range(100))
    assert (buckets.evicted, buckets.refused) == (0, 0)


def test_a_clock_that_steps_back_gives_no_token():
    clock, buckets = table(1, burst=2, start=1000)
    assert buckets.try_acquire("a", 1)
    clock.set(990)
    assert buckets.try_acquire("b", 1)  # a is pushed out, owing 1 as of tick 1000
    clock.set(1009)
    assert not buckets.try_acquire("a", 2)
    clock.set(1010)
    assert buckets.try_acquire("a", 2)


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


requests = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 5000)),  # ticks before it
        st.integers(0, 7),  # key
        st.integers(1, 5),  # n
    ),
    min_size=100,
    max_size=200,
)


@settings(max_examples=150, deadline=None, derandomize=True)
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


class StrictArray(list):
    """An array whose elements are strict, as what a board computes with them would be."""

    def __getitem__(self, index):
        return StrictInt(super().__getitem__(index))


wide = st.one_of(st.integers(1, 20), st.integers(1, SMALL_MAX))


@settings(max_examples=200, deadline=None, derandomize=True)
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
        if buckets.try_acquire(StrictInt(key), StrictInt(n)):
            oracle.grant(key, n, now)
