"""The picture of a fleet whose downstream is overrun."""

from pathlib import Path

from matplotlib.axes import Axes

from ...plots import BLUE, GREEN, GREY, ORANGE, RED, panels, plain_numbers, save
from ..steady import MEAN_S, SWING, means
from .overrun import FED, LATE_MS, OVERLOAD, Overrun


def draw_overrun(shown: Overrun, path: Path) -> list[Path]:
    """Writes PATH.svg and PATH.png."""
    course = shown.course
    end = len(course.sent)
    figure, (sent, lag, watermark) = panels(3, 1, width=9.0, height=2.35, sharex=True)
    seconds = range(1, end + 1)

    sent.axhspan(1 - SWING / 100, 1 + SWING / 100, color=GREEN, alpha=0.12, lw=0)
    sent.axhline(1, color="black", lw=1, ls=":")
    ends = range(min(MEAN_S, end), end + 1)
    sent.plot(ends, means(course.sent), color=BLUE, label="sent by all boards")
    sent.plot(ends, means(course.taken), color=GREY, lw=1.1, label="taken by the downstream")
    sent.set_ylim(0, OVERLOAD * 1.15)
    sent.set_ylabel("of the capacity")
    sent.set_title(
        f"{shown.boards} boards may send {shown.own:,} records a second; the downstream takes "
        f"{shown.capacity:,}"
    )
    sent.legend(loc="lower right", ncols=2, title=f"mean of {MEAN_S} s")

    lag.plot(seconds, [ms / 1000 for ms in course.lag_ms], color=ORANGE)
    lag.axhline(LATE_MS / 1000, color=RED, lw=1, ls="--")
    lag.set_ylim(0, max(1.3, *(ms / 1000 for ms in course.lag_ms)) * 1.12)
    lag.set_ylabel("s")
    lag.set_title("How late the downstream is. Red: the alert fires")
    _shade_alerts(lag, shown, end)

    # What stands in etcd changes at any moment, not once a second.
    zero = shown.seen.marks[FED]
    times = [max(0.0, at - zero) for at, _ in shown.seen.watermark]
    levels = [ms for _, ms in shown.seen.watermark]
    watermark.step([*times, end], [*levels, levels[-1]], where="post", color=BLUE)
    watermark.set_ylim(0, max(500, *levels) * 1.1)
    watermark.set_ylabel("ms")
    watermark.set_title("The fleet's watermark, in etcd")
    watermark.set_xlabel("seconds since the boards began to send")
    for axes in (sent, lag, watermark):
        axes.set_xlim(0, end)
        plain_numbers(axes.yaxis)
    figure.align_ylabels()
    return save(figure, path)


def _shade_alerts(axes: Axes, shown: Overrun, end: int) -> None:
    zero = shown.seen.marks[FED]
    since = None
    for at, fires in [*shown.seen.alert, (zero + end, False)]:
        if fires:
            since = at - zero
        elif since is not None:
            axes.axvspan(since, at - zero, color=RED, alpha=0.12, lw=0)
            since = None
