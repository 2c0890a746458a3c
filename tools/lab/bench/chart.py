"""The figures of a run as a bar chart."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from .cases import CASES, Kind
from .figures import Run

# Okabe and Ito's: they differ for every kind of colour vision, and in grey.
COLOURS = {Kind.OURS: "#0072B2", Kind.PEER: "#E69F00", Kind.FLOOR: "#999999"}
SAYS = {Kind.OURS: "Sluice", Kind.PEER: "what one would write instead", Kind.FLOOR: "floor"}
INK = "#222222"
_WIDTH, _BAR, _MARGIN = 9.0, 0.34, 1.25  # inches
_DPI = 150
# With it and without a date the same figures give the same file.
_STYLE: Any = {
    "svg.fonttype": "none",  # text, which a reader can select
    "svg.hashsalt": "sluice",
    "font.size": 10,
    "font.family": "DejaVu Sans",
}


def draw(run: Run, paths: Iterable[Path]) -> None:
    """Write the chart, as what each path's ending says."""
    save(lambda: _canvas(run), paths)


def save(make: Callable[[], Canvas], paths: Iterable[Path]) -> None:
    """Write what `make` draws in the style of all charts, as what each path's ending says."""
    with matplotlib.rc_context(_STYLE):
        canvas = make()
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            canvas.savefig(path, dpi=_DPI, metadata=metadata)


def _canvas(run: Run) -> Canvas:
    kinds = {case.name: case.kind for case in CASES}
    # A kept run may know cases that the code no longer has.
    rows = [(name, ratio) for name in run.cases if name in kinds and (ratio := run.ratio(name))]
    canvas = Canvas(figsize=(_WIDTH, _BAR * len(rows) + _MARGIN), layout="constrained")
    axes = canvas.add_subplot()
    at = range(len(rows))
    bars = axes.barh(
        at,
        [ratio for _, ratio in rows],
        color=[COLOURS[kinds[name]] for name, _ in rows],
        height=0.7,
    )
    axes.bar_label(
        bars,
        [_label(run, name, ratio) for name, ratio in rows],
        padding=4,
        color=INK,
        fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # over the floor's line
    )
    axes.axvline(1, color=COLOURS[Kind.FLOOR], linewidth=1, linestyle=":", zorder=0)
    axes.set_yticks(at, [name for name, _ in rows])
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.28 * max(ratio for _, ratio in rows))
    axes.set_xlabel("multiples of the floor, a method that only reads the clock")
    axes.set_title(
        f"One call each on {run.title}, MicroPython {run.micropython}", loc="left", fontsize=11
    )
    axes.tick_params(left=False, colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(
        handles=[Patch(color=COLOURS[kind], label=SAYS[kind]) for kind in SAYS],
        loc="upper right",
        frameon=False,
    )
    return canvas


def _label(run: Run, name: str, ratio: float) -> str:
    """Microseconds only where they mean something."""
    multiple = f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"
    us = run.us(name)
    return f"{us:.0f} us, {multiple}" if run.repeatable and us is not None else multiple
