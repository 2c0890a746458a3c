"""The command `sluice experiment`."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from ...errors import UserError
from ...itself import CHECKOUT
from .result import Result, plain_table
from .setup import Setup

NAMES = ("capacity", "shapes", "control", "garbage", "agreement", "fleet")
"""Each is a module here, with `run(setup) -> Result`."""

_SEED = 2026


@click.command()
@click.argument("name", type=click.Choice([*NAMES, "all"]))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for figures, CSV and page; default: docs/experiments, or build/experiments "
    "with --quick; without a checkout: ./experiments.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=_SEED,
    show_default=True,
    help="Another seed draws other arrivals.",
)
@click.option(
    "--trace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A log with real arrivals, for capacity, besides those that are drawn.",
)
@click.option("--quick", is_flag=True, help="Less of everything: rough figures in seconds.")
@click.option("--json", "as_json", is_flag=True, help="The rows as JSON instead of a table.")
def experiment(
    name: str, out: Path | None, seed: int, trace: Path | None, quick: bool, as_json: bool
) -> None:
    """Run an experiment on the firmware's own modules, and write its figures, CSV and page.

    \b
    capacity   throughput, latency, loss and memory against the queue's capacity
    shapes     tokens that limiters grant against the exact bound, over wraps of the clock
    control    a step of load and a slow sink under each of the control loops
    garbage    pauses of an allocating limiter and of this one, on MicroPython
    agreement  the simulation against the same scenario on the virtual board, in real time
    fleet      the watermark's loop over boards, overload and delay of the alerts
    """
    if out is None:
        out = Path("experiments")
        if CHECKOUT:
            out = CHECKOUT / "build" / "experiments" if quick else CHECKOUT / "docs" / "experiments"
    failed = False
    for each in NAMES if name == "all" else (name,):
        run: Callable[[Setup], Result] = import_module(f".{each}", __package__).run
        setup = Setup(seed, quick, trace)
        try:
            result = run(setup)
            paths = result.write(out)
        except UserError as error:
            if name != "all":
                raise
            UserError(f"{each}: {error.message}").show()
            failed = True
            continue
        click.echo(result.as_json() if as_json else plain_table(result.columns, result.rows))
        _tell(setup, paths)
    if failed:
        raise click.exceptions.Exit(1)


def _tell(setup: Setup, paths: list[Path]) -> None:
    if setup.simulated_s:
        click.echo(
            f"Simulated {setup.simulated_s:,.0f} s in {setup.took_s:,.1f} s: "
            f"{setup.simulated_s / setup.took_s:,.0f} times real time "
            f"({setup.simulated_s / setup.cpu_s:,.0f} times by the processor's time).",
            err=True,
        )
    names = ", ".join(path.name for path in paths)
    click.echo(f"Written to {paths[0].parent}: {names}", err=True)
