"""Buckets by key: what is granted to whom, and who loses a slot to whom."""

from clock import LAST, Clock

from sluice.limit.keyed import KeyedBuckets

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
    (0, "c", 0, True),
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


def test_decides_by_the_table_wherever_the_ticks_wrap():
    for start in (0, LAST, LAST - 14, (1 << 29) - 5):
        clock = Clock(start)
        buckets = KeyedBuckets(2, 1, 2, 10, clock.ticks)
        now = 0
        for at, key, n, granted in DECISIONS:
            clock.advance(at - now)
            now = at
            assert (at, key, n, buckets.try_acquire(key, n)) == (at, key, n, granted)


def test_every_key_has_a_bucket_of_its_own():
    for keys in (
        [0, 1, 2, 3, 4, 5],
        [-6, -5, -4, -3],
        [1 << 40, 1 << 41, 3 << 39, 0],
        ["a", "b", "ab", ""],
        [b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\1\1"],
        [0, 5, 10, 15],  # all in one chain, since a table of 4 has 5
    ):
        buckets = KeyedBuckets(len(keys), 1, 2, 10, Clock(7).ticks)
        assert [buckets.try_acquire(key, 2) for key in keys] == [True] * len(keys)
        assert [buckets.try_acquire(key) for key in keys] == [False] * len(keys)
        assert (buckets.evicted, buckets.refused) == (0, 0)


def test_the_least_recently_used_key_loses_its_slot():
    clock = Clock(7)
    buckets = KeyedBuckets(3, 1, 2, 10, clock.ticks)
    for key in "abc":
        assert buckets.try_acquire(key)
    assert not buckets.try_acquire("a", 2)  # denied, but used
    assert buckets.try_acquire("d")  # takes the slot of b
    assert buckets.evicted == 1
    clock.advance(10)  # everybody is full again, also those outside
    for key in "acd":
        assert buckets.try_acquire(key)
    assert buckets.evicted == 1


def test_a_key_that_was_pushed_out_gains_nothing_by_it():
    buckets = KeyedBuckets(2, 1, 5, 10, Clock(7).ticks)
    assert buckets.try_acquire("attacker", 4)
    for other in ("x", "y", "z"):
        assert buckets.try_acquire(other)
    assert buckets.evicted >= 1
    assert [buckets.try_acquire("attacker") for _ in range(3)] == [True, False, False]


def test_an_evicted_key_that_owed_nothing_costs_the_others_nothing():
    clock = Clock(7)
    buckets = KeyedBuckets(1, 1, 2, 10, clock.ticks)
    assert buckets.try_acquire("a")
    clock.advance(10)
    assert buckets.try_acquire("b", 2)
    assert buckets.evicted == 0


def test_who_comes_in_pays_for_whom_has_gone_until_that_one_would_have_paid():
    clock = Clock(7)
    buckets = KeyedBuckets(1, 1, 5, 10, clock.ticks)
    assert buckets.try_acquire("a", 4)
    assert buckets.try_acquire("b", 1)  # takes the slot of a, and cannot be a
    assert not buckets.try_acquire("c", 2)
    assert buckets.try_acquire("c", 1)
    clock.advance(40)
    assert buckets.try_acquire("d", 5)


def test_a_table_full_of_limited_keys_refuses_and_counts():
    clock = Clock(7)
    buckets = KeyedBuckets(2, 1, 2, 10, clock.ticks)
    for key in "ab":
        assert buckets.try_acquire(key, 2)
    assert [buckets.try_acquire(key) for key in "cdc"] == [False] * 3
    assert buckets.refused == 3
    clock.advance(10)
    assert buckets.try_acquire("c")
    assert buckets.refused == 3


def test_a_denied_newcomer_takes_no_slot():
    buckets = KeyedBuckets(2, 1, 4, 10, Clock(7).ticks)
    assert buckets.try_acquire("a", 3)
    assert buckets.try_acquire("b", 1)
    assert buckets.try_acquire("c", 1)  # a is out and owes 3
    assert not buckets.try_acquire("d", 2)
    assert buckets.evicted == 1
    assert buckets.try_acquire("b", 3)  # b is still in
    assert buckets.evicted == 1


def test_a_table_that_was_full_once_takes_new_clients_a_period_of_the_clock_later():
    hour = 3600000
    for asked in (True, False):
        clock = Clock(LAST - 14)
        buckets = KeyedBuckets(2, 1, 1, hour, clock.ticks)
        assert [buckets.try_acquire(key) for key in "abc"] == [True, True, False]
        for step in (1 << 28, 1 << 28, 1 << 28, (1 << 28) - hour):
            clock.advance(step)
            if asked:
                assert buckets.try_acquire("a") and buckets.try_acquire("b")
            else:
                buckets.refill()
        clock.advance(hour + hour // 2)  # since the table was full: a period, and half an hour
        assert buckets.try_acquire("new")
        assert buckets.refused == 1


def test_a_denied_key_too_ends_what_was_said_of_a_full_table():
    clock = Clock(7)
    buckets = KeyedBuckets(2, 1, 2, 1000, clock.ticks)
    assert [buckets.try_acquire(key, 2) for key in "abc"] == [True, True, False]
    clock.advance(1000)
    assert not buckets.try_acquire("a", 2)  # it has one
    clock.advance((1 << 29) - 1001)
    assert buckets.try_acquire("b", 2)
    clock.advance((1 << 29) - 1)
    assert buckets.try_acquire("b", 2)
    clock.advance(500)
    assert buckets.try_acquire("new", 2) and buckets.refused == 1


def test_refill_keeps_all_keys_exact_for_ever():
    clock = Clock(7)
    keys = list(range(50))  # more than one call brings up to date
    buckets = KeyedBuckets(50, 1, 2, 1000, clock.ticks)
    assert all([buckets.try_acquire(key, 2) for key in keys])
    for _ in range(8):  # once through the table in half a period
        clock.advance(1 << 27)
        buckets.refill()
    assert all([buckets.try_acquire(key, 2) for key in keys])
    assert not any([buckets.try_acquire(key) for key in keys])


def test_at_rate_zero_a_key_gets_its_burst_and_no_more():
    clock = Clock(7)
    buckets = KeyedBuckets(2, 0, 1, 10, clock.ticks)
    assert [buckets.try_acquire(key) for key in "aab"] == [True, False, True]
    for _ in range(3):
        clock.advance((1 << 29) - 1)
        assert [buckets.try_acquire(key) for key in "abc"] == [False] * 3
    assert buckets.refused == 3


def test_an_unlimited_table_grants_everything_and_knows_nobody():
    buckets = KeyedBuckets(1, None, 1, 10, Clock(7).ticks)
    assert all(buckets.try_acquire(key, LAST) for key in range(100))
    assert (buckets.evicted, buckets.refused) == (0, 0)


def test_a_clock_that_steps_back_gives_no_token():
    clock = Clock(1000)
    buckets = KeyedBuckets(1, 1, 2, 10, clock.ticks)
    assert buckets.try_acquire("a", 1)
    clock.set(990)
    assert buckets.try_acquire("b", 1)  # a is pushed out, owing 1 as of tick 1000
    clock.set(1009)
    assert not buckets.try_acquire("a", 2)
    clock.set(1010)
    assert buckets.try_acquire("a", 2)


def test_the_counters_stop_at_the_largest_small_integer():
    buckets = KeyedBuckets(1, 1, 2, 10, Clock(7).ticks)
    buckets.evicted = buckets.refused = LAST
    for key in "abc":
        buckets.try_acquire(key)
    buckets.try_acquire("c")
    buckets.try_acquire("d")
    assert (buckets.evicted, buckets.refused) == (LAST, LAST)


def test_the_wait_is_for_the_tokens_of_a_key_that_has_a_slot():
    clock = Clock(LAST - 14)
    buckets = KeyedBuckets(2, 1, 2, 10, clock.ticks)
    assert buckets.try_acquire("a", 2)
    assert [buckets.wait_ticks("a", n) for n in (3, 2, 1, 0, -1)] == [-1, 20, 10, 0, 0]
    clock.advance(7)
    assert [buckets.wait_ticks("a", n) for n in (3, 2, 1)] == [-1, 13, 3]
    assert [buckets.wait_ticks("b", n) for n in (3, 2, 1)] == [-1, 0, 0]
    assert not buckets.try_acquire("a")
    clock.advance(3)
    assert buckets.wait_ticks("a") == 0 and buckets.try_acquire("a")


def test_a_key_without_a_slot_waits_for_one_and_for_the_debt_outside():
    clock = Clock(LAST - 14)
    buckets = KeyedBuckets(2, 1, 2, 10, clock.ticks)
    assert buckets.try_acquire("a", 2)
    clock.advance(4)
    assert buckets.try_acquire("b", 2)
    assert [buckets.wait_ticks("c", n) for n in (2, 1)] == [6, 6]  # then a has a token
    assert not buckets.try_acquire("c")
    clock.advance(5)
    assert [buckets.wait_ticks("c", n) for n in (2, 1)] == [1, 1]
    clock.advance(1)
    assert buckets.wait_ticks("c") == 0
    assert buckets.try_acquire("c", 2)  # a is out, and owes one
    assert [buckets.wait_ticks("d", n) for n in (2, 1)] == [10, 4]  # the debt; b's slot
    assert buckets.refused == 1
    clock.advance(4)
    assert [buckets.wait_ticks("d", n) for n in (2, 1)] == [6, 0]


def test_a_question_is_no_use_of_the_key():
    buckets = KeyedBuckets(2, 1, 2, 10, Clock(7).ticks)
    assert buckets.try_acquire("a") and buckets.try_acquire("b")
    for _ in range(3):
        assert buckets.wait_ticks("a", 2) == 10
    assert buckets.try_acquire("c")  # takes the slot of a all the same
    assert buckets.wait_ticks("b") == 0 and buckets.try_acquire("b")
    assert buckets.evicted == 1


def test_what_never_comes_is_told_and_an_unlimited_table_waits_for_nobody():
    buckets = KeyedBuckets(1, 0, 2, 10, Clock(7).ticks)
    assert (buckets.wait_ticks("a", 2), buckets.wait_ticks("a", 3)) == (0, -1)
    assert buckets.try_acquire("a")
    assert (buckets.wait_ticks("a"), buckets.wait_ticks("a", 2)) == (0, -1)
    assert (buckets.wait_ticks("b"), buckets.wait_ticks("b", 2)) == (0, 0)
    assert buckets.try_acquire("a")
    assert (buckets.wait_ticks("a"), buckets.wait_ticks("b")) == (-1, -1)  # nor is a slot free
    unlimited = KeyedBuckets(1, None, 1, 10, Clock(7).ticks)
    assert unlimited.wait_ticks("a", LAST) == 0
