"""The folder that keeps figures: results.json, and from it a page with charts."""

import re
from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from . import figures
from .figures import Run
from .table import besides, cells_of, headline, target_cells
from .targets import verdicts

RESULTS = "results.json"

_HEAD = """\
# What it costs

Written by `sluice bench --out docs/bench`; do not edit. One call each, in microseconds of the
runtime's own clock: the least over several timed loops, less the empty loop. *x floor*: as a
multiple of a bound method that does nothing but read the clock and subtract, which is what any
limiter in Python costs at least. *bytes*: taken from the heap by one call. *longest*: the
longest of {calls:,} calls as a multiple of the median one, with the board's own interrupts in it.

An emulator's microsecond is not a board's: compare figures of one table with each other.
[program.md](program.md) has what all of it together does on a board, as it is flashed.
"""
_COLUMNS = ("one call", "us", "median us", "x floor", "bytes", "longest")
_TARGETS = ("target", "on", "wanted", "measured", "by", "")


def results(folder: Path) -> dict[str, Run]:
    """The runs that the folder keeps, by title. UserError if it cannot be read."""
    path = folder / RESULTS
    return figures.load(path) if path.exists() else {}


def write(folder: Path, runs: Mapping[str, Run]) -> None:
    """Keep the runs there, and draw page and charts from them. UserError if that fails."""
    from . import chart  # here, since matplotlib takes a second to import

    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures.save(folder / RESULTS, runs.values())
        for run in runs.values():
            chart.draw(run, [folder / f"{slug(run.title)}.{kind}" for kind in ("svg", "png")])
        (folder / "README.md").write_text(_page(runs), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror}") from None


def _page(runs: Mapping[str, Run]) -> str:
    parts = [_HEAD.format(calls=max(run.calls for run in runs.values()))]
    rows = [target_cells(verdict) for verdict in verdicts(runs.values())]
    parts.append(f"## Targets\n\n{table(_TARGETS, rows)}")
    parts += [_section(run) for run in runs.values()]
    return "\n".join(parts)


def _section(run: Run) -> str:
    lines = [f"## {run.title}", "", headline(run) + "."]
    if run.reason:
        lines += ["", f"Worse than the run before, because: {run.reason}"]
    lines += ["", f"![One call each on {run.title}]({slug(run.title)}.svg)", ""]
    present = {name: figure for name, figure in run.cases.items() if not figure.absent}
    lines.append(
        table(_COLUMNS, [[name, *cells_of(run, name, figure)] for name, figure in present.items()])
    )
    absent = [f"{name}: absent: {figure.absent}" for name, figure in run.cases.items()]
    absent = [line for line, name in zip(absent, run.cases, strict=True) if name not in present]
    lines += [f"- {line}" for line in besides(run) + absent]
    return "\n".join(lines) + "\n"


def table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table in Markdown; but for the first column, flush right."""
    ruled = [list(columns), ["---", *["--:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled) + "\n"


def slug(title: str) -> str:
    """A run's title as a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
