"""A flashed program's figures as a table on a terminal."""

from rich.console import Console
from rich.markup import escape

from ..compare import Comparison
from ..table import number, ruled, since
from .compare import name_of
from .figures import Link, Whole

COLUMNS = (
    "link to link",
    "records/s",
    "load",
    "longest turn, ms",
    "at half of it, /s",
    "p99 there, ms",
    "naive script, lines/s",
    "x naive",
)


def show(console: Console, run: Whole, comparison: Comparison | None) -> None:
    """Each size of records in a line, with its change since the kept run; and the rest below."""
    table = ruled(headline(run))
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == COLUMNS[0] else "right")
    if comparison:
        table.add_column("time since kept", justify="right")
    for link in run.links:
        cells = [escape(cell) for cell in cells_of(link)]
        if comparison:
            cells.append(since(comparison.time(name_of(link))))
        table.add_row(*cells)
    console.print(table)
    for line in besides(run):
        console.print(f"  {line}", highlight=False, markup=False)
    console.print()


def headline(run: Whole) -> str:
    """What ran where."""
    commit = f" ({run.commit})" if run.commit else ""
    return (
        f"{run.title}: sluice {run.sluice}{commit} flashed as {run.release},"
        f" image {run.image}; measured on {run.date}, {run.seconds} s each"
    )


def cells_of(link: Link) -> list[str]:
    """One for each of COLUMNS."""
    return [
        f"{link.bytes} bytes",
        number(link.per_s, "{:,.1f}"),
        number(link.load, "{:.2f}"),
        number(link.longest_turn_us / 1000, "{:.1f}"),
        number(link.half_per_s, "{:,.1f}"),
        number(link.p99_ms, "{:,}"),
        number(link.naive_per_s, "{:,.1f}"),
        number(link.ratio, "{:.2f}"),
    ]


def besides(run: Whole) -> list[str]:
    """What is no size of records, in a line each."""
    timer, heap = run.timer, run.heap
    return [
        f"timer of 1 kHz to null: {timer.admitted_per_s:,.1f} events a second admitted,"
        f" {timer.refused_per_s:,.1f} refused, load {timer.load:.2f},"
        f" longest turn {timer.longest_turn_us / 1000:.1f} ms",
        f"heap with the default program: {heap.used:,} B in use, {heap.free:,} B free",
        f"from reset to the first record: {number(run.first_ms, '{:,}')} ms;"
        f" importing and building the default program: {heap.built_ms:,} ms",
    ]
