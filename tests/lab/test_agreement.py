"""The simulation against the virtual board, as real processes in real time."""

import csv

from click.testing import CliRunner

from sluice_tools.cli import main
from sluice_tools.lab.experiments import agreement


def test_the_simulation_is_set_beside_the_virtual_board(tmp_path, monkeypatch):
    """How far apart they are is for the experiment to judge, on a machine that has time for it."""
    monkeypatch.setattr(agreement, "MOST_APART", 1e6)
    ran = CliRunner().invoke(main, ["experiment", "agreement", "--quick", "--out", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    with (tmp_path / "agreement.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["scenario"] for row in rows} == {"host on the link", "timer, overloaded"}
    judged = [row for row in rows if row["judged"] == "yes"]
    assert {row["figure"] for row in judged} >= {"throughput", "lost", "refused", "latency p50"}
    board = {(row["scenario"], row["figure"]): float(row["board"]) for row in rows}
    fed = board["host on the link", "delivered"]
    assert fed > 1000
    assert board["host on the link", "lost"] == 0
    # What a bucket never exceeds, however busy the machine is.
    assert board["host on the link", "throughput"] <= 500 * (1 + 10 / (fed - 11))
    assert 0 < board["timer, overloaded", "throughput"] <= board["timer, overloaded", "offered"]
