"""The look that all plots share, and the same bytes for the same data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

matplotlib.use("Agg")

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#666666"
COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.labelcolor": "#222222",
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],  # the first comes with it
    "font.size": 9.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "sluice",
    "text.color": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
}
matplotlib.rcParams.update(_SETTINGS)


def panels(
    rows: int, columns: int, width: float = 9.0, height: float = 3.2, *, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, row by row; height: inches of one row."""
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex)
    return figure, list(axes.flat)


def powers_of_two(axes: Axes, values: Sequence[int]) -> None:
    """A logarithmic x axis with these values as its ticks."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.minorticks_off()


def plain_numbers(axis: Axis) -> None:
    """1,000 and 0.1 at an axis' ticks, not powers of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:,.6g}")


def save(figure: Figure, path: Path) -> list[Path]:
    """Write PATH.svg and PATH.png; neither tells a date or a version."""
    svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    figure.savefig(png, dpi=110, metadata={"Software": None})
    return [svg, png]
