"""`sluice bench --program`."""

import json
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ....errors import UserError
from . import figures, page
from .compare import compare
from .figures import Whole
from .measure import measure, steps
from .table import show

_WIDTH = 110
_SECONDS = 2
_QUICK_SECONDS = 1


def bench_program(
    port: str, kept_file: Path | None, out: Path | None, reason: str, as_json: bool, quick: bool
) -> bool:
    """Measure the program on the board at the port; whether nothing is worse than what was kept."""
    kept = figures.load(kept_file) if kept_file else {}
    before = page.results(out) if out else {}
    run = _measure(port, _QUICK_SECONDS if quick else _SECONDS)
    comparison = compare(kept[run.title], run) if run.title in kept else None
    worse = comparison.worse if comparison else []
    if as_json:
        click.echo(json.dumps(figures.to_json([run]) | {"worse": worse}, indent=1))
    else:
        show(Console(width=None if sys.stdout.isatty() else _WIDTH), run, comparison)
    for line in worse:
        click.echo(f"worse: {line}", err=True)
    if kept_file and not comparison:
        click.echo(f"{kept_file}: nothing compared: it has no {run.title}", err=True)
    elif kept_file and not worse:
        click.echo(f"{kept_file}: nothing is worse", err=True)
    if out:
        page.write(out, before | {run.title: _kept(before, run, reason)})
    return not worse


def _measure(port: str, seconds: int) -> Whole:
    # On the error stream, so that --json stays JSON.
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    disable = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task("the board", total=steps())
        done = count()

        def say(what: str) -> None:
            progress.update(task, description=what, completed=next(done))

        return measure(port, seconds, say)


def _kept(before: dict[str, Whole], run: Whole, reason: str) -> Whole:
    """The run as it is to be kept. UserError if it is worse and there is no reason why."""
    worse = compare(before[run.title], run).worse if run.title in before else []
    if worse and not reason:
        raise UserError(f"not kept, since it is worse; say why by --reason: {'; '.join(worse)}")
    return replace(run, reason=reason if worse else "")
