"""The console's screen, driven by its pilot and fed by a source that the test controls."""

import re
import time
from contextlib import asynccontextmanager
from queue import SimpleQueue
from xml.etree import ElementTree

import pytest
from stats_lines import STORED, stats, stats_line
from textual.content import Content
from textual.widgets import RichLog, Static

from sluice_tools.board.console import app as app_module
from sluice_tools.board.console.app import ConsoleApp
from sluice_tools.board.console.events import LinkDown, LinkUp, Sample, TextLine, line_event
from sluice_tools.board.console.history import LOG_LINES, SAMPLES
from sluice_tools.board.console.panels import Dropped, Levels, Sojourn, Totals
from sluice_tools.board.console.picture import draw
from sluice_tools.board.console.plot import QpsPlot

pytestmark = pytest.mark.asyncio

PATIENCE_S = 120
SIZES = [(80, 24), (140, 40)]
NARROW = [(40, 24), (60, 24), (40, 50), *SIZES]
START = "event=start version=0.1.0 board=virtual source={} sink=link"


@pytest.fixture(autouse=True)
def redraw_often(monkeypatch):
    monkeypatch.setattr(app_module, "_REDRAW_S", 0.03)


class Script:
    """A source that says what the test tells it to."""

    name = "board"

    def __init__(self):
        self._queue = SimpleQueue()
        self.closed = False

    def say(self, *events):
        self._queue.put(list(events))

    def fail(self, error):
        self._queue.put(error)

    def events(self):
        while (item := self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self):
        self.closed = True
        self._queue.put(None)


class Screen:
    """The running app as a user sees it."""

    def __init__(self, app, pilot, source):
        self.app = app
        self.pilot = pilot
        self.source = source
        self.say = source.say

    def text(self, what):
        widget = self.app.query_one(what, None if isinstance(what, type) else Static)
        lines = (widget.render_line(y).text for y in range(widget.size.height))
        return "\n".join(line.strip() for line in lines)

    def plot_title(self):
        return Content.from_markup(self.app.query_one(QpsPlot).border_title).plain

    def log(self):
        return [strip.text.rstrip() for strip in self.app.query_one(RichLog).lines]

    async def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            await self.pilot.pause(0.02)

    async def shows(self, what, text):
        try:
            await self.until(lambda: text in self.text(what))
        except AssertionError:
            raise AssertionError(f"{text!r} not in:\n{self.text(what)}")

    async def status_matches(self, pattern):
        """A time in it goes on while the test looks."""
        await self.until(lambda: re.search(pattern, self.text("#status")))

    async def logs(self, *lines):
        await self.until(lambda: self.log() == list(lines))


@asynccontextmanager
async def console(size=SIZES[0]):
    source = Script()
    app = ConsoleApp(source)
    async with app.run_test(size=size) as pilot:
        yield Screen(app, pilot, source)
    assert source.closed


def sample(ago=0.0, **changes):
    return Sample(time.time() - ago, stats(**changes))


async def test_what_waits_on_flash_is_shown_with_the_queue():
    async with console() as screen:
        screen.say(LinkUp(time.time()), sample(**STORED))
        await screen.shows(Levels, "peak 63, 7 on flash")


@pytest.mark.parametrize("size", SIZES)
async def test_sample_fills_every_panel(size):
    async with console(size) as screen:
        screen.say(LinkUp(time.time()), sample(rejected=3))
        await screen.shows(Levels, "31/64")
        levels = screen.text(Levels)
        assert "7/10" in levels
        assert "peak 63, limit 48" in levels
        assert "full" not in levels
        assert screen.text(Sojourn).split() == [
            "p50",
            "61",
            "ms",
            "p95",
            "64",
            "ms",
            "p99",
            "66",
            "ms",
        ]
        assert screen.text(Totals).split() == [
            "admitted",
            "5,970",
            "denied",
            "5,800",
            "retried",
            "2",
        ]
        assert screen.text(Dropped).split() == [
            "rejected!",
            "3",
            "overwritten",
            "0",
            "failed",
            "0",
            "shed",
            "0",
        ]
        title = screen.plot_title()
        assert "498/s now, 497.12/s mean" in title
        assert "rate 500/s" in title
        await screen.shows("#status", "● board: connected")
        await screen.shows("#status", "up 0:00:12")


