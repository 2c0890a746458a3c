"""At most one event in a gap, the first at once, wherever the ticks wrap."""

from clock import LAST, Clock

from sluice.limit.throttle import Throttle

EVENTS = [  # (ticks since the start, goes) with a gap of 10
    (0, True),
    (0, False),
    (9, False),
    (10, True),  # 10 after the one that went, whatever was refused in between
    (11, False),
    (19, False),
    (27, True),  # the gap begins when an event goes: no grid
    (36, False),
    (37, True),
    (5000, True),
    (5001, False),
]


def test_events_go_by_the_table_wherever_the_ticks_wrap():
    for start in (0, 7, LAST, LAST - 14, 0x1FFFFFFB):
        clock = Clock(start)
        throttle = Throttle(10, clock.ticks)
        now = 0
        for at, goes in EVENTS:
            clock.advance(at - now)
            now = at
            throttle.refill()  # changes nothing
            assert (at, goes, throttle.try_acquire()) == (at, goes, goes)
        assert throttle.refused == 6


def test_the_longest_gap_is_kept():
    clock = Clock(LAST - 3)
    throttle = Throttle(0x1FFFFFFF, clock.ticks)
    assert throttle.try_acquire()
    clock.advance(0x1FFFFFFE)
    assert not throttle.try_acquire()
    clock.advance(1)
    assert throttle.try_acquire()


def test_a_long_idle_time_is_more_than_any_gap():
    for idle in (0x20000000, 0x20000001, 0x3FFFFFFF):
        clock = Clock(7)
        throttle = Throttle(10, clock.ticks)
        assert throttle.try_acquire()
        clock.advance(idle)
        assert throttle.try_acquire()


def test_after_a_period_of_the_ticks_refill_has_forgotten_the_gap():
    for kept in (True, False):
        clock = Clock(LAST - 3)
        throttle = Throttle(10, clock.ticks)
        assert throttle.try_acquire()
        for step in (0x10000000, 0x10000000, 0x10000000, 0x10000000, 4):
            if kept:
                throttle.refill()
            clock.advance(step)
        assert throttle.try_acquire() == kept  # 4 ticks after the same tick
        clock.advance(6)
        assert throttle.try_acquire() == (not kept)


def test_a_gap_that_is_not_over_stays():
    clock = Clock(LAST - 3)
    throttle = Throttle(10, clock.ticks)
    assert throttle.try_acquire()
    for _ in range(9):
        clock.advance(1)
        throttle.refill()
        assert not throttle.try_acquire()
    clock.advance(1)
    throttle.refill()
    assert throttle.try_acquire()
    throttle.refill()
    assert not throttle.try_acquire()


def test_refused_events_are_counted_and_the_counter_stops():
    throttle = Throttle(10, Clock(7).ticks)
    throttle.refused = LAST - 1
    assert [throttle.try_acquire() for _ in range(4)] == [True, False, False, False]
    assert throttle.refused == LAST


def test_what_is_wrong_is_named():
    for arguments, words in (
        ((0,), "gap_ticks must be from 1 to 536870911, not 0"),
        ((1 << 29,), "gap_ticks must be from 1 to 536870911, not 536870912"),
        ((1.5,), "gap_ticks must be an int from 1 to 536870911, not 1.5"),
        ((5, 7), "ticks must be a function that returns ticks, not 7"),
    ):
        try:
            Throttle(*arguments)
        except (TypeError, ValueError) as error:
            assert str(error) == words
        else:
            raise AssertionError
