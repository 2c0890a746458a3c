"""`sluice bench --program` on a virtual board: its report, and that it puts everything back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluice_tools.cli import main
from sluice_tools.errors import UserError
from sluice_tools.lab.bench import provenance
from sluice_tools.lab.bench.flashed import board as board_module
from sluice_tools.lab.bench.flashed import command, figures, page
from sluice_tools.lab.bench.flashed.board import borrowed
from sluice_tools.lab.bench.flashed.compare import compare
from sluice_tools.lab.bench.flashed.figures import Heap, Link, Timer, Whole
from sluice_tools.lab.bench.flashed.measure import SIZES, measure, steps
from sluice_tools.lab.bench.flashed.running import Running
from sluice_tools.vboard import VirtualBoard

pytestmark = pytest.mark.timeout(300)

FORMER = b'{"rate": 123, "burst": 5,\n "slots": 32}\n'
UNLIMITED = {"rate": None}


def sluice(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board with Sluice and a configuration of its own on it."""
    config = tmp_path_factory.mktemp("config") / "config.json"
    config.write_bytes(FORMER)
    with VirtualBoard() as board:
        done = sluice("flash", "--board", "virtual", "--port", board.url, "--config", config)
        assert done.exit_code == 0, done.output
        yield board


def check_it_is_as_before(board: VirtualBoard) -> None:
    names = {path.name for path in board.flash_dir.iterdir()}
    assert not [name for name in names if name.endswith(".old")]
    assert (board.flash_dir / "config.json").read_bytes() == FORMER
    told = sluice("set", "--port", board.url, "--json")  # of the program, which runs again
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["values"]["rate"] == 123


def test_the_report(board: VirtualBoard, tmp_path: Path) -> None:
    done = sluice("bench", "--program", "--port", board.url, "--quick", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (entry,) = told["programs"]
    assert told["worse"] == []
    assert [link["bytes"] for link in entry["links"]] == list(SIZES)
    for link in entry["links"]:
        assert link["per_s"] > link["half_per_s"] > 0
        assert 0 < link["load"] <= 1 and link["p99_ms"] >= 0 and link["longest_turn_us"] > 0
        assert link["sent"] > link["half_per_s"]
        assert link["first_ms"] is None  # this board's clock goes on over a reset
        assert link["naive_per_s"] > 0
    assert entry["timer"]["admitted_per_s"] > 0 and 0 < entry["timer"]["load"] <= 1
    assert entry["heap"]["used"] > 20000 and entry["heap"]["built_ms"] > 0
    assert entry["commit"] == provenance.commit() and entry["date"] == provenance.today()
    assert entry["release"] in {f"/{path.name}" for path in board.flash_dir.glob("app_*")}
    assert (entry["line"], entry["micropython"]) == ("socket", "1.27.0")
    check_it_is_as_before(board)


@pytest.mark.parametrize("moment", ["link to link, 4 bytes", "half of", "heap", "naive"])
def test_ctrl_c_puts_the_configuration_back(board: VirtualBoard, moment: str) -> None:
    def say(what: str) -> None:
        if moment in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(board.url, 1, say, [4])
    check_it_is_as_before(board)


def test_what_a_bench_that_was_killed_has_left_is_put_back_by_the_next(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(board_module, "_put_back", lambda *_: None)
        with borrowed(board.url, [UNLIMITED]) as lent:
            lent.start(UNLIMITED)
    assert json.loads((board.flash_dir / "config.json").read_text()) == UNLIMITED
    with borrowed(board.url, [UNLIMITED]):
        assert (board.flash_dir / "config.json.old").read_bytes() == FORMER
    check_it_is_as_before(board)


def test_what_a_user_has_put_there_since_is_not_replaced_by_it(board: VirtualBoard) -> None:
    (board.flash_dir / "config.json.old").write_text('{"rate": 1}')
    with borrowed(board.url, [UNLIMITED]) as lent:
        lent.start(UNLIMITED)
    check_it_is_as_before(board)


def test_a_program_that_refuses_the_configuration_is_not_measured(board: VirtualBoard) -> None:
    unknown = {"rate": None, "colour": "red"}
    with borrowed(board.url, [unknown]) as lent:
        lent.start(unknown)
        running = Running(board.url)
        with pytest.raises(UserError, match="the bench's configuration"):
            running.open()
            running.feed(4, 1)
        running.close()
    check_it_is_as_before(board)


def test_each_case_is_told_before_it_begins(board: VirtualBoard) -> None:
    told: list[str] = []
    run = measure(board.url, 1, told.append, [4])
    assert len(told) == steps([4]) and told[0] == "link to link, 4 bytes"
    assert [link.bytes for link in run.links] == [4]


def test_a_board_without_sluice_is_told_so_and_left_alone(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "main.py").write_text("print('mine')\n")
    (vboard.flash_dir / "config.json").write_text("{}")
    done = sluice("bench", "--program", "--port", vboard.url)
    assert done.exit_code == 1
    says = f"Error: {vboard.url}: no Sluice on the board: run sluice flash first"
    assert done.stderr.splitlines() == [says]
    assert {path.name for path in vboard.flash_dir.iterdir()} == {"main.py", "config.json"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--program",), "--program measures the board at --port"),
        (("--program", "--port", "x", "--events", "5"), "without --runtime, --events"),
        (("--program", "--port", "x", "--quick", "--out", "x"), "--quick figures are too rough"),
        (("--program", "--port", "/dev/nowhere"), "/dev/nowhere: no such port"),
    ],
)
def test_bad_arguments_end_in_one_line(options: tuple[str, ...], says: str) -> None:
    done = sluice("bench", *options)
    assert done.exit_code == 1
    assert says in done.stderr.splitlines()[-1] and "Traceback" not in done.output


LINK = Link(
    bytes=4,
    per_s=500.0,
    load=0.9,
    longest_turn_us=4240,
    half_per_s=250.0,
    p99_ms=12,
    first_ms=900,
    sent=2000,
    naive_per_s=2000.0,
)
RUN = Whole(
    machine="Raspberry Pi Pico with RP2040",
    micropython="1.28.0",
    image="3.4.0; MicroPython v1.28.0 on 2026-11-01",
    line="socket",
    release="/app_01234567",
    sluice="0.1.0",
    commit="0123456789ab",
    date="2026-11-29",
    seconds=3,
    links=[LINK, replace(LINK, bytes=32, per_s=250.0)],
    timer=Timer(admitted_per_s=1000.0, refused_per_s=0.0, load=0.3, longest_turn_us=1960),
    heap=Heap(used=80000, free=60000, built_ms=800),
)


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (RUN, None),
        (replace(RUN, links=[replace(LINK, per_s=490.0), RUN.links[1]]), None),
        (
            replace(RUN, links=[replace(LINK, per_s=480.0), RUN.links[1]]),
            "link to link, 4 bytes: 2083.3 us, kept 2000 (+4.2 %)",
        ),
        (replace(RUN, links=[LINK]), "link to link, 32 bytes: missing, kept has it"),
        (
            replace(RUN, timer=replace(RUN.timer, refused_per_s=1.0)),
            "timer to null: 1 refused/s, kept 0 (new)",
        ),
        (replace(RUN, heap=replace(RUN.heap, used=90000)), "heap in use: 90000 B, kept 80000"),
    ],
)
def test_what_is_worse(now: Whole, says: str | None) -> None:
    worse = compare(RUN, now).worse
    assert len(worse) == (says is not None)
    assert says is None or says in worse[0]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    """bench(run, *options): the command where the measurement gives that run."""

    def call(run: Whole, *options: object) -> Result:
        monkeypatch.setattr(command, "measure", lambda port, seconds, say: run)
        return sluice("bench", "--program", "--port", "x", *options)

    return call


