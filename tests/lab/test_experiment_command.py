"""`sluice experiment`: each experiment in its quick form, and what it says of bad arguments."""

import csv
import json
from array import array

import pytest
from click.testing import CliRunner

from sluice_tools.cli import main
from sluice_tools.errors import UserError
from sluice_tools.lab.experiments import command, control, pid, shapes
from sluice_tools.lab.experiments.result import plain_table, table
from sluice_tools.lab.experiments.setup import Setup
from sluice_tools.lab.runtimes import Microbit

# The experiments that need nothing but the simulation, and their figures.
FIGURES = {
    "capacity": {"capacity"},
    "shapes": {"shapes"},
    "control": {"control", "control-rush", "control-region"},
    "fleet": {"fleet", "fleet-delays"},
}


def experiment(*arguments: object):
    return CliRunner().invoke(main, ["experiment", *map(str, arguments)])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """quick(NAME): the folder that its quick form has written, and the run of the command."""
    done = {}

    def run(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            done[name] = folder, experiment(name, "--quick", "--out", folder)
        return done[name]

    return run


@pytest.mark.parametrize("name", FIGURES)
def test_it_writes_figures_table_and_page(quick, name):
    folder, ran = quick(name)
    assert ran.exit_code == 0, ran.output
    figures = {f"{stem}{suffix}" for stem in FIGURES[name] for suffix in (".svg", ".png")}
    assert {path.name for path in folder.iterdir()} == figures | {f"{name}.csv", f"{name}.md"}
    page = (folder / f"{name}.md").read_text()
    assert page.startswith("# ") and "## Advice" in page and "nan" not in page
    for stem in FIGURES[name]:
        assert f"]({stem}.svg)" in page
    assert str(folder) in ran.stderr
    if name != "shapes":
        assert "times real time" in ran.stderr


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_seed_gives_the_same_bytes(quick, name, tmp_path):
    folder, _ = quick(name)
    assert experiment(name, "--quick", "--out", tmp_path).exit_code == 0
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_seed_gives_other_figures(quick, tmp_path):
    folder, _ = quick("control")
    assert experiment("control", "--quick", "--seed", 1, "--out", tmp_path).exit_code == 0
    assert (tmp_path / "control.csv").read_text() != (folder / "control.csv").read_text()


def test_more_slots_never_lose_more(quick):
    table = rows(quick("capacity")[0] / "capacity.csv")
    for workload in ("steady", "Poisson", "bursty"):
        losses = [float(row["lost_percent"]) for row in table if row["workload"] == workload]
        assert losses == sorted(losses, reverse=True)
    assert all(float(row["lost_percent"]) == 0 for row in table if row["workload"] == "steady")


def test_what_fits_into_a_board_is_bounded(quick):
    fits = {int(r["capacity"]): r["fits"] for r in rows(quick("capacity")[0] / "capacity.csv")}
    assert (fits[1024], fits[2048], len(fits)) == ("yes", "no", 13)


def test_only_the_token_bucket_keeps_the_bound_to_the_token(quick):
    table = {
        (row["demand"], row["limiter"]): row for row in rows(quick("shapes")[0] / "shapes.csv")
    }
    ours = table["always", "token bucket"]
    assert (ours["difference"], ours["most_over"]) == ("+0", "0")
    # From 0 to 10^8 - 1: 3 + floor(99,999,999 * 7 / 60,000), worked out by hand.
    assert int(ours["granted"]) == 3 + 11_666
    assert int(table["always", "float"]["difference"]) < -5000
    assert int(table["at edges", "fixed window"]["most_over"]) == 2 * 100 - 10 - 5
    assert int(table["at edges", "token bucket"]["most_over"]) == 0


def test_the_control_loops_keep_the_latency_down(quick):
    p50 = {
        row["control"]: float(row["p50_ms"])
        for row in rows(quick("control")[0] / "control.csv")
        if row["phase"] == "load 700/s"
    }
    assert p50["PID"] == pytest.approx(200, rel=0.15)
    assert p50["PID"] < p50["CoDel"] < p50["none"] == pytest.approx(1000 * 256 / 500, rel=0.05)


def test_a_rush_of_half_more_loses_less(quick):
    lost = {
        row["control"]: float(row["lost_percent"])
        for row in rows(quick("control")[0] / "control.csv")
        if row["experiment"] == "starved"
    }
    assert lost["+50%"] < lost["no rule"] <= lost["-50%"]


@pytest.mark.parametrize("case", [pid.Case(64, 100, 1.25), pid.Case(256, 500, 3, 0.5)])
def test_the_default_gains_settle_and_hold_still(case):
    outcome = pid.settle(Setup(2026, True), case, pid.Gains())
    assert outcome.fails() == ""
    assert outcome.swing == 0


def test_gains_that_are_too_large_swing_and_too_small_settle_late():
    setup, case = Setup(2026, True), pid.Case(64, 200, 3)
    busy = pid.Case(64, 100, 1.25, 0.5, 250)
    assert pid.settle(setup, busy, pid.Gains(ki=(1, 1))).fails() == "swings"
    assert pid.settle(setup, case, pid.Gains(ki=(1, 32))).fails() == "settles late"
    assert pid.settle(setup, case, pid.Gains(ki=(0, 1))).fails() == "off target"


@pytest.mark.parametrize(
    ("outcome", "fails"),
    [
        ((5, 5, 1, 15), ""),
        ((5.1, 9, 9, 99), "swings"),
        ((5, 5.25, 9, 99), "settles late"),
        ((5, 5, 1.1, 99), "loses"),
        ((5, 5, 1, 15.1), "off target"),
    ],
)
def test_what_is_wanted_of_a_loop(outcome, fails):
    judged = pid.Outcome(*outcome)
    assert (judged.fails(), judged.holds()) == (fails, fails == "")


def test_conclusions_follow_the_figures():
    worst = ["-", "50.0", "900", "990"]
    steps = [
        [name, stretch.name, 1000, *worst[1:], "0", "0", failed]
        for stretch in control.STEP.stretches
        for name, failed in (("none", 5), ("PID", 6), ("rate tuning", 7))
    ]
    steps[1][3] = "10.0"  # PID's loss in the first stretch
    rushed = [["no rule", 1, *worst[1:]], ["+50%", 1, *worst[1:]], ["-50%", 1, "4.0", "900", "980"]]
    first, *_, starved, tuning = control._advice(steps, rushed).splitlines()
    assert first.startswith(
        "- load 700/s: the least loss 10% (PID), the least p50 900 ms (none; PID"
    )
    assert "the least loss 4% (-50%)" in starved and "p99 980 ms (-50%)" in starved
    assert "7 attempts failed in place of 5" in tuning

    bound = shapes._bound(shapes._LONG, 99)  # 3: the burst alone

    def granted(name, demand, count):
        return shapes.Run(name, demand, shapes._LONG, 100, 0, array("q", [0] * count))

    runs = [granted("Pacer", "always", bound), granted("float", "always", bound - 1)]
    runs += [granted("Pacer", "at edges", bound), granted("burst of 1", "at edges", bound + 2)]
    runs.append(granted("burst of 1", "always", bound + 1))
    rate = shapes._FAST[0]
    advice = shapes._advice(runs, {"Pacer": [rate, rate], "token bucket": [rate, rate / 2]})
    assert advice.splitlines() == [
        "- More than the bound in some stretch of time: burst of 1 +2.",
        "- Less than the bound with demand always waiting: float -1.",
        f"- Tokens a second lost after 12 days, of {rate}: token bucket -{rate // 2}.",
        "- None of these: fixed window; Pacer; float, wrap handled.",
    ]


def test_a_trace_is_played_at_the_same_mean_rate(tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("offset_s\n" + "".join(f"{n // 3}\n" for n in range(300)))
    ran = experiment("capacity", "--quick", "--trace", trace, "--out", tmp_path / "out", "--json")
    assert ran.exit_code == 0, ran.output
    traced = [row for row in json.loads(ran.stdout)["rows"] if row["workload"] == "trace"]
    assert [row["offered"] for row in traced] == [300] * 13
    # Three at once: two places fewer lose two of them.
    assert traced[0]["lost_percent"] != "0.000" and traced[2]["lost_percent"] == "0.000"


@pytest.mark.skipif(Microbit.why_not() is not None, reason=str(Microbit.why_not()))
def test_only_the_allocating_limiter_makes_garbage(tmp_path):
    ran = experiment("garbage", "--quick", "--out", tmp_path)
    assert ran.exit_code == 0, ran.output
    naive, ours = rows(tmp_path / "garbage.csv")
    assert float(naive["bytes_each"]) > 16
    assert float(ours["bytes_each"]) == 0
    assert int(ours["worst_us"]) - int(ours["p50_us"]) < int(ours["collection_us"]) // 10


def test_without_an_emulator_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(Microbit, "why_not", lambda: "qemu-system-arm (Debian) not installed")
    ran = experiment("garbage", "--quick")
    assert ran.exit_code == 1
    assert ran.output.splitlines() == [
        "Error: garbage needs an emulated micro:bit: qemu-system-arm (Debian) not installed; "
        "apt-get install both"
    ]


def test_all_goes_on_after_one_that_cannot_be_run(monkeypatch, tmp_path):
    def cannot(setup):
        raise UserError("no board")

    monkeypatch.setattr(command, "NAMES", ("garbage", "shapes"))
    monkeypatch.setattr("sluice_tools.lab.experiments.garbage.run", cannot)
    ran = experiment("all", "--quick", "--out", tmp_path)
    assert ran.exit_code == 1
    assert "Error: garbage: no board" in ran.output
    assert (tmp_path / "shapes.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["speed"], "capacity"),
        (["capacity", "--seed", "-1"], "--seed"),
        (["capacity", "--trace", "no-such.log"], "no-such.log"),
    ],
)
def test_bad_arguments_are_named(arguments, says):
    ran = experiment(*arguments)
    assert ran.exit_code == 2
    assert says in ran.output and "Traceback" not in ran.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("offset_s\n7\n", "span no time"),
        ("a,b\n1,2\n", "neither an access log"),
        ('{"a":1}\n', "line 1 has the keys a"),
    ],
)
def test_a_trace_that_is_of_no_use_ends_in_one_line(tmp_path, text, says):
    trace = tmp_path / "trace.csv"
    trace.write_text(text)
    ran = experiment("capacity", "--quick", "--trace", trace, "--out", tmp_path)
    assert ran.exit_code == 1
    assert ran.output.startswith("Error: ") and says in ran.output
    assert len(ran.output.splitlines()) == 1
    assert "--time" not in ran.output and "sluice feed" not in ran.output  # no options of this one


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    ran = experiment("shapes", "--quick", "--out", tmp_path / "file" / "below")
    assert ran.exit_code == 1
    assert "file" in ran.output and "Traceback" not in ran.output


def test_tables():
    cells = [["a", 1, None], ["bc", "-2.5", "3"]]
    assert table(["x", "y", "z"], cells).splitlines() == [
        "| x | y | z |",
        "| :-- | --: | --: |",
        "| a | 1 | – |",
        "| bc | -2.5 | 3 |",
    ]
    assert plain_table(["x", "y", "z"], cells).splitlines() == [
        " x     y  z",
        " a     1  -",
        "bc  -2.5  3",
    ]
