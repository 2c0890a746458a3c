"""The command `sluice bench`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from ...errors import UserError
from . import figures, page
from .compare import Comparison, compare
from .figures import Run
from .flashed.command import bench_program
from .measure import measure
from .platforms import PLATFORMS, Platform, board
from .table import show_left_out, show_run, show_targets
from .targets import Verdict, verdicts

_NAMES = list(dict.fromkeys(platform.name for platform in PLATFORMS))
_WIDTH = 110


@click.command()
@click.option(
    "--runtime",
    "names",
    multiple=True,
    type=click.Choice(_NAMES, case_sensitive=False),
    help="Measure on this one; may be given again. Without it and without --port: on each"
    " that this machine can run.",
)
@click.option(
    "--port",
    "-p",
    help="Measure on the board there; without --program nothing is written to its flash.",
)
@click.option(
    "--program",
    is_flag=True,
    help="Measure the program that is flashed on the board at --port, beside a naive script there."
    " Meanwhile the board has another configuration; its own is put back at the end, also after"
    " Ctrl-C or a failure.",
)
@click.option(
    "--compare",
    "kept_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Set the figures against those in a results.json, or with --program in a program.json."
    " Exit status 1 when one is more than 3 % worse on a runtime whose times repeat.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the figures in this folder's results.json, or with --program program.json, in place"
    " of older ones of the same runtimes, and draw its page and charts again.",
)
@click.option("--reason", default="", help="Why figures that are worse than those in --out stay.")
@click.option(
    "--events",
    type=click.IntRange(1, 1000000),
    help="Events through the whole loop; without it as many as take a short time.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.option("--quick", is_flag=True, help="Few repetitions: to see that it works.")
@click.pass_context
def bench(
    context: click.Context,
    names: tuple[str, ...],
    port: str | None,
    program: bool,
    kept_file: Path | None,
    out: Path | None,
    reason: str,
    events: int | None,
    as_json: bool,
    quick: bool,
) -> None:
    """Measure what the library costs, beside what its users would write instead.

    Time, bytes and the longest call, on MicroPythons that run on this machine or on a board.
    """
    if quick and out:
        raise UserError("--quick figures are too rough to keep: --out without --quick")
    if program:
        if not port or names or events:
            raise UserError("--program measures the board at --port: without --runtime, --events")
        good = bench_program(port, kept_file, out, reason, as_json, quick)
        context.exit(0 if good else 1)
    kept = figures.load(kept_file) if kept_file else {}
    before = page.results(out) if out else {}
    platforms, left_out = _platforms(names, port)
    runs = _measure([each.quick() if quick else each for each in platforms], events)
    comparisons = {run.title: compare(kept[run.title], run) for run in runs if run.title in kept}
    worse = _worse(runs, comparisons)

    if as_json:
        told = {"verdicts": [_facts(verdict) for verdict in verdicts(runs)], "worse": worse}
        click.echo(json.dumps(figures.to_json(runs) | told, indent=1))
    else:
        console = Console(width=None if sys.stdout.isatty() else _WIDTH)
        for run in runs:
            show_run(console, run, comparisons.get(run.title))
        show_targets(console, verdicts(runs))
        show_left_out(console, left_out)
    if kept_file:
        _say_compared(kept_file, runs, kept, worse)
    if out:
        page.write(out, before | {run.title: _kept(before, run, reason) for run in runs})
    context.exit(1 if worse else 0)


def _platforms(names: Sequence[str], port: str | None) -> tuple[list[Platform], dict[str, str]]:
    """Where to measure, and why not elsewhere. UserError if what was asked for is not there."""
    reasons = [(platform, platform.why_not()) for platform in PLATFORMS]
    ready = [platform for platform, reason in reasons if reason is None]
    if names or port:
        for name in names:
            if name not in [platform.name for platform in ready]:
                reason = next(why for platform, why in reasons if platform.name == name)
                raise UserError(f"{name}: {reason}")
        chosen = [platform for platform in ready if platform.name in names]
        return chosen + ([board(port)] if port else []), {}
    there = {platform.name for platform in ready}
    missing: dict[str, str] = {}
    for platform, reason in reasons:
        if reason and platform.name not in there:
            missing.setdefault(platform.name, reason)
    return ready, missing


def _measure(platforms: Sequence[Platform], events: int | None) -> list[Run]:
    runs = []
    # On the error stream, so that --json stays JSON.
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        for platform in platforms:
            name = platform.name

            def say(what: str, name: str = name) -> None:
                progress.update(task, description=f"{name}: {what}")

            runs.append(measure(platform, events, say))
    return runs


def _worse(runs: Sequence[Run], comparisons: dict[str, Comparison]) -> list[str]:
    """What is worse, on the runtimes that can be believed."""
    return [
        f"{run.title}: {line}"
        for run in runs
        if run.repeatable and run.title in comparisons
        for line in comparisons[run.title].worse
    ]


def _say_compared(
    path: Path, runs: Sequence[Run], kept: dict[str, Run], worse: Sequence[str]
) -> None:
    compared = [run.title for run in runs if run.repeatable and run.title in kept]
    for line in worse:
        click.echo(f"worse: {line}", err=True)
    if not compared:
        click.echo(f"{path}: nothing compared: no repeatable runtime in both", err=True)
    elif not worse:
        click.echo(f"{path}: nothing is worse on {', '.join(compared)}", err=True)


def _kept(before: dict[str, Run], run: Run, reason: str) -> Run:
    """The run as it is to be kept. UserError if it is worse and there is no reason why."""
    if run.title in before:
        worse = _worse([run], {run.title: compare(before[run.title], run)})
        if worse and not reason:
            raise UserError(f"not kept, since it is worse; say why by --reason: {'; '.join(worse)}")
    return replace(run, reason=reason)


def _facts(verdict: Verdict) -> dict[str, object]:
    target = verdict.target
    return {
        "what": target.what,
        "on": target.on,
        "wanted": target.wanted,
        "measured": verdict.value,
        "by": verdict.run.title if verdict.run else None,
        "met": verdict.met,
    }