@pytest.mark.parametrize("size", NARROW)
async def test_nothing_is_cut_on_a_narrow_screen(size):
    async with console(size) as screen:
        screen.say(LinkUp(time.time()), sample(depth=48, load="1.00", qps=320, rejected=12345))
        await screen.shows(Levels, "48/64 full")
        panels = [Levels, Sojourn, Totals, Dropped]
        shown = "\n".join(map(screen.text, panels))
        for text in (
            *("depth", "peak 63, limit 48", "tokens", "7/10", "load", "100% too slow"),
            *("p50", "p95", "p99", "61 ms", "admitted", "denied", "retried", "5,970"),
            *("rejected!", "12,345", "overwritten", "failed", "shed"),
        ):
            assert text in shown
        assert "rate 500/s" in screen.plot_title()
        assert len(screen.plot_title()) <= size[0] - 2
        for widget in map(screen.app.query_one, [*panels, QpsPlot, RichLog]):
            assert widget.region in screen.app.screen.region
            assert widget.size.height >= (2 if isinstance(widget, RichLog) else 3)


@pytest.mark.parametrize("size", NARROW)
async def test_a_board_that_is_silent_or_has_no_sluice_says_what_to_do(size):
    async with console(size) as screen:
        screen.say(LinkUp(time.time() - 60))
        await screen.shows("#advice", "Is Sluice on the board? Quit, then:")
        assert "sluice doctor -p board" in screen.text("#advice")
        screen.say(TextLine(time.time(), ">>> "))
        await screen.shows("#advice", "sluice flash --board BOARD -p board")
        screen.say(TextLine(time.time(), START.format("link")), sample())
        await screen.until(lambda: not screen.app.query_one("#advice").display)
        assert screen.app.query_one(RichLog).region in screen.app.screen.region


async def test_an_idle_board_names_sluice_feed_unless_no_host_feeds_it():
    async with console() as screen:
        idle = [sample(ago, qps=0, depth=0, up_s=99 - ago) for ago in range(5)][::-1]
        screen.say(LinkUp(time.time()), TextLine(0, START.format("timer")), *idle)
        await screen.shows(Levels, "0/64")
        assert not screen.app.query_one("#advice").display
        screen.say(TextLine(0, START.format("link")))
        await screen.shows(
            "#advice", "Nothing arrives. In another terminal: sluice feed LOG -p board"
        )
        screen.say(sample(up_s=100))
        await screen.until(lambda: not screen.app.query_one("#advice").display)


async def test_a_configuration_that_the_board_refuses_stands_there_until_the_next_start():
    refusal = 'event=config_error key=limit value=20 allowed="slots (10) or less"'
    async with console() as screen:
        start = TextLine(0, START.format("link"))
        screen.say(LinkUp(time.time()), TextLine(0, refusal), start, sample())
        await screen.shows("#advice", "The board refuses its configuration: limit is 20, allowed:")
        screen.say(start, sample())
        await screen.until(lambda: not screen.app.query_one("#advice").display)
        # A console that comes later did not hear it.
        screen.say(sample(config_errors=1))
        await screen.shows("#advice", "The board refused its configuration when it started;")


async def test_nothing_is_claimed_before_the_first_sample():
    async with console() as screen:
        await screen.shows("#status", "○ board: opening")
        screen.say(LinkUp(time.time() - 60))
        await screen.status_matches(r"connected, no statistics for ([6-9]\d|\d{3,}) s")
        assert "no statistics yet" in screen.plot_title()
        assert screen.text(Totals).split() == ["admitted", "–", "denied", "–", "retried", "–"]


