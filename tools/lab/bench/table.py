"""Figures as tables on a terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cases import CASES, Kind
from .compare import Change, Comparison
from .figures import Figure, Run
from .targets import Verdict

_STYLES = {case.name: "" if case.kind is Kind.OURS else "dim" for case in CASES}


def show_run(console: Console, run: Run, comparison: Comparison | None) -> None:
    """Each case in a line, with its change since the kept run."""
    table = ruled(headline(run))
    table.add_column("one call", no_wrap=True)
    for name in ("least us", "median us", "x floor", "bytes", "longest/median"):
        table.add_column(name, justify="right")
    if comparison:
        table.add_column("since kept", justify="right")
    absent = []
    for name, figure in run.cases.items():
        if figure.absent:
            absent.append((name, figure.absent))
            continue
        cells = [escape(name), *cells_of(run, name, figure)]
        if comparison:
            cells.append(since(comparison.time(name)))
        table.add_row(*cells, style=_STYLES.get(name, ""))
    console.print(table)
    for line in [f"{name}: absent: {reason}" for name, reason in absent] + besides(run):
        console.print(f"  {line}", highlight=False, markup=False)
    console.print()


def headline(run: Run) -> str:
    """What ran where."""
    times = "" if run.repeatable else "; only its ratios mean anything"
    commit = f" ({run.commit})" if run.commit else ""
    return (
        f"{run.runtime}: sluice {run.sluice}{commit} in {run.library},"
        f" MicroPython {run.micropython}, {run.date}{times}"
    )


def cells_of(run: Run, name: str, figure: Figure) -> list[str]:
    """Least, median, multiple of the floor, bytes, longest call as a multiple of the median."""
    ratio = run.ratio(name)
    return [
        number(figure.us, "{:.1f}"),
        number(figure.median_us, "{:.1f}"),
        number(ratio, "{:.2f}"),
        number(figure.bytes, "{:.10g}"),
        number(figure.worst, "{:.2f}"),
    ]


def besides(run: Run) -> list[str]:
    """What is no case, in a line each."""
    lines = [f"{what}: {size:,} B" for what, size in run.ram.items()]
    if run.loop_bytes is not None:
        lines.append(f"whole loop: {run.loop_bytes:,} B for {run.loop_events:,} events")
    return lines + [f"{what}: absent: {reason}" for what, reason in run.absent.items()]


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def show_targets(console: Console, verdicts: Sequence[Verdict]) -> None:
    table = ruled("targets")
    for name in ("what", "on", "wanted", "measured", "by", ""):
        table.add_column(name, no_wrap=name == "wanted")
    for verdict in verdicts:
        table.add_row(*map(escape, target_cells(verdict)))
    console.print(table)
    console.print()


def target_cells(verdict: Verdict) -> list[str]:
    """What, where it holds, wanted, measured, by which run, whether it is met."""
    target = verdict.target
    value = number(verdict.value, "{:,.2f}").removesuffix(".00")
    said = {None: "not measured", True: "met", False: "missed"}[verdict.met]
    return [
        target.what,
        target.on,
        target.wanted,
        value,
        verdict.run.title if verdict.run else "-",
        said,
    ]


def show_left_out(console: Console, reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        console.print(f"{name}: left out: {reason}", highlight=False, markup=False, soft_wrap=True)


def since(change: Change | None) -> str:
    """By how much a figure changed, red when it is worse."""
    if change is None:
        return "-"
    text = f"{100 * (change.ratio - 1):+.1f} %"
    return f"[bold red]{text}[/]" if change.worse else text


def ruled(title: str) -> Table:
    """A table without rows."""
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
