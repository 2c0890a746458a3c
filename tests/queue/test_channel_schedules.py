"""Channels under every order of events: each item put is got exactly once, or still there."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedules import World

from sluice.queue.channel import WAIT
from sluice.queue.ring import OVERWRITE, REJECT

CAPACITIES = [(a, b) for a in (0, 1) for b in (0, 2)]


def small_world(capacities):
    """Who puts, who gets, and those who do either on whichever channel is ready."""
    return World(
        [(capacity, WAIT) for capacity in capacities],
        [
            ("supply", "p", 3, 0),
            ("supply", "q", 3, 0, 1),
            ("take", 2, 0),
            ("take", 3, 0, 1, {"timeout_ms": 5}),
            ("relay", "r", 2, 1, 0),
        ],
    )


@pytest.mark.parametrize("capacities", CAPACITIES)
def test_a_cancel_at_any_step_loses_and_doubles_nothing(capacities):
    steps = small_world(capacities).run({})
    assert steps > 20
    for step, actor in itertools.product(range(steps), range(5)):
        small_world(capacities).run({step: [("cancel", actor)]})


@pytest.mark.parametrize("capacities", CAPACITIES)
def test_closing_at_any_step_loses_and_doubles_nothing(capacities):
    for step, channel in itertools.product(range(small_world(capacities).run({})), range(2)):
        small_world(capacities).run({step: [("close", channel)]})


@pytest.mark.parametrize("capacities", CAPACITIES)
def test_a_cancel_in_the_step_in_which_it_is_served_loses_and_doubles_nothing(capacities):
    """What wakes a task and the cancel come together: the task has not run in between."""
    wakes = ("pulse", "poll", "close")
    steps = small_world(capacities).run({})
    for step, wake, actor in itertools.product(range(steps), wakes, range(5)):
        small_world(capacities).run({step: [(wake, 0), ("cancel", actor)]})


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_what_an_overwriting_channel_holds_when_it_is_closed_comes_out_once(capacity):
    actors = [("supply", "p", 4, 0), ("take", 1, 1)]
    world = World([(capacity, OVERWRITE), (0, WAIT)], actors)
    world.run({2: [("close", 0), ("pulse", 0)]})  # before the taker's first step
    held = max(capacity, 1)
    assert world.got == [(0, ("p", i)) for i in range(4 - held, 4)]
    queue = world.channels[0].queue
    assert (queue.overwritten, queue.rejected) == (4 - held, 1)  # the pulse came too late


numbers = st.integers(0, 3)
channel_numbers = st.integers(0, 1)
some_channels = st.sampled_from([(0,), (1,), (0, 1)])
timeouts = st.sampled_from([{}, {"timeout_ms": 0}, {"timeout_ms": 3}])
actors = st.one_of(
    st.builds(lambda n, to, t: ("supply", n, *to, t), numbers, some_channels, timeouts),
    st.builds(lambda n, of, t: ("take", n, *of, t), numbers, some_channels, timeouts),
    st.builds(lambda n, of: ("relay", n, of, 1 - of), numbers, channel_numbers),
)
events = st.one_of(
    st.tuples(st.just("cancel"), st.integers(0, 7)),
    st.tuples(st.sampled_from(["pulse", "poll"]), channel_numbers),
    st.tuples(st.just("close"), channel_numbers),
)


def named(actor, number):
    """Gives a producer a name of its own."""
    return actor if actor[0] == "take" else (actor[0], f"p{number}", *actor[1:])


@settings(max_examples=600)
@given(
    channels=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([WAIT, WAIT, WAIT, REJECT, OVERWRITE])),
        min_size=2,
        max_size=2,
    ),
    actors=st.lists(actors, min_size=2, max_size=8),
    actions=st.dictionaries(st.integers(0, 60), st.lists(events, min_size=1, max_size=3)),
)
def test_any_schedule_keeps_the_account(channels, actors, actions):
    actors = [named(actor, number) for number, actor in enumerate(actors)]
    World(channels, actors).run(actions)
