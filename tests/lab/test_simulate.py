"""The simulator: the same seed is the same run, and what it says of a broken promise."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from sluice.program.keys import ROWS
from sluice_tools.cli import main
from sluice_tools.lab.simulate.scenario import Event, Faults, Scenario, draw
from sluice_tools.lab.simulate.shrink import shrink
from sluice_tools.lab.simulate.world import run


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_the_same_seed_is_the_same_run(seed):
    assert draw(seed) == draw(seed)
    assert run(draw(seed)) == run(draw(seed))


def test_other_seeds_are_other_runs():
    assert len({run(draw(seed)).digest for seed in range(10)}) == 10


def test_every_key_and_every_kind_of_event_is_drawn():
    drawn = [draw(seed) for seed in range(2000)]
    keys = {key for scenario in drawn for key in scenario.config}
    # Sinks to a server and a store have draws of their own; a line over TCP is another line.
    assert keys == {row[0] for row in ROWS} - {"mqtt", "http", "listen", "store", "store_folder"}
    kinds = {event.what for scenario in drawn for event in scenario.events}
    assert kinds >= {"kill", "suspend", "reset", "unplug", "stall", "stuck", "sink", "set"}
    assert kinds >= {"watermark", "grant", "pulses", "hold"}
    assert {scenario.host for scenario in drawn} == {"feed", "gateway"}


def test_a_failing_scenario_is_made_smaller_as_far_as_it_still_fails():
    scenario = replace(
        draw(5),
        config={"source": "link", "sink": "null", "rate": 7, "slots": 8},
        records=tuple((at, 4) for at in range(50)),
        events=tuple(Event(at, "kill", (1,)) for at in range(9)),
        to_board=Faults(delay_ms=3, drop=0.1),
    )

    def fails(smaller: Scenario) -> bool:
        return (
            any(event.at_ms == 6 for event in smaller.events)
            and (31, 4) in smaller.records
            and smaller.config.get("rate") == 7
        )

    small = shrink(scenario, fails)
    assert small.events == (Event(6, "kill", (1,)),)
    assert small.records == ((31, 4),)
    assert small.config == {"source": "link", "sink": "null", "rate": 7}
    assert small.to_board == Faults()


def test_the_command_reports_for_people_and_for_programs():
    told = CliRunner().invoke(main, ["simulate", "--seeds", "4"])
    assert told.exit_code == 0
    assert "4 seeds, " in told.output
    assert "violations: 0" in told.output
    told = CliRunner().invoke(main, ["simulate", "--seeds", "3", "--first", "8", "--json"])
    report = json.loads(told.output)
    assert (report["seeds"], report["violations"]) == (3, [])
    assert report["hours"] > 0


def test_one_seed_says_what_happens_in_it():
    told = CliRunner().invoke(main, ["simulate", "--seed", "17"])
    assert told.exit_code == 0
    assert str(draw(17)) in told.output