async def test_bars_are_as_long_as_their_share():
    async with console() as screen:
        lengths = []
        for depth in (0, 1, 32, 64):
            screen.say(sample(depth=depth, limit=64, tokens=10))
            await screen.shows(Levels, f"{depth}/64")
            depth_bar, _, tokens_bar, load_bar = screen.text(Levels).splitlines()
            bar = depth_bar.count("█"), depth_bar.count("░")
            assert tokens_bar.count("░") == 0
            assert 0 < load_bar.count("█") <= load_bar.count("░")
            assert "42%" in load_bar
            lengths.append((bar[0] / sum(bar), sum(bar)))
        parts = [part for part, _ in lengths]
        assert parts[0] == 0
        assert 0 < parts[1] < 0.2
        assert abs(parts[2] - 0.5) < 0.1
        assert parts[3] == 1
        assert "full" in screen.text(Levels)


async def test_queue_at_its_limit_says_so_in_words():
    async with console() as screen:
        screen.say(sample(depth=48))
        await screen.shows(Levels, "48/64 full")


async def test_a_board_that_is_too_slow_for_its_rate_says_so_beside_its_load():
    async with console() as screen:
        screen.say(sample(load="1.00", qps=320))
        await screen.shows(Levels, "100% too slow")


async def test_unlimited_rate_has_no_line_and_no_tokens():
    async with console() as screen:
        screen.say(sample(rate="none", tokens=0, burst=0, p50_ms=-1))
        await screen.shows(Levels, "no limit")
        assert "rate unlimited" in screen.plot_title()
        assert screen.text(Sojourn).split()[:2] == ["p50", "–"]


def braille_columns(plot):
    """The columns of the plot with a dot in them."""
    columns = set()
    for line in plot.splitlines():
        columns |= {at for at, char in enumerate(line) if "\u2801" <= char <= "\u28ff"}
    return columns


async def plotted(*events):
    async with console() as screen:
        screen.say(*events)
        plot = screen.app.query_one(QpsPlot)
        await screen.until(lambda: braille_columns(screen.text(QpsPlot)))
        lines = [plot.render_line(y).text for y in range(plot.size.height)]
        return "\n".join(lines)


async def test_curve_spans_its_samples():
    plot = await plotted(*(sample(ago, rate="none", up_s=99 - ago) for ago in (90, 0)))
    columns = braille_columns(plot)
    assert columns == set(range(min(columns), max(columns) + 1))
    assert "500┤" in plot
    assert "-90 s" in plot


async def test_a_short_run_fills_the_plot():
    plot = await plotted(*(sample(ago, rate="none", up_s=99 - ago) for ago in (12, 6, 0)))
    columns = braille_columns(plot)
    assert max(columns) - min(columns) > 65  # of 80, of which the axis has some
    assert "-10 s" in plot and "-30 s" not in plot


@pytest.mark.parametrize(("end", "word"), [("reset", "reset"), ("gone", "gone")])
async def test_curve_breaks_where_the_board_was_reset_or_gone(end, word):
    up_s = 5 if end == "reset" else 500
    gap = [LinkDown(time.time() - 80, "closed")] if end == "gone" else []
    plot = await plotted(
        sample(90, rate="none", up_s=410),
        sample(85, rate="none", up_s=415),
        *gap,
        sample(40, rate="none", up_s=up_s),
        sample(0, rate="none", up_s=up_s + 40),
    )
    columns = braille_columns(plot)
    missing = set(range(min(columns), max(columns) + 1)) - columns
    assert len(missing) > 20
    assert word in plot


async def test_rate_is_a_dashed_line_at_its_height_under_or_over_the_curve():
    plot = await plotted(*(sample(ago, qps=100, up_s=99 - ago) for ago in (90, 45, 0)))
    rows = [line for line in plot.splitlines() if braille_columns(line)]
    rate, curve = rows[0], rows[-1]
    dashes = braille_columns(rate)
    assert len(braille_columns(curve)) * 0.4 < len(dashes) < len(braille_columns(curve)) * 0.6
    assert len(rows) == 2


