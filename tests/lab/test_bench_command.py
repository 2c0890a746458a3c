"""`sluice bench` on real MicroPythons, with few repetitions."""

import json
import subprocess

import pytest

from sluice_tools.itself import sluice
from sluice_tools.lab.bench.cases import CASES, FLOAT, FLOOR, GRANTED, Kind
from sluice_tools.lab.bench.figures import ONE_BUCKET
from sluice_tools.lab.runtimes import Microbit
from sluice_tools.vboard import VirtualBoard


def bench(*options: str) -> dict:
    command = sluice("bench", "--quick", "--json", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["runs"][0]


def check_all_cases(run: dict) -> None:
    assert run["cases"].keys() == {case.name for case in CASES}
    assert [name for name, figure in run["cases"].items() if figure["absent"]] == []
    ours = [case.name for case in CASES if case.kind is not Kind.PEER]
    assert {run["cases"][name]["bytes"] for name in ours} == {0}
    assert run["cases"][FLOAT]["bytes"] > 0  # so an allocation is seen
    assert run["loop_bytes"] == 0
    assert 0 < run["ram"][ONE_BUCKET] < 1000


def test_every_case_on_webassembly():
    run = bench("--runtime", "WebAssembly")
    check_all_cases(run)
    assert "longest call" in run["absent"]


def test_a_board_at_a_port_keeps_its_files(tmp_path):
    with VirtualBoard(tmp_path) as board:
        before = sorted(path for path in tmp_path.rglob("*"))
        check_all_cases(bench("--port", board.url))
        assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.skipif(Microbit.why_not() is not None, reason=str(Microbit.why_not()))
def test_what_fits_on_the_micro_bit():
    run = bench("--runtime", "micro:bit")
    floor, granted = run["cases"][FLOOR], run["cases"][GRANTED]
    assert 0 < floor["us"] < granted["us"]
    assert granted["worst_us"] >= granted["single_us"] > 0
    absent = {figure["absent"] for figure in run["cases"].values()}
    assert "no collections.deque in MicroPython 1.9.2" in absent
