"""The simulator's board on real MicroPython, and its host's cores on its pipe."""

import pytest

from sluice_tools.lab.runtimes.unix import Unix
from sluice_tools.lab.simulate.remote import MicroPython
from sluice_tools.lab.simulate.scenario import Faults, draw
from sluice_tools.lab.simulate.world import run

SEEDS = 50


pytestmark = pytest.mark.skipif(Unix.why_not() is not None, reason=str(Unix.why_not()))


@pytest.fixture
def micropython():
    process = MicroPython()
    yield process
    process.close()


def test_seeds_hold_on_micropython(micropython):
    for seed in range(SEEDS):
        run(draw(seed), micropython.make_board)


def test_a_run_is_the_same_there_as_here(micropython):
    """Where the line changes nothing: its chance would go on from the kernels' number."""
    seeds = [seed for seed in range(100) if _is_alike(draw(seed))]
    assert len(seeds) > 5
    holding = [seed for seed in seeds if draw(seed).holds and draw(seed).records]
    assert holding
    for seed in [*seeds[:6], *holding[:2]]:
        scenario = draw(seed)
        assert run(scenario, micropython.make_board).digest == run(scenario).digest


def _is_alike(scenario):
    faults = scenario.to_board, scenario.to_host
    kinds = {event.what for event in scenario.events}
    return all(way == Faults(way.delay_ms) for way in faults) and not kinds & {"power", "full"}
