"""The folder that keeps figures: program.json, and from it a page with charts."""

from collections.abc import Mapping
from pathlib import Path

from ....errors import UserError
from ..page import slug, table
from . import figures
from .figures import Whole
from .table import COLUMNS, besides, cells_of, headline

RESULTS = "program.json"

_HEAD = """\
# What the flashed program does

Written by `sluice bench --program --port PORT --out docs/bench`; do not edit. It is run by hand,
since CI has no MicroPython image for a board: a row is as new as its date. All is told by the
board's own clock, on the default configuration, except for what a line names.

- *Link to link*: a host feeds records as fast as the board takes them, `rate` null, and they come
  back: records a second from the ticks of their grants, the mean *load* of the loop and its
  *longest turn*, over whole intervals of the statistics. Then about *half* as many are fed, paced
  by the board's clock, and *p99* is the sojourn in the queue, of the worst interval.
- *Naive script*: what one would write instead, on the same board in the same run, without a limit
  that is felt: a `readline`, a float bucket, a `write` in
  {naive}.
  Its lines have an end besides.
- *From reset to the first record*: the tick of the first grant after a reset of the whole board,
  which starts its clock at 0; the least of several starts. It has the host's part in it, which says
  hello every half a second, and on USB that the host finds the board again. *Importing and
  building* is the board's part alone, from the loader to the loop; it varies by a quarter
  from run to run, so it is not compared.

*The library frozen*: `firmware/manifest.py` has put it into the firmware image, so only the
program's start is flashed; see docs/install.md.

A board that is reached over a socket is an emulated one, or stands behind a bridge: an emulated
Pico reads its flash at no cost, so a real one is a little slower. An emulator wants a processor of
its own: on a busy machine the host answers late by the board's clock. The emulator is rp2040js from
npm, with a change: it answers each read of the USB line at once with an empty packet, which no host
does, and MicroPython then spends two thirds of its time in USB interrupts; here such a read waits
for data. While the board waits, its clock does not run ahead of the host's.
"""
_NAIVE = "`tools/lab/bench/flashed/naive.py`"


def results(folder: Path) -> dict[str, Whole]:
    """The runs that the folder keeps, by title. UserError if it cannot be read."""
    path = folder / RESULTS
    return figures.load(path) if path.exists() else {}


def write(folder: Path, runs: Mapping[str, Whole]) -> None:
    """Keep the runs there, and draw page and charts from them. UserError if that fails."""
    from . import chart  # here, since matplotlib takes a second to import

    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures.save(folder / RESULTS, runs.values())
        for run in runs.values():
            chart.draw(run, [folder / f"{_name(run)}.{kind}" for kind in ("svg", "png")])
        sections = [_section(run) for run in runs.values()]
        text = "\n".join([_HEAD.format(naive=_NAIVE), *sections])
        (folder / "program.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror}") from None


def _section(run: Whole) -> str:
    lines = [f"## {run.title}", "", headline(run) + "."]
    if run.reason:
        lines += ["", f"Worse than the run before, because: {run.reason}"]
    lines += ["", f"![Link to link on {run.title}]({_name(run)}.svg)", ""]
    lines.append(table(COLUMNS, [cells_of(link) for link in run.links]))
    lines += [f"- {line}" for line in besides(run)]
    return "\n".join(lines) + "\n"


def _name(run: Whole) -> str:
    return f"program-{slug(run.title)}"
