"""Edges become one event when the line has been quiet, wherever the ticks wrap."""

from clock import LAST, Clock

from sluice.limit.debounce import Debounce


def edges_at(debounce, clock, ticks):
    """An edge after each of these numbers of ticks; nothing is an event meanwhile."""
    for step in ticks:
        clock.advance(step)
        assert not debounce.poll()
        debounce.edge()


def test_a_press_that_bounces_is_one_event():
    for start in (0, 7, LAST, LAST - 14, 0x1FFFFFFB):
        clock = Clock(start)
        debounce = Debounce(10, clock.ticks)
        assert not debounce.poll()
        for _ in range(3):
            edges_at(debounce, clock, (0, 1, 3, 9, 9))
            clock.advance(9)
            assert not debounce.poll()
            clock.advance(1)
            assert [debounce.poll(), debounce.poll()] == [True, False]
            clock.advance(5000)
            assert not debounce.poll()


def test_an_event_that_nobody_asked_for_is_one_with_the_next():
    clock = Clock(7)
    debounce = Debounce(10, clock.ticks)
    edges_at(debounce, clock, (0, 1))
    clock.advance(500)
    debounce.edge()
    assert not debounce.poll()
    clock.advance(10)
    assert [debounce.poll(), debounce.poll()] == [True, False]


def test_the_handler_takes_what_an_interrupt_hands_it():
    clock = Clock(7)
    debounce = Debounce(1, clock.ticks)
    debounce.edge("the pin")
    clock.advance(1)
    assert debounce.poll()


def test_the_longest_quiet_is_kept():
    clock = Clock(LAST - 3)
    debounce = Debounce(0x1FFFFFFF, clock.ticks)
    debounce.edge()
    clock.advance(0x1FFFFFFE)
    assert not debounce.poll()
    clock.advance(1)
    assert debounce.poll()


def test_an_event_waits_as_long_as_it_has_to():
    for idle in (0x20000000, 0x20000001, 0x3FFFFFFF):
        clock = Clock(7)
        debounce = Debounce(10, clock.ticks)
        debounce.edge()
        clock.advance(idle)
        assert [debounce.poll(), debounce.poll()] == [True, False]


def test_an_event_that_was_told_is_over_a_period_of_the_ticks_later_too():
    clock = Clock(LAST - 3)
    debounce = Debounce(10, clock.ticks)
    debounce.edge()
    clock.advance(10)
    assert debounce.poll()
    for step in (0x20000000, 0x20000000, 0, 5, 5, 1):
        clock.advance(step)
        assert not debounce.poll()


def test_any_number_of_edges_is_one_event():
    clock = Clock(7)
    debounce = Debounce(10, clock.ticks)
    debounce._edges = debounce._told = 0x1FFFFFFE  # as after many of them
    for _ in range(4):
        debounce.edge()
        clock.advance(9)
        assert not debounce.poll()
        clock.advance(1)
        assert [debounce.poll(), debounce.poll()] == [True, False]


def test_what_is_wrong_is_named():
    for arguments, words in (
        ((0,), "quiet_ticks must be from 1 to 536870911, not 0"),
        ((1 << 29,), "quiet_ticks must be from 1 to 536870911, not 536870912"),
        (("5",), "quiet_ticks must be an int from 1 to 536870911, not '5'"),
        ((5, 7), "ticks must be a function that returns ticks, not 7"),
    ):
        try:
            Debounce(*arguments)
        except (TypeError, ValueError) as error:
            assert str(error) == words
        else:
            raise AssertionError