def test_the_table_has_each_size_and_what_is_no_size(bench) -> None:
    done = bench(RUN)
    assert done.exit_code == 0
    assert "Raspberry Pi Pico with RP2040, over a socket" in done.stdout
    (row,) = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("4 b")]
    assert row == ["4", "bytes", "500.0", "0.90", "4.2", "250.0", "12", "2,000.0", "0.25"]
    assert (
        "1,000.0 events a second admitted, 0.0 refused, load 0.30, longest turn 2.0 ms"
        in done.stdout
    )
    assert "80,000 B in use, 60,000 B free" in done.stdout


def test_a_frozen_library_is_another_thing(bench, tmp_path: Path) -> None:
    frozen = replace(RUN, frozen=True, heap=replace(RUN.heap, used=40000))
    assert bench(RUN, "--out", tmp_path).exit_code == 0
    assert bench(frozen, "--out", tmp_path).exit_code == 0
    title = "Raspberry Pi Pico with RP2040, the library frozen, over a socket"
    assert page.results(tmp_path) == {RUN.title: RUN, title: frozen}


def test_a_comparison_decides_the_exit_status(bench, tmp_path: Path) -> None:
    kept = tmp_path / "program.json"
    figures.save(kept, [RUN])
    assert bench(RUN, "--compare", kept).exit_code == 0
    slow = replace(RUN, timer=replace(RUN.timer, load=0.33))
    done = bench(slow, "--compare", kept)
    assert done.exit_code == 1
    assert "worse: timer to null: 0.33 load, kept 0.3 (+10.0 %)" in done.stderr
    other = bench(replace(RUN, line="serial"), "--compare", kept)
    assert other.exit_code == 0 and "nothing compared" in other.stderr


def test_the_folder_has_page_and_chart_and_the_same_figures_give_the_same(tmp_path: Path) -> None:
    page.write(tmp_path, {RUN.title: RUN})
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    name = "program-raspberry-pi-pico-with-rp2040-over-a-socket"
    assert first.keys() == {"program.md", "program.json", f"{name}.svg", f"{name}.png"}
    text = first["program.md"].decode()
    assert RUN.image in text and RUN.date in text and f"({name}.svg)" in text
    assert "| 32 bytes | 250.0 | 0.90 | 4.2 | 250.0 | 12 | 2,000.0 | 0.12 |" in text
    page.write(tmp_path, page.results(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_worse_run_is_kept_only_with_its_reason(bench, tmp_path: Path) -> None:
    assert bench(RUN, "--out", tmp_path).exit_code == 0
    slow = replace(RUN, heap=replace(RUN.heap, used=90000))
    done = bench(slow, "--out", tmp_path)
    assert done.exit_code == 1 and "Error: not kept, since it is worse" in done.stderr
    assert page.results(tmp_path) == {RUN.title: RUN}
    assert bench(slow, "--out", tmp_path, "--reason", "it does more").exit_code == 0
    assert page.results(tmp_path)[RUN.title] == replace(slow, reason="it does more")


def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("{", "[]", '{"format": 1, "runs": []}', '{"format": 2, "programs": [{}]}'):
        path.write_text(text)
        with pytest.raises(UserError, match=str(path)) as caught:
            figures.load(path)
        assert "\n" not in caught.value.message
