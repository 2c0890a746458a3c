"""The simulated runs with a store on flash: clean, deterministic, and with all that is drawn.

What they find is in test_planted_defects.py.
"""

import pytest

from sluice_tools.lab.simulate.draws import scenarios
from sluice_tools.lab.simulate.scenario import draw
from sluice_tools.lab.simulate.storing import draw_stored
from sluice_tools.lab.simulate.world import run


def test_20_seeds_are_clean():
    for seed in range(20):
        run(draw_stored(seed))


@pytest.mark.parametrize("sink", ["uart", "mqtt", "http"])
def test_the_same_seed_is_the_same_run(sink):
    seed = next(seed for seed in range(50) if draw_stored(seed).config["sink"] == sink)
    assert draw_stored(seed) == draw_stored(seed)
    assert run(draw_stored(seed)) == run(draw_stored(seed))


def test_a_tenth_of_the_seeds_has_one():
    assert scenarios(25) == [draw(25), draw_stored(25)]


def test_outages_cuts_and_a_full_flash_are_drawn_and_the_store_always():
    drawn = [draw_stored(seed) for seed in range(300)]
    assert all(scenario.stores for scenario in drawn)
    kinds = {event.what for scenario in drawn for event in scenario.events}
    assert kinds >= {"outage", "sink", "power", "full", "reset", "kill"}
    assert len({scenario.config["store"] for scenario in drawn}) == 4
