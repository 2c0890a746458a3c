"""The command `sluice simulate`."""

import gc
import json
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from typing import NamedTuple

import click

from . import spilling
from .draws import scenarios
from .scenario import Scenario
from .shrink import shrink
from .violation import Violation
from .world import run

_AT_ONCE = 20  # seeds that a process is given together
_HOUR_MS = 3_600_000
_NEVER = float("inf")


class _Report(NamedTuple):
    """What a seed came to. ms: of simulated time.  violation: its text, or None."""

    seed: int
    ms: int
    violation: str | None


@click.command()
@click.option("--seed", type=click.IntRange(0), help="Run this one, and say what happens in it.")
@click.option("--seeds", type=click.IntRange(1), help="How many; 200 unless told.")
@click.option("--seconds", type=click.FloatRange(0), help="As many as there is time for.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Begin here.")
@click.option("--json", "as_json", is_flag=True, help="The report for a program to read.")
@click.pass_context
def simulate(
    context: click.Context,
    seed: int | None,
    seeds: int | None,
    seconds: float | None,
    first: int,
    as_json: bool,
) -> None:
    """Run the whole system on virtual time, with faults, from one seed after another.

    The board's program, the host's end of the line and the line between them are joined; frames
    are lost, damaged and doubled, boards reset, hosts killed and resumed, settings changed. In
    each tenth seed also a board with the sink mqtt or http, whose server and network fail. After
    each seed everything that was sent has to be accounted for. The same seed gives the same run.
    Exit status 1 when a promise is broken; the first seed that breaks one is made smaller and
    shown.
    """
    logging.disable(logging.CRITICAL)
    context.call_on_close(lambda: logging.disable(logging.NOTSET))
    if seed is not None:
        reports = [_run(seed)]
        if not as_json:
            click.echo("\n\n".join(map(str, scenarios(seed))))
    else:
        reports = list(_run_many(first, seeds, seconds, quiet=as_json))
    broken = [report for report in reports if report.violation is not None]
    if as_json:
        click.echo(json.dumps(_as_dict(reports, broken)))
    else:
        hours = sum(report.ms for report in reports) / _HOUR_MS
        click.echo(
            f"{len(reports):,} seeds, {hours:,.1f} simulated hours; violations: {len(broken):,}"
        )
        if broken:
            _show(broken[0])
    context.exit(1 if broken else 0)


def _as_dict(reports: list[_Report], broken: list[_Report]) -> dict[str, object]:
    return {
        "seeds": len(reports),
        "hours": sum(report.ms for report in reports) / _HOUR_MS,
        "violations": [{"seed": report.seed, "text": report.violation} for report in broken],
    }


def _run(seed: int) -> _Report:
    """All scenarios of a seed: the system, and the store on a flash that loses its power."""
    try:
        ms = sum(run(scenario).ms for scenario in scenarios(seed))
        spilling.run(seed)
    except Violation as violation:
        return _Report(seed, 0, str(violation))
    return _Report(seed, ms, None)


def _run_chunk(seeds: list[int]) -> list[_Report]:
    logging.disable(logging.CRITICAL)
    gc.freeze()  # or each board that starts would look through all that was imported
    return [_run(seed) for seed in seeds]


def _run_many(
    first: int, seeds: int | None, seconds: float | None, quiet: bool
) -> Iterator[_Report]:
    """The reports in the seeds' order, until a chunk of them has a violation."""
    until = _NEVER if seconds is None else time.monotonic() + seconds
    most = seeds if seeds is not None else 200 if seconds is None else None
    numbers = iter(count(first) if most is None else range(first, first + most))
    workers = os.cpu_count() or 1
    length = most if seconds is None else int(seconds)
    with (
        ProcessPoolExecutor(workers) as pool,
        click.progressbar(length=length, label="seeds", hidden=quiet) as bar,
    ):
        begun = time.monotonic()
        pending = []
        while True:
            while len(pending) < 2 * workers and time.monotonic() < until:
                chunk = list(islice(numbers, _AT_ONCE))
                if not chunk:
                    break
                pending.append(pool.submit(_run_chunk, chunk))
            if not pending:
                return
            reports = pending.pop(0).result()
            yield from reports
            passed = time.monotonic() - begun
            bar.update(len(reports) if seconds is None else int(passed) - bar.pos)
            if any(report.violation for report in reports):
                return


def _show(report: _Report) -> None:
    """A seed that breaks a promise, as it is and made smaller."""
    click.echo(f"\nseed {report.seed}: {report.violation}")
    scenario = next((each for each in scenarios(report.seed) if _violation(each)), None)
    if scenario is None:
        return  # it is the store's
    small = shrink(scenario, lambda smaller: _violation(smaller) is not None)
    click.echo(f"\nmade smaller:\n{small}\n{_violation(small)}")


def _violation(scenario: Scenario) -> str | None:
    try:
        run(scenario)
    except Violation as violation:
        return str(violation)
    return None
