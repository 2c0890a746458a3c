"""The command `sluice fleet`."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ...errors import UserError
from ..steady import SWING
from . import cost, latency, overrun, pressure
from .cost import SCRAPED_EVERY_S, Cost
from .dashboard_picture import draw_dashboard
from .latency import Latency
from .overrun import Overrun
from .overrun_picture import draw_overrun
from .picture import draw
from .pressure import Pressure
from .process import check_installed
from .servers import PACKAGES


@click.command()
@click.option(
    "--boards",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="How many boards are simulated.",
)
@click.option(
    "--gateways",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="Among how many gateways the boards are divided.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/fleet"),
    show_default=True,
    help="The folder for the pictures, as .png and .svg.",
)
@click.option(
    "--writes",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Measure instead: write N watermarks to etcd, and from each how long it takes until the "
    "last board has confirmed it.",
)
@click.option(
    "--cost",
    "counts",
    multiple=True,
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Measure instead: the CPU time of one gateway with N boards; may be given again.",
)
@click.option(
    "--peers",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="With --cost: the boards share a budget with N more gateways of 100 boards each. Of these "
    "only what they write to etcd is simulated.",
)
@click.option(
    "--overrun",
    "overrun_s",
    type=click.IntRange(10, 86_400),
    metavar="SECONDS",
    help="Show instead, for this long, a downstream that all boards share and that gets 1.5 times "
    "what it takes: the fleet settles within about 600.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def fleet(
    boards: int,
    gateways: int,
    out: Path,
    writes: int | None,
    counts: tuple[int, ...],
    peers: int | None,
    overrun_s: int | None,
    as_json: bool,
) -> None:
    """Show a whole fleet under pressure, on this machine.

    Starts etcd, Prometheus, Alertmanager, an operator, gateways and simulated boards, which run the
    firmware's own program, on free ports of loopback and in a temporary folder. Then it slows down
    the sinks of two boards, one after the other, and makes them fast again: each alert raises the
    fleet's watermark, every board lowers its rate and its queue's limit, and all recover in steps.
    Prints what happened when, and draws it. With --overrun all boards feed one server, which takes
    less than they may send together. All that it started ends with it, also on Ctrl-C.
    """
    if gateways > boards:
        raise click.UsageError("--gateways must not be above --boards.")
    if sum(map(bool, (counts, writes, overrun_s))) > 1:
        raise click.UsageError("only one of --writes, --cost and --overrun.")
    if peers is not None and not counts:
        raise click.UsageError("--peers is for --cost.")
    check_installed({"etcd": PACKAGES["etcd"]} if writes or counts else PACKAGES)
    if not writes and not counts:
        _make(out)
    console = Console(stderr=True, highlight=False)
    with (
        _ended_by_sigterm(),
        tempfile.TemporaryDirectory(prefix="sluice-fleet-") as name,
        console.status("") as status,
    ):

        def tell(text: str) -> None:
            status.update(text)
            if not console.is_terminal and not text.startswith(("write ", "second ")):
                console.print(text, markup=False)

        pictures: list[Path] = []
        if counts:
            costs = cost.measure(Path(name), counts, peers, cost.WINDOW_S, tell)
            values, table = _cost_values(costs, peers), _cost_table(costs, peers)
        elif writes:
            measured = latency.measure(Path(name), boards, gateways, writes, tell)
            values, table = _latency_values(measured), _latency_table(measured)
        elif overrun_s:
            settled = overrun.show(Path(name), boards, gateways, overrun_s, tell)
            pictures = draw_overrun(settled, out / "fleet-overrun")
            values, table = _overrun_values(settled, pictures), _overrun_table(settled)
        else:
            shown = pressure.show(Path(name), boards, gateways, tell)
            pictures = draw(shown, out / "fleet")
            pictures += draw_dashboard(shown.dashboard, out / "fleet-dashboard")
            values, table = _pressure_values(shown, pictures), _pressure_table(shown)
    if as_json:
        click.echo(json.dumps(values))
    else:
        Console(highlight=False, soft_wrap=True).print(table)
    if pictures:
        console.print(f"Written: {', '.join(map(str, pictures))}", markup=False, soft_wrap=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror}")
    if not os.access(folder, os.W_OK):
        raise UserError(f"--out {folder}: may not be written to")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: what was started is ended."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _pressure_values(shown: Pressure, pictures: list[Path]) -> dict[str, Any]:
    return {
        "boards": shown.boards,
        "gateways": shown.gateways,
        "alert_hold_s": shown.rules.hold_s,
        "steps": [{"step": mark, "at_s": round(at, 3)} for mark, _, at in shown.steps()],
        "pictures": [str(path) for path in pictures],
    }


def _pressure_table(shown: Pressure) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("s", justify="right")
    table.add_column("after", justify="right")
    table.add_column("what")
    before = 0.0
    for _, text, at in shown.steps():
        table.add_row(f"{at:.2f}", f"{at - before:+.2f}", text)
        before = at
    return table


def _overrun_values(shown: Overrun, pictures: list[Path]) -> dict[str, Any]:
    course = shown.course
    return {
        "boards": shown.boards,
        "gateways": shown.gateways,
        "capacity": shown.capacity,
        "own": shown.own,
        "records": {"sent": shown.sent, "taken": shown.taken},
        "steps": [{"step": mark, "at_s": round(at, 3)} for mark, _, at in shown.steps()],
        "used_percent": round(shown.used_percent, 1),
        "swing_percent": round(shown.swing_percent, 1),
        "settling_s": shown.settling_s,
        "fairness": round(shown.fairness, 4),
        "sent": [round(value, 3) for value in course.sent],
        "taken": [round(value, 3) for value in course.taken],
        "lag_ms": [round(value) for value in course.lag_ms],
        "watermark_ms": course.watermark_ms,
        "pictures": [str(path) for path in pictures],
    }


def _overrun_table(shown: Overrun) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("s", justify="right")
    table.add_column("what")
    for _, text, at in shown.steps():
        table.add_row(f"{at:.2f}", text)
    settled = shown.settling_s
    if settled is None:
        table.add_row("-", f"not within {SWING} % of the capacity from then on: not settled yet")
    else:
        table.add_row(str(settled), f"from here on within {SWING} % of the capacity")
    table.add_row(
        f"{shown.steady_s}-",
        f"{shown.used_percent:.1f} % of the capacity used, {shown.swing_percent:.1f} % swing, "
        f"fairness {shown.fairness:.3f}",
    )
    return table


def _latency_values(measured: Latency) -> dict[str, Any]:
    return {
        "boards": measured.boards,
        "gateways": measured.gateways,
        "writes": len(measured.times_s),
    } | {f"p{percent}_ms": round(measured.percentile_ms(percent), 1) for percent in (50, 99, 100)}


def _latency_table(measured: Latency) -> Table:
    title = (
        f"From the write of a watermark until the last of {measured.boards} boards behind "
        f"{measured.gateways} gateways has confirmed it"
    )
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("writes", "p50 ms", "p99 ms", "longest ms"):
        table.add_column(name, justify="right")
    figures = (f"{measured.percentile_ms(percent):.0f}" for percent in (50, 99, 100))
    table.add_row(str(len(measured.times_s)), *figures)
    return table


def _cost_values(costs: list[Cost], peers: int | None) -> dict[str, Any]:
    names = [f"scraped_{every_s}_s" if every_s else "not_scraped" for every_s in SCRAPED_EVERY_S]
    return {
        "peers": peers,
        "costs": [
            {"boards": each.boards, "memory_mb": round(each.memory_mb, 1)}
            | {
                f"{name}_percent": round(percent, 2)
                for name, percent in zip(names, each.percent, strict=True)
            }
            for each in costs
        ],
    }


def _cost_table(costs: list[Cost], peers: int | None) -> Table:
    budget = "" if peers is None else f" that shares a budget with {peers} others"
    title = f"CPU of one gateway{budget}, % of a core (and of each board, in thousandths of that)"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.add_column("boards", justify="right")
    for every_s in SCRAPED_EVERY_S:
        table.add_column(
            f"scraped every {every_s} s" if every_s else "not scraped", justify="right"
        )
    table.add_column("MB", justify="right")
    for each in costs:
        figures = (f"{all_:.1f} ({1000 * all_ / each.boards:.0f})" for all_ in each.percent)
        table.add_row(str(each.boards), *figures, f"{each.memory_mb:.0f}")
    return table
