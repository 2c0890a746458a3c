"""The picture of a fleet under pressure."""

from pathlib import Path

from matplotlib.axes import Axes

from sluice.program.config import DEFAULTS
from sluice.program.watermark import part

from ...plots import BLUE, COLORS, GREY, ORANGE, RED, panels, plain_numbers, save
from ...serial.logfmt import WHOLE
from ..watermark.rule import RAISE_MS
from .local import RATES, SLOT_SIZE, SLOTS, plans
from .pressure import (
    CONFIRMED,
    FIRES,
    IN_ETCD,
    MENDED,
    RECOVERED,
    RESOLVED,
    SECOND,
    SLOW,
    Pressure,
)

_BEFORE_S = 3.0


def draw(pressure: Pressure, path: Path) -> list[Path]:
    """Writes PATH.svg and PATH.png."""
    marks = pressure.seen.marks
    zero = marks[SLOW]
    end = marks[RECOVERED] + _BEFORE_S - zero
    figure, (backlog, watermark, granted) = panels(3, 1, width=9.0, height=2.35, sharex=True)
    _draw_backlog(backlog, pressure, zero)
    _draw_watermark(watermark, pressure, zero, end)
    _draw_granted(granted, pressure, zero, end)
    for axes in (backlog, watermark, granted):
        axes.axvspan(0, marks[MENDED] - zero, color=ORANGE, alpha=0.10, lw=0)
        axes.axvspan(marks[FIRES] - zero, marks[RESOLVED] - zero, color=RED, alpha=0.10, lw=0)
        axes.set_xlim(-_BEFORE_S, end)
        plain_numbers(axes.yaxis)
    granted.set_xlabel("seconds since the first sink slowed down")
    figure.align_ylabels()
    return save(figure, path)


def _draw_backlog(axes: Axes, pressure: Pressure, zero: float) -> None:
    marks, most = pressure.seen.marks, SLOTS * SLOT_SIZE
    for board, series in pressure.seen.backlog.items():
        slow = board in (pressure.board, pressure.second)
        axes.plot(
            [at - zero for at, _ in series],
            [waits for _, waits in series],
            color=ORANGE if slow else GREY,
            lw=2.2 if slow else 0.8,
            zorder=3 if slow else 2,
        )
    # What waits counts as it would with the whole limit.
    levels = [pressure.rules.backlog * _part(ms) for _, ms in pressure.seen.watermark]
    times = [at - zero for at, _ in pressure.seen.watermark]
    end = marks[RECOVERED] + _BEFORE_S - zero
    axes.step(
        [*times, end], [*levels, levels[-1]], where="post", color=RED, lw=1.0, ls="--", zorder=1
    )
    axes.text(
        -_BEFORE_S + 0.15,
        pressure.rules.backlog + 90,
        f"alert: above {pressure.rules.backlog:,} for {pressure.rules.hold_s} s",
        color=RED,
        fontsize=8.5,
    )
    top = most * 1.16
    axes.set_ylim(-most * 0.03, top)
    _note(axes, 0.15, top, f"{pressure.board}'s sink is slow", ORANGE)
    _note(axes, marks[FIRES] - zero + 0.15, 0.9 * top, "its alert fires", RED)
    if SECOND in marks:
        text = f"{pressure.second}'s sink is slow, too"
        _note(axes, marks[SECOND] - zero + 0.15, top, text, ORANGE)
    axes.set_title(f"Backlog of each of {pressure.boards} boards")
    axes.set_ylabel("bytes that wait")


def _draw_watermark(axes: Axes, pressure: Pressure, zero: float, end: float) -> None:
    marks, series = pressure.seen.marks, pressure.seen.watermark
    times = [at - zero for at, _ in series]
    levels = [ms for _, ms in series]
    axes.step([*times, end], [*levels, levels[-1]], where="post", color=BLUE, lw=2.2)
    top = max(RAISE_MS, *levels) * 1.3
    axes.set_ylim(-top * 0.03, top)
    since = marks[IN_ETCD] - marks[FIRES]
    text = f"in etcd {1000 * since:.0f} ms after the alert"
    _note(axes, marks[IN_ETCD] - zero + 0.15, top, text, BLUE)
    axes.set_title("The fleet's watermark, in etcd")
    axes.set_ylabel("ms")


def _draw_granted(axes: Axes, pressure: Pressure, zero: float, end: float) -> None:
    """Nobody measures it: it follows from what each board has confirmed."""
    marks = pressure.seen.marks
    rates = {plan.name: plan.values["rate"] for plan in plans(pressure.boards)}
    labelled = set()
    for board, series in sorted(pressure.seen.thresholds.items()):
        rate = rates[board]
        times = [at - zero for at, _ in series]
        granted = [rate * _part(it.watermark_ms) for _, it in series]
        axes.step(
            [*times, end],
            [*granted, granted[-1]],
            where="post",
            color=COLORS[RATES.index(rate)],
            lw=1.2,
            alpha=0.8,
            label=None if rate in labelled else f"{rate}/s",
        )
        labelled.add(rate)
    top = max(RATES) * 1.28
    axes.set_ylim(-2, top)
    since = 1000 * (marks[CONFIRMED] - marks[IN_ETCD])
    text = f"all {pressure.boards} confirmed {since:.0f} ms later"
    _note(axes, marks[CONFIRMED] - zero + 0.15, top, text, BLUE)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.66, 1), title="boards with a rate of", ncols=2
    )
    axes.set_title("What each board may send, by the watermark that it has confirmed")
    axes.set_ylabel("records a second")


def _part(watermark_ms: int) -> float:
    """Of its own rate and limit that a board works at."""
    return part(watermark_ms, DEFAULTS["watermark_half_ms"]) / WHOLE


def _note(axes: Axes, x: float, top: float, text: str, color: str) -> None:
    axes.text(x, top * 0.97, text, color=color, fontsize=8.5, va="top")
