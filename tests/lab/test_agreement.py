"""The simulation against the virtual board, as real processes in real time."""

import csv

import pytest
from click.testing import CliRunner

from sluice_tools.cli import main


@pytest.mark.alone
@pytest.mark.timeout(400)  # it may run each scenario three times
def test_the_simulation_agrees_with_the_virtual_board(tmp_path):
    ran = CliRunner().invoke(main, ["experiment", "agreement", "--quick", "--out", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    with (tmp_path / "agreement.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["scenario"] for row in rows} == {"host on the link", "timer, overloaded"}
    judged = [row for row in rows if row["judged"] == "yes"]
    assert {row["figure"] for row in judged} >= {"throughput", "lost", "refused", "latency p50"}
    assert all(float(row["apart_percent"]) <= 5 for row in judged)
