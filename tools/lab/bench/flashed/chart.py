"""A flashed program's rates beside those of the naive script, as a bar chart."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from ..cases import Kind
from ..chart import COLOURS, INK, SAYS, save
from .figures import Whole

_BAR = 0.4


def draw(run: Whole, paths: Iterable[Path]) -> None:
    """Write the chart, as what each path's ending says."""
    save(lambda: _canvas(run), paths)


def _canvas(run: Whole) -> Canvas:
    canvas = Canvas(figsize=(9, 1.25 + 0.7 * len(run.links)), layout="constrained")
    axes = canvas.add_subplot()
    rates = (
        (Kind.OURS, [link.per_s for link in run.links]),
        (Kind.PEER, [link.naive_per_s or 0 for link in run.links]),
    )
    for place, (kind, values) in enumerate(rates):
        at = [row + _BAR * (place - 0.5) for row in range(len(values))]
        bars = axes.barh(at, values, height=_BAR, color=COLOURS[kind], label=SAYS[kind])
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4, color=INK)
    axes.set_yticks(range(len(run.links)), [f"{link.bytes} bytes" for link in run.links])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(value for _, values in rates for value in values))
    axes.set_xlabel("records a second, by the board's clock")
    axes.set_title(f"Link to link on {run.title}, {run.date}", loc="left", fontsize=11)
    axes.tick_params(left=False, colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    return canvas
