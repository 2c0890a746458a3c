"""A picture of the deployed dashboard."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from ...plots import COLORS, panels, plain_numbers, save
from .dashboard import STEP_S, Line, Panel

_COLUMNS = 3
_LEGEND_MOST = 3  # series that can be told apart in a small panel

_UNITS = {"reqps": "1/s", "ops": "1/s", "short": "", "percentunit": "of 1", "bool_yes_no": ""}


def draw_dashboard(shown: Sequence[Panel], path: Path) -> list[Path]:
    """Writes PATH.svg and PATH.png; the seconds are from the first value on."""
    rows = -(-len(shown) // _COLUMNS)
    figure, places = panels(rows, _COLUMNS, width=13.0, height=2.1, sharex=True)
    zero = min(line.times[0] for panel in shown for line in panel.lines if line.times)
    for panel, axes in zip(shown, places, strict=False):
        _draw(axes, panel, zero)
    for axes in places[len(shown) :]:
        axes.set_axis_off()
    for axes in places[-_COLUMNS:]:
        axes.set_xlabel("s")
    return save(figure, path)


def _draw(axes: Axes, panel: Panel, zero: float) -> None:
    lines = panel.lines
    few = len(lines) <= _LEGEND_MOST
    for place, line in enumerate(lines):
        times, values = _with_gaps(line)
        axes.plot(
            [at - zero for at in times],
            values,
            color=COLORS[place % len(COLORS)],
            lw=1.4 if few else 0.8,
            label=line.name if few and line.name else None,
        )
    if few and any(line.name for line in lines):
        axes.legend(loc="best", fontsize=7.5)
    axes.set_title(panel.title, fontsize=9.5)
    axes.set_ylabel(_UNITS.get(panel.unit, panel.unit))
    axes.set_ylim(bottom=0)
    plain_numbers(axes.yaxis)


def _with_gaps(line: Line) -> tuple[list[float], list[float]]:
    """With a value that is not drawn where some are missing."""
    times, values = [], []
    for at, value in zip(line.times, line.values, strict=True):
        if times and at - times[-1] > STEP_S:
            times.append(at)
            values.append(float("nan"))
        times.append(at)
        values.append(value)
    return times, values
