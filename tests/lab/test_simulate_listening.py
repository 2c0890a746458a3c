"""The simulated runs with a line over TCP: clean, deterministic, and with all that is drawn.

What they find is in test_planted_defects.py.
"""

from sluice_tools.lab.simulate.draws import scenarios
from sluice_tools.lab.simulate.listening import draw_listening
from sluice_tools.lab.simulate.scenario import draw
from sluice_tools.lab.simulate.world import run


def test_40_seeds_are_clean():
    for seed in range(40):
        run(draw_listening(seed))


def test_the_same_seed_is_the_same_run():
    for seed in (3, 4):
        assert draw_listening(seed) == draw_listening(seed)
        assert run(draw_listening(seed)) == run(draw_listening(seed))


def test_a_tenth_of_the_seeds_has_one():
    assert scenarios(23) == [draw(23), draw_listening(23)]


def test_cuts_and_faults_on_the_way_are_drawn_and_the_port_always():
    drawn = [draw_listening(seed) for seed in range(300)]
    assert all(scenario.listens for scenario in drawn)
    kinds = {event.what for scenario in drawn for event in scenario.events}
    assert kinds >= {"cut", "kill", "reset", "stall", "set", "power"}
    assert {scenario.config["sink"] for scenario in drawn} == {"link", "uart", "null"}
    faults = [way for scenario in drawn for way in (scenario.to_board, scenario.to_host)]
    for kind in ("drop", "corrupt", "double", "reorder", "split"):
        assert any(getattr(way, kind) for way in faults)