async def test_rate_line_follows_a_rate_that_is_set_while_it_runs():
    rates = ((90, 500), (46, 500), (45, 200), (0, 200))
    plot = await plotted(*(sample(ago, qps=0, rate=rate, up_s=99 - ago) for ago, rate in rates))
    before, after, _curve = (
        columns for line in plot.splitlines() if len(columns := braille_columns(line)) > 5
    )
    assert max(before) - 1 <= min(after)


async def test_reset_is_counted_and_nothing_goes_below_zero():
    async with console() as screen:
        screen.say(sample(3, up_s=700), sample(2, up_s=1, qps=5, mean_qps=5, admitted=5))
        await screen.shows("#status", "1 reset, up 0:00:01")
        screen.say(sample(1, up_s=2), sample(0, up_s=1))
        await screen.shows("#status", "2 resets, up 0:00:01")
        assert "-" not in screen.text(Totals)


async def test_lost_link_is_shown_until_it_is_back():
    async with console() as screen:
        screen.say(LinkUp(time.time()), sample())
        await screen.shows(Levels, "31/64")
        screen.say(LinkDown(time.time() - 7, "the line was closed"))
        await screen.status_matches(r"○ board: GONE for ([7-9]|\d\d) s, the line was closed")
        await screen.until(lambda: screen.app.query_one(Levels).has_class("stale"))
        screen.say(LinkUp(time.time()), sample(up_s=1))
        await screen.shows("#status", "● board: connected")
        await screen.until(lambda: not screen.app.query_one(Levels).has_class("stale"))


async def test_log_shows_text_literally():
    async with console((140, 40)) as screen:
        screen.say(
            *(
                line_event(time.time(), line)
                for line in ("[bold]not markup[/bold]", "a\x1b[2Jb", "[/]", "", "event=stop")
            )
        )
        await screen.logs("[bold]not markup[/bold]", r"a\x1b[2Jb", "[/]", "", "event=stop")


async def test_damaged_line_goes_to_the_log_and_the_panels_stay():
    async with console((140, 40)) as screen:
        screen.say(sample(), line_event(time.time(), stats_line(depth="x")))
        await screen.until(lambda: screen.log()[:1] and "damaged" in screen.log()[0])
        assert "31/64" in screen.text(Levels)


async def test_pause_freezes_and_resume_catches_up():
    async with console() as screen:
        screen.say(sample(depth=1), TextLine(0, "before"))
        await screen.logs("before")
        await screen.pilot.press("p")
        await screen.shows("#status", "PAUSED")
        screen.say(sample(depth=2), TextLine(0, "after"))
        # The status goes on, so a change there shows that the screen had its chance.
        screen.say(LinkDown(time.time() - 9, "closed"))
        await screen.shows("#status", "GONE")
        assert "1/64" in screen.text(Levels)
        assert screen.log() == ["before"]
        await screen.pilot.press("p")
        await screen.shows(Levels, "2/64")
        await screen.logs("before", "after")
        assert "PAUSED" not in screen.text("#status")


@pytest.mark.parametrize("paused", [False, True])
async def test_clear_empties_plot_and_log_and_keeps_the_board_s_numbers(paused):
    async with console() as screen:
        screen.say(sample(), TextLine(0, "old"))
        await screen.logs("old")
        if paused:
            await screen.pilot.press("p")
        await screen.pilot.press("c")
        await screen.logs()
        assert not braille_columns(screen.text(QpsPlot))
        assert "31/64" in screen.text(Levels)
        if paused:
            await screen.pilot.press("p")
        screen.say(TextLine(0, "new"))
        await screen.logs("new")


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_keys_end_it(key):
    async with console() as screen:
        await screen.pilot.press(key)
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_value is None


