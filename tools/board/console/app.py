"""The console's screen."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Footer, RichLog, Static

from ...serial.logfmt import Stats
from .events import Event, Kernels, LinkDown, LinkUp
from .history import LOG_LINES, History
from .panels import Dropped, Levels, Sojourn, StatsPanel, Totals
from .plot import QPS_COLOUR, RATE_COLOUR, QpsPlot
from .units import short, uptime

_REDRAW_S = 0.2
_SILENT_S = 5
_WIDE = 80  # columns for all panels beside each other
_TALL = 30  # rows for the others below each other


class Source(Protocol):
    """A board that is being watched."""

    name: str

    def events(self) -> Iterator[Sequence[Event]]:
        """What happens, in batches as it comes, until `close`; blocks between them."""
        ...

    def close(self) -> None:
        """Ends `events`. May be called from any thread, and again."""
        ...


class ConsoleApp(App[Exception | None]):
    """Shows what a source says, until the user quits or `exit` is called; then closes the source.

    `run` returns the exception that ended the source, if one did.
    """

    TITLE = "sluice console"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [
        Binding("p", "pause", "Pause"),
        Binding("c", "clear", "Clear"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (_TALL, "-tall")]
    CSS = """
    Screen { background: $surface; overflow: hidden; }
    #status { height: auto; padding: 0 1; background: $panel; }
    #advice { height: auto; padding: 0 1; color: $text-warning; display: none; }
    #advice.given { display: block; }
    QpsPlot, StatsPanel, RichLog {
        padding: 0 1;
        background: $surface;
        border-top: solid $foreground 30%;
        border-title-color: $foreground;
    }
    QpsPlot { height: 5fr; min-height: 9; }
    #panels { height: 5; }
    #now { width: 1fr; }
    #since { width: 40; }
    Levels { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    Sojourn { width: 16; }
    Totals { width: 18; }
    Dropped { width: 22; }
    .-narrow QpsPlot { min-height: 5; }
    .-narrow.-low QpsPlot { height: 1fr; }
    .-narrow.-low RichLog { height: 3; min-height: 2; }
    .-narrow #panels { layout: vertical; height: 10; }
    .-narrow #since { width: 1fr; }
    .-narrow Totals { width: 1fr; }
    RichLog { height: 3fr; min-height: 4; overflow: hidden auto; scrollbar-size-vertical: 1; }
    RichLog { scrollbar-gutter: stable; }
    RichLog:focus { background-tint: transparent; }
    .stale { text-opacity: 60%; }
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.history = History()
        self.paused = False
        self._news = True
        self._lines_shown = 0
        self._reader = threading.Thread(target=self._read, name=f"reader of {source.name}")

    def compose(self) -> ComposeResult:
        yield Static(id="status")
        yield Static(id="advice")
        yield QpsPlot()
        with Horizontal(id="panels"):
            with Horizontal(id="now"):
                yield Levels()
                yield Sojourn()
            with Horizontal(id="since"):
                yield Totals()
                yield Dropped()
        log = RichLog(max_lines=LOG_LINES, wrap=True, min_width=0)
        log.border_title = "Console"
        yield log
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(_REDRAW_S, self._redraw)
        self._redraw()
        self._reader.start()

    async def on_unmount(self) -> None:
        self.source.close()
        if self._reader.is_alive():
            # The loop must go on meanwhile: the reader may be waiting for it to take a batch.
            await asyncio.to_thread(self._reader.join)

    def action_pause(self) -> None:
        """Freezes the screen, or lets it catch up; what arrives in between is kept."""
        self.paused = not self.paused
        self._redraw()

    def action_clear(self) -> None:
        """Empties the plot and the log."""
        self.history.clear()
        self._lines_shown = self.history.logged
        self.query_one(RichLog).clear()
        self.query_one(QpsPlot).show(self.history.past)

    def _read(self) -> None:
        try:
            for batch in self.source.events():
                self.call_from_thread(self._add, batch)
        except Exception as error:
            self.call_from_thread(self.exit, error)

    def _add(self, batch: Sequence[Event]) -> None:
        for event in batch:
            self.history.add(event)
        self._news = True

    def _redraw(self) -> None:
        if not self.is_running:
            return  # the widgets go before the timer does
        self.query_one("#status", Static).update(self._status())
        advice = self.query_one("#advice", Static)
        advice.update(Content(given := self._advice()))
        advice.set_class(bool(given), "given")
        if self._news and not self.paused:
            self._news = False
            self._show_news()

    def _show_news(self) -> None:
        history = self.history
        plot = self.query_one(QpsPlot)
        plot.border_title = _plot_title(history.stats, plot.size.width)
        plot.show(history.past)
        for panel in self.query(StatsPanel):
            panel.stats = history.stats
            panel.set_class(isinstance(history.link, LinkDown), "stale")
        lines = min(history.logged - self._lines_shown, len(history.log))
        if lines:
            newest = list(history.log)[-lines:]
            self.query_one(RichLog).write(Text("\n".join(newest)))
        self._lines_shown = history.logged

    def _status(self) -> Table:
        history = self.history
        end = [Text(f"up {uptime(history.stats.up_s)}")] if history.stats else []
        if history.resets:
            resets = "1 reset" if history.resets == 1 else f"{history.resets} resets"
            end.insert(0, Text(resets))
        if history.kernels and history.kernels.asked_for:
            end.insert(0, _kernels(history.kernels))
        left = Text.assemble(("PAUSED  ", "bold yellow") if self.paused else "", self._link())
        right = Text(", ").join(end)
        status = Table.grid(expand=True, padding=(0, 1))
        if self.size.width < _WIDE and left.cell_len + right.cell_len > self.size.width - 4:
            status.add_row(left)
            if right:
                status.add_row(right)
            return status
        status.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        status.add_column(no_wrap=True)
        status.add_row(left, right)
        return status

    def _advice(self) -> str:
        """What to do about what is seen; empty: nothing."""
        history, port = self.history, self.source.name
        what = command = ""
        if not isinstance(history.link, LinkUp):
            return ""
        if self._silent_s() >= _SILENT_S:
            if history.log and history.log[-1].startswith(">>> "):
                what, command = "Sluice does not run there. Quit, then:", "flash --board BOARD"
            else:
                what, command = "Is Sluice on the board? Quit, then:", "doctor"
        elif history.refused:
            return history.refused[0].upper() + history.refused[1:]
        elif history.idle:
            what, command = "Nothing arrives. In another terminal:", "feed LOG"
        if not what:
            return ""
        between = " " if self.size.width >= _WIDE else "\n"
        return f"{what}{between}sluice {command} -p {port}"

    def _silent_s(self) -> float:
        """Since when the link is open and no statistics have come."""
        link, last = self.history.link, self.history.last
        assert link is not None
        return time.time() - max(link.at, last.at if last else 0)

    def _link(self) -> Text:
        history, name = self.history, self.source.name
        link, now = history.link, time.time()
        if link is None:
            return Text(f"○ {name}: opening")
        if isinstance(link, LinkDown):
            return Text(f"○ {name}: GONE for {now - link.at:.0f} s, {link.reason}", "bold red")
        silent_s = self._silent_s()
        if silent_s < _SILENT_S:
            return Text(f"● {name}: connected")
        return Text(f"● {name}: connected, no statistics for {silent_s:.0f} s", "yellow")


def _kernels(kernels: Kernels) -> Text:
    """Slow is a board that could run machine code and has not got it: that calls for attention."""
    says = f"kernels {kernels.in_force}/{kernels.asked_for}"
    return Text(says, "bold red") if kernels.missing else Text(says)


def _plot_title(stats: Stats | None, width: int) -> Content:
    if stats is None:
        return Content("QPS: no statistics yet")
    dashes = "" if stats.qps_limit is None else "⠒ ⠒ "
    now = f"⠒⠒ {short(stats.qps)}/s", _style(QPS_COLOUR)
    rate = f"{dashes}rate {stats.rate_text}", _style(RATE_COLOUR)
    mean = f" now, {short(stats.mean_qps)}/s mean  "
    whole = Content.assemble("QPS  ", now, mean, rate)
    return whole if whole.cell_length <= width else Content.assemble("QPS  ", now, "  ", rate)


def _style(colour: tuple[int, int, int]) -> str:
    return "rgb({},{},{})".format(*colour)
