"""The simulated runs with a server as the sink: clean, deterministic, and with all that is drawn.

What they find is in test_planted_defects.py.
"""

import pytest

from sluice_tools.lab.simulate.draws import scenarios
from sluice_tools.lab.simulate.internet import OUTAGES
from sluice_tools.lab.simulate.scenario import draw
from sluice_tools.lab.simulate.servers import BROKER_KINDS, WEB_KINDS
from sluice_tools.lab.simulate.serving import draw_served
from sluice_tools.lab.simulate.world import run


def test_20_seeds_are_clean():
    for seed in range(20):
        run(draw_served(seed))


@pytest.mark.parametrize("sink", ["mqtt", "http"])
def test_the_same_seed_is_the_same_run(sink):
    seed = next(seed for seed in range(20) if draw_served(seed).config["sink"] == sink)
    assert draw_served(seed) == draw_served(seed)
    assert run(draw_served(seed)) == run(draw_served(seed))


def test_each_tenth_seed_has_one_and_the_others_stay_what_they_were():
    assert scenarios(7) == [draw(7)]
    assert scenarios(20) == [draw(20), draw_served(20)]


def test_every_fault_is_drawn():
    drawn = [draw_served(seed) for seed in range(1000)]
    assert {scenario.config["sink"] for scenario in drawn} == {"mqtt", "http"}
    events = [event for scenario in drawn for event in scenario.events]
    assert {event.value[0] for event in events if event.what == "outage"} == {*OUTAGES}
    kinds = {kind for event in events if event.what == "server" for kind in event.value[1::2]}
    assert kinds == {*BROKER_KINDS, *WEB_KINDS}
    assert {event.what for event in events} >= {"way", "kill", "reset", "power", "unplug", "set"}
