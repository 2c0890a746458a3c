"""What is kept: results.json, read back as it was, and the page and charts drawn from it."""

import json
import re
from dataclasses import replace

import pytest
from bench_runs import RUN, with_case
from click.testing import CliRunner

from sluice_tools.cli import main
from sluice_tools.errors import UserError
from sluice_tools.lab.bench import command, page, provenance
from sluice_tools.lab.bench.cases import EVENT, GRANTED
from sluice_tools.lab.bench.figures import load, save


def test_runs_come_back_as_they_were(tmp_path):
    runs = [RUN, replace(RUN, library="native", reason="a check more")]
    save(tmp_path / "results.json", runs)
    assert load(tmp_path / "results.json") == {"RP2040": runs[0], "RP2040, native": runs[1]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not the figures"),
        ('{"format": 2, "runs": []}', "format 1"),
        ('{"format": 1}', "'runs'"),
        ('{"format": 1, "runs": [{"cases": {}}]}', "not the figures"),
        ('{"format": 1, "runs": [{"cases": []}]}', "not the figures"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        load(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message


def test_provenance_is_of_this_checkout():
    assert re.fullmatch(r"([0-9a-f]{12}\+?)?", provenance.commit())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", provenance.today())


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == ""


def test_the_folder_has_page_and_charts_and_the_same_figures_give_the_same(tmp_path):
    page.write(tmp_path, {RUN.title: RUN})
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert first.keys() == {"README.md", "results.json", "rp2040.svg", "rp2040.png"}
    text = first["README.md"].decode()
    assert "0123456789ab" in text and "MicroPython 1.28.0" in text and "2026-01-01" in text
    assert f"- {EVENT}: absent: no room for sluice.flow.pipeline" in text
    assert first["rp2040.svg"].lstrip().startswith(b"<?xml")
    page.write(tmp_path, page.results(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


@pytest.fixture
def bench(monkeypatch):
    """bench(run, *options): the command where the measurement gives that run."""

    def call(run, *options):
        monkeypatch.setattr(command, "measure", lambda platform, events, say: run)
        return CliRunner().invoke(main, ["bench", "--runtime", "webassembly", *map(str, options)])

    return call


def test_comparison_decides_the_exit_status(bench, tmp_path):
    kept = tmp_path / "results.json"
    save(kept, [RUN])
    assert bench(RUN, "--compare", kept).exit_code == 0
    slow = with_case(RUN, GRANTED, us=20.62)
    done = bench(slow, "--compare", kept)
    assert done.exit_code == 1
    assert f"worse: RP2040: {GRANTED}: 20.62 us, kept 20 (+3.1 %)" in done.stderr
    assert "+3.1 %" in done.stdout
    assert bench(with_case(RUN, GRANTED, us=20.58), "--compare", kept).exit_code == 0


def test_where_times_do_not_repeat_a_comparison_only_informs(bench, tmp_path):
    kept = tmp_path / "results.json"
    save(kept, [replace(RUN, repeatable=False)])
    slow = with_case(replace(RUN, repeatable=False), GRANTED, us=90.0)
    done = bench(slow, "--compare", kept)
    assert done.exit_code == 0
    assert "nothing compared" in done.stderr and "+350.0 %" in done.stdout


def test_a_worse_run_is_kept_only_with_its_reason(bench, tmp_path):
    assert bench(RUN, "--out", tmp_path).exit_code == 0
    slow = with_case(RUN, GRANTED, us=30.0)
    done = bench(slow, "--out", tmp_path)
    assert done.exit_code == 1
    assert "Error: not kept, since it is worse" in done.stderr and GRANTED in done.stderr
    assert page.results(tmp_path) == {RUN.title: RUN}
    assert bench(slow, "--out", tmp_path, "--reason", "a check more").exit_code == 0
    assert page.results(tmp_path)[RUN.title].reason == "a check more"
    assert "because: a check more" in (tmp_path / "README.md").read_text()


def test_other_runtimes_stay_in_the_folder(bench, tmp_path):
    other = replace(RUN, runtime="micro:bit")
    assert bench(other, "--out", tmp_path).exit_code == 0
    assert bench(RUN, "--out", tmp_path).exit_code == 0
    assert page.results(tmp_path).keys() == {"micro:bit", "RP2040"}


def test_json_has_the_figures_and_where_they_come_from(bench):
    told = json.loads(bench(RUN, "--json").stdout)
    (run,) = told["runs"]
    assert (run["commit"], run["micropython"]) == ("0123456789ab", "1.28.0")
    assert run["cases"][GRANTED]["us"] == 20.0
    assert len(told["verdicts"]) == 11


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--runtime", "z80"), "'z80' is not one of"),
        (("--compare", "/nowhere.json"), "/nowhere.json"),
        (("--events", "0"), "--events"),
        (("--quick", "--out", "x"), "--quick figures are too rough to keep"),
        (("--port", "/dev/nowhere"), "/dev/nowhere: no such port"),
        (("--runtime", "rp2040"), "RP2040: SLUICE_UF2 is not set"),
    ],
)
def test_bad_arguments_end_in_one_line(options, says, monkeypatch):
    monkeypatch.delenv("SLUICE_UF2", raising=False)
    done = CliRunner().invoke(main, ["bench", *options])
    assert done.exit_code != 0
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.output


def test_a_runtime_that_is_not_there_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.delenv("SLUICE_UF2", raising=False)
    monkeypatch.setattr(command, "measure", lambda platform, events, say: RUN)
    done = CliRunner().invoke(main, ["bench"])
    assert "RP2040: left out: SLUICE_UF2 is not set" in done.stdout
