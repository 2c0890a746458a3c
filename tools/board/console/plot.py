"""The plot of QPS over time, with the configured rate drawn in."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from textual_plotext import PlotextPlot

from .events import Sample
from .history import Break
from .units import short

QPS_COLOUR = (86, 182, 194)
RATE_COLOUR = (229, 192, 123)

_BREAK_COLOUR = (150, 150, 150)
_SHORTEST_S, _LONGEST_S = 10, 120  # on the time axis
_STEPS_S = (2, 5, 10, 15, 30)
_TICKS = 4
_MEDIUM_ROWS, _TALL_ROWS = 7, 12  # for a tick between the lowest and the highest, and for more


class QpsPlot(PlotextPlot):
    """QPS of the last two minutes, or of the time that there is, as a curve that ends where the
    board was reset or gone."""

    def __init__(self) -> None:
        super().__init__()
        self._past: Sequence[Sample | Break] = ()
        self._window_s = float(_LONGEST_S)
        self.plt.xaxes(lower=True, upper=False)
        self.plt.yaxes(left=True, right=False)

    def on_resize(self) -> None:
        self._draw()

    def show(self, past: Sequence[Sample | Break]) -> None:
        """Draws `past`, oldest first; its end is the right edge."""
        self._past = [entry for entry in past if past[-1].at - entry.at <= _LONGEST_S]
        if self._past:
            self._window_s = max(_SHORTEST_S, -self._x(self._past[0].at))
        self._draw()

    def _draw(self) -> None:
        self.plt.clear_data()
        columns, top = self._axes()
        for entry in self._past:
            if isinstance(entry, Break):
                self._mark(entry, top)
        for curve in _curves(self._past):
            x = [self._x(sample.at) for sample in curve]
            y = [sample.stats.qps for sample in curve]
            self.plt.plot(x, y, marker="braille", color=QPS_COLOUR)
            self._dash(curve, 2 * columns)
        self.refresh()

    def _x(self, at: float) -> float:
        """Seconds before the newest entry, as a negative number."""
        return at - self._past[-1].at

    def _axes(self) -> tuple[int, float]:
        """Sets scales and ticks; returns the columns inside the axes and the top of the scale."""
        highest = max((_height(entry) for entry in self._past), default=0)
        steps = 1 + (self.size.height >= _MEDIUM_ROWS) + 2 * (self.size.height >= _TALL_ROWS)
        step = _round_step(highest / steps)
        ticks = [step * number for number in range(steps + 1)]
        labels = [short(tick) for tick in ticks]
        self.plt.ylim(0, ticks[-1])
        self.plt.yticks(ticks, labels)
        self.plt.xlim(-self._window_s, 0)
        every = next(every for every in _STEPS_S if every * _TICKS >= int(self._window_s))
        times = range(-(int(self._window_s) // every) * every, 0, every)
        self.plt.xticks([*times, 0], [*(f"{time} s" for time in times), "last"])
        # Without data there would be no axes.
        self.plt.plot([-self._window_s], [0], marker=" ")
        axis = max(map(len, labels)) + 1
        return max(1, self.size.width - axis), ticks[-1]

    def _mark(self, gap: Break, top: float) -> None:
        x = self._x(gap.at)
        self.plt.vertical_line(x, color=_BREAK_COLOUR)
        self.plt.text(f" {gap.why}", x, top, color=_BREAK_COLOUR, alignment="left")

    def _dash(self, curve: Sequence[Sample], dots: int) -> None:
        """Draws the rate along a curve: dashes with gaps, which show a curve that runs under it."""
        x, y = [], []
        for sample, following in pairwise([*curve, curve[-1]]):
            rate = sample.stats.qps_limit
            if rate is None:
                continue
            first, after = (
                round((self._x(at) / self._window_s + 1) * (dots - 1))
                for at in (sample.at, following.at)
            )
            for dot in range(first, after + 1):
                if dot % 4 < 2:
                    x.append((dot / (dots - 1) - 1) * self._window_s)
                    y.append(rate)
        self.plt.scatter(x, y, marker="braille", color=RATE_COLOUR)


def _curves(past: Sequence[Sample | Break]) -> Iterator[list[Sample]]:
    for _, entries in groupby(past, key=type):
        if curve := [entry for entry in entries if isinstance(entry, Sample)]:
            yield curve


def _height(entry: Sample | Break) -> float:
    if isinstance(entry, Break):
        return 0
    return max(entry.stats.qps, entry.stats.qps_limit or 0)


def _round_step(least: float) -> float:
    """The next round number above `least`, at least 1."""
    power = 1
    while True:
        for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8):
            if factor * power > least:
                return factor * power
        power *= 10
