"""The boxes of numbers: what the last sample says about queue, bucket, latency and losses."""

from rich.table import Table
from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from ...serial.logfmt import Stats
from .formats import DROPS
from .units import milliseconds, short

_UNKNOWN = "–"


class StatsPanel(Widget):
    """A box that shows a part of the last sample; before the first one, nothing but its labels."""

    stats: reactive[Stats | None] = reactive(None)


class Levels(StatsPanel):
    """Depth against capacity, tokens against burst and the load of the board's loop, as bars."""

    BORDER_TITLE = "Queue, tokens, load"

    def render(self) -> RenderResult:
        stats = self.stats
        if stats is None:
            depth, tokens, load = (
                _bar(name, 0, 0, _UNKNOWN) for name in ("depth  ", "tokens ", "load   ")
            )
            lines = [depth, Text(), tokens, load]
        else:
            lines = self._lines(stats)
        return Text("\n").join(lines)

    def _lines(self, stats: Stats) -> list[Text]:
        full = stats.depth >= stats.limit
        depth = f"{short(stats.depth)}/{short(stats.capacity)}" + (" full" if full else "")
        unlimited = stats.rate is None
        tokens = "no limit" if unlimited else f"{short(stats.tokens)}/{short(stats.burst)}"
        slow = not stats.keeps_rate
        load = f"{round(stats.load * 100)}%" + (" too slow" if slow else "")
        longest = max(len(value) for value in (depth, tokens, load))
        cells = max(0, self.size.width - len("tokens  ") - longest)
        return [
            _bar("depth  ", _part(stats.depth, stats.capacity), cells, depth, full),
            Text(self._below_depth(stats), "dim"),
            _bar("tokens ", 0 if unlimited else _part(stats.tokens, stats.burst), cells, tokens),
            _bar("load   ", _part(round(stats.load * 100), 100), cells, load, slow),
        ]

    def _below_depth(self, stats: Stats) -> str:
        if stats.stored is not None:  # and no room for the limit, which is seldom another
            return f"peak {short(stats.high_water)}, {short(stats.stored)} on flash"
        return f"peak {short(stats.high_water)}, limit {short(stats.limit)}"


def _part(part: int, whole: int) -> float:
    return min(1, part / whole) if whole else 0


def _bar(label: str, part: float, cells: int, value: str, alarming: bool = False) -> Text:
    # Whatever is there at all is seen.
    filled = min(cells, max(round(cells * part), int(part > 0)))
    return Text.assemble(
        (label, "dim"),
        ("█" * filled, "bold red" if alarming else "cyan"),
        ("░" * (cells - filled), "dim"),
        " ",
        (value, "bold red" if alarming else "bold"),
    )


class Numbers(StatsPanel):
    """Names and numbers, one a line."""

    def rows(self) -> list[tuple[str, str, bool]]:
        """Each line's name, its value, and whether it calls for attention."""
        raise NotImplementedError

    def render(self) -> RenderResult:
        table = Table.grid(expand=True)
        table.add_column()
        table.add_column(justify="right")
        for name, value, alarming in self.rows():
            if alarming:
                table.add_row(Text(name + "!", "bold red"), Text(value, "bold red"))
            else:
                table.add_row(Text(name, "dim"), Text(value, "bold"))
        return table


class Counters(Numbers):
    """Counters of the sample, by their names in it."""

    NAMES: tuple[str, ...]
    ALARMING = False
    """Whether a counter above zero means that something was lost."""

    def rows(self) -> list[tuple[str, str, bool]]:
        if self.stats is None:
            return [(name, _UNKNOWN, False) for name in self.NAMES]
        counts = [(name, getattr(self.stats, name)) for name in self.NAMES]
        return [(name, short(count), self.ALARMING and count > 0) for name, count in counts]


class Totals(Counters):
    BORDER_TITLE = "Totals"
    NAMES = ("admitted", "denied", "retried")


class Dropped(Counters):
    BORDER_TITLE = "Dropped"
    NAMES = DROPS
    ALARMING = True


class Sojourn(Numbers):
    """How long records waited in the queue, over the last interval."""

    BORDER_TITLE = "Sojourn"

    def rows(self) -> list[tuple[str, str, bool]]:
        stats = self.stats
        values = (stats.p50_ms, stats.p95_ms, stats.p99_ms) if stats else (None, None, None)
        return [
            (name, _UNKNOWN if ms is None else milliseconds(ms), False)
            for name, ms in zip(("p50", "p95", "p99"), values, strict=True)
        ]