async def test_keys_stand_in_the_footer():
    async with console() as screen:
        await screen.pilot.pause()
        shown = [
            binding.binding.description
            for binding in screen.app.active_bindings.values()
            if binding.binding.show
        ]
        assert shown == ["Pause", "Clear", "Quit"]


async def test_error_of_the_source_ends_it_and_is_told():
    error = OSError("disk full")
    async with console() as screen:
        screen.source.fail(error)
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_value is error


async def test_quit_while_the_source_floods():
    async with console() as screen:
        for _ in range(200):
            screen.say(*(TextLine(0, "line") for _ in range(100)))
        await screen.pilot.press("q")
        await screen.until(lambda: not screen.app.is_running)


async def test_flood_is_drawn_seldom_and_kept_bounded(monkeypatch):
    monkeypatch.setattr(app_module, "_REDRAW_S", 0.2)
    drawn = []
    show = QpsPlot.show
    monkeypatch.setattr(QpsPlot, "show", lambda plot, past: (drawn.append(1), show(plot, past)))
    begun = time.monotonic()
    async with console() as screen:
        for first in range(0, 10_000, 10):
            lines = [TextLine(0, f"line {number}") for number in range(first, first + 10)]
            screen.say(*lines, *(sample(admitted=first + number) for number in range(10)))
        await screen.until(lambda: screen.log() and screen.log()[-1] == "line 9999")
        await screen.shows(Totals, "9,999")
        assert len(drawn) <= 2 + (time.monotonic() - begun) / 0.2
        assert len(screen.app.history.past) == SAMPLES
        assert len(screen.app.history.log) == len(screen.log()) == LOG_LINES
        await screen.pilot.press("p")
        await screen.shows("#status", "PAUSED")


async def test_huge_numbers_stay_in_their_places():
    async with console() as screen:
        names = ("up_s", "qps", "admitted", "depth", "capacity", "tokens", "burst", "rejected")
        most = dict.fromkeys((*names, "p50_ms"), "9" * 15)
        screen.say(Sample(time.time(), stats(**most)))
        await screen.shows(Totals, "1000 T")
        assert screen.text(Dropped).splitlines()[0].split() == ["rejected!", "1000", "T"]
        assert len(screen.text(Levels).splitlines()) == 4
        assert "1000 T/s now" in screen.plot_title()


async def test_size_can_change_while_it_runs():
    async with console() as screen:
        screen.say(sample(5), sample(0))
        await screen.shows(Levels, "31/64")
        for size in ((140, 40), (20, 5), (1, 1), (80, 24)):
            await screen.pilot.resize_terminal(*size)
            await screen.pilot.pause()
        await screen.shows(Levels, "31/64")
        await screen.until(lambda: braille_columns(screen.text(QpsPlot)))


async def test_picture_is_whole_and_fetches_nothing(tmp_path):
    path = tmp_path / "console.svg"
    await draw(path)
    svg = path.read_text(encoding="utf-8")
    text = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for shown in ("/dev/ttyACM0: connected", "1 reset", "rate 500/s", "Dropped", "event=start"):
        assert shown in text
    assert "url(http" not in svg


@pytest.mark.parametrize(
    ("said", "shown", "alarming"),
    [
        ("kernels=11/11", "kernels 11/11", False),
        ("kernels=9/11", "kernels 9/11", True),
        ("kernels=0/0", "", False),  # no emitter
        ("sink=null", "", False),
        ("kernels=many", "", False),
    ],
)
async def test_kernels_of_the_program_that_started_are_shown(said, shown, alarming):
    async with console() as screen:
        screen.say(LinkUp(time.time()), TextLine(0, f"event=start version=0.1.0 {said}"))
        screen.say(TextLine(0, "kernels=3/4"))  # says no program
        await screen.until(lambda: screen.log()[-1:] == ["kernels=3/4"])
        screen.app._redraw()
        await screen.shows("#status", shown or "connected")
        assert ("kernels" in screen.text("#status")) == bool(shown)
        kernels = screen.app.history.kernels
        assert bool(kernels and kernels.missing) == alarming
