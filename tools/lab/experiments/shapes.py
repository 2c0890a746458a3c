"""Limiter shapes: the tokens that limiters grant, against the exact bound."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from host_sim.clock import PERIOD
from sluice.limit.bucket import TokenBucket
from sluice.limit.pacer import Pacer

from ... import plots
from .limiters import Bucket, FixedWindow, NaiveFloat
from .result import Cell, Result, table
from .setup import Setup

_COLUMNS = ["demand", "limiter", "ticks", "wraps", "granted", "bound", "difference", "most_over"]

_LONG = (7, 3, 60_000)  # rate, burst and per of the long run
_EDGE = (100, 10, 1000)  # of the bursts at a window's edge
_FAST = (500, 10, 1000)  # of the look at the rate after days
_EDGE_PERIOD = 7 * 1000  # ticks between two bursts of demand
_EDGE_WAITS = 100  # ticks that the demand waits, half of them before the edge
_UPTIMES_S = (60, 600, 3600, 21_600, 86_400, 3 * 86_400, 6 * 86_400, 12 * 86_400)


class Limiter(Protocol):
    def try_acquire(self) -> bool: ...

    def wait(self) -> int: ...


class Ticks:
    """A clock that an experiment moves: ticks since the start, and as the board has them."""

    def __init__(self, start: int) -> None:
        self.passed = 0
        self._start = start

    def ticks(self) -> int:
        return (self._start + self.passed) % PERIOD


Make = Callable[[int, int, int, Callable[[], int]], Limiter]

LIMITERS: dict[str, Make] = {
    "token bucket": lambda *setting: Bucket(TokenBucket(*setting)),
    "fixed window": lambda rate, burst, per, ticks: FixedWindow(rate, per, ticks),
    "burst of 1": lambda rate, burst, per, ticks: Bucket(TokenBucket(rate, 1, per, ticks)),
    "Pacer": lambda rate, burst, per, ticks: Bucket(Pacer(rate, 1, per, ticks)),
    "float": lambda *setting: NaiveFloat(*setting, wraps=False),
    "float, wrap handled": lambda *setting: NaiveFloat(*setting, wraps=True),
}
_LOOKS = dict(
    zip(
        LIMITERS,
        zip(
            (plots.BLUE, plots.ORANGE, plots.GREEN, plots.SKY, plots.RED, plots.PURPLE),
            ("-", "-", "-", (0, (3, 3)), "-", (0, (1, 1.2))),
            strict=True,
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Run:
    """What one limiter granted: at which ticks since the start."""

    limiter: str
    demand: str
    setting: tuple[int, int, int]
    ticks: int
    start: int
    times: "array[int]"

    @property
    def bound(self) -> int:
        """What may be granted from the start to the last tick, with demand always waiting."""
        return _bound(self.setting, self.ticks - 1)

    def row(self) -> list[Cell]:
        always = self.demand == "always"
        granted = len(self.times)
        return [
            self.demand,
            self.limiter,
            self.ticks,
            (self.start + self.ticks - 1) // PERIOD,
            granted,
            self.bound if always else None,
            f"{granted - self.bound:+d}" if always else None,
            _most_over(self.times, self.setting),
        ]


def run(setup: Setup) -> Result:
    long_ticks = 10**8 if setup.quick else 10**9
    edge_ticks = 10**6 if setup.quick else 10**7
    start = PERIOD - long_ticks // 3
    runs: list[Run] = []
    for name in setup.track(list(LIMITERS), "shapes"):
        runs.append(_always(name, long_ticks, start))
        runs.append(_at_edges(name, edge_ticks))
    runs.sort(key=lambda run: run.demand)
    measured_s = 5 if setup.quick else 20
    uptimes = {
        name: [_rate_after(name, seconds, measured_s) for seconds in _UPTIMES_S]
        for name in setup.track(["token bucket", "float, wrap handled"], "uptimes")
    }
    return Result(
        "shapes",
        "What limiters of different shapes grant, against the exact bound",
        _COLUMNS,
        [run.row() for run in runs],
        {"shapes": _figure(runs, uptimes)},
        _page(runs, uptimes),
    )


def _always(name: str, ticks: int, start: int) -> Run:
    """Demand always waiting: from grant to grant, not from tick to tick."""
    clock = Ticks(start)
    limiter = LIMITERS[name](*_LONG, clock.ticks)
    times = array("q")
    while clock.passed < ticks:
        if limiter.try_acquire():
            times.append(clock.passed)
        else:
            clock.passed += limiter.wait()
    return Run(name, "always", _LONG, ticks, start, times)


def _at_edges(name: str, ticks: int) -> Run:
    """Demand that waits for 100 ms around every seventh edge of a window, else none."""
    clock = Ticks(0)
    limiter = LIMITERS[name](*_EDGE, clock.ticks)
    times = array("q")
    for edge in range(_EDGE_PERIOD, ticks, _EDGE_PERIOD):
        clock.passed = edge - _EDGE_WAITS // 2
        while clock.passed < edge + _EDGE_WAITS // 2:
            if limiter.try_acquire():
                times.append(clock.passed)
            else:
                clock.passed += limiter.wait()
    return Run(name, "at edges", _EDGE, ticks, 0, times)


def _rate_after(name: str, uptime_s: int, seconds: int) -> float:
    """Grants a second after so long, with demand always waiting, asked every ms."""
    clock = Ticks(uptime_s * 1000)
    limiter = LIMITERS[name](*_FAST, clock.ticks)
    while limiter.try_acquire():
        pass
    granted = 0
    for tick in range(1, seconds * 1000 + 1):
        clock.passed = tick
        while limiter.try_acquire():
            granted += 1
    return granted / seconds


def _bound(setting: tuple[int, int, int], elapsed: int) -> int:
    rate, burst, per = setting
    return burst + floor(Fraction(elapsed * rate, per))


def _most_over(times: "array[int]", setting: tuple[int, int, int]) -> int:
    """The most tokens above the bound in any stretch of time; negative: always below."""
    rate, burst, per = setting
    lowest: int | None = None
    most: int | None = None
    # Of grants i to j: j - i + 1 - burst - (t[j] - t[i]) * rate / per, in 1 / per.
    for count, at in enumerate(times):
        here = count * per - at * rate
        lowest = here if lowest is None else min(lowest, here)
        over = here - lowest + per - burst * per
        most = over if most is None else max(most, over)
    return 0 if most is None else ceil(Fraction(most, per))


def _figure(runs: list[Run], uptimes: dict[str, list[float]]) -> Figure:
    figure, (long, edge, after) = plots.panels(1, 3, width=12.5, height=3.9)
    for run in runs:
        color, dashes = _LOOKS[run.limiter]
        width = 4 if run.limiter == "token bucket" else 1.8  # the others lie upon it
        look = {"color": color, "linestyle": dashes, "linewidth": width, "label": run.limiter}
        if run.demand == "always":
            per = run.setting[2]  # at the ends of windows, between which the fixed window is ahead
            marks = [run.ticks * n // 200 // per * per for n in range(1, 201)]
            long.plot([mark / 1e9 for mark in marks], _differences(run, marks), **look)
        else:
            near = [at - _EDGE_PERIOD for at in run.times if at < _EDGE_PERIOD + _EDGE_WAITS]
            steps = [-_EDGE_WAITS // 2, *near, _EDGE_WAITS // 2]
            edge.step(steps, [0, *range(1, len(near) + 1), len(near)], where="post", **look)
    wrap = (PERIOD - runs[0].start) / 1e9
    long.axvline(wrap, color=plots.GREY, linewidth=1, linestyle=":")
    long.annotate(
        "the clock wraps",
        (wrap, 0.94),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        color=plots.GREY,
    )
    long.set_title("Demand always waiting")
    long.set_xlabel("elapsed ticks (10⁹)")
    long.set_ylabel("granted minus exact bound (tokens)")
    long.set_yscale("symlog", linthresh=1)
    plots.plain_numbers(long.yaxis)
    edge.set_title("Demand at the edge of a window")
    edge.set_xlabel("ticks from the edge (ms)")
    edge.set_ylabel("granted (tokens)")
    for name, rates in uptimes.items():
        color, dashes = _LOOKS[name]
        days = [seconds / 86_400 for seconds in _UPTIMES_S]
        after.plot(days, rates, color=color, linestyle=dashes, marker="o")
    after.set_title(f"Set to {_FAST[0]} a second, after days")
    after.set_xscale("log")
    plots.plain_numbers(after.xaxis)
    after.set_xlabel("time since the start of the clock (days)")
    after.set_ylabel("granted with demand waiting (1/s)")
    after.set_ylim(0, _FAST[0] * 1.1)
    handles, labels = edge.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _differences(run: Run, marks: list[int]) -> list[int]:
    differences = []
    granted = 0
    for mark in marks:
        while granted < len(run.times) and run.times[granted] < mark:
            granted += 1
        differences.append(granted - _bound(run.setting, mark - 1))
    return differences


def _page(runs: list[Run], uptimes: dict[str, list[float]]) -> str:
    always = [run.row()[1:7] for run in runs if run.demand == "always"]
    edges = [[run.limiter, run.row()[7]] for run in runs if run.demand == "at edges"]
    long = next(run for run in runs if run.demand == "always")
    slow = uptimes["float, wrap handled"]
    rows: list[list[Cell]] = [
        [_time(seconds), *(f"{uptimes[name][n]:.1f}" for name in uptimes)]
        for n, seconds in enumerate(_UPTIMES_S)
    ]
    return f"""
`sluice experiment shapes` writes this page. Each limiter runs on ticks of a ms that wrap at 2^30,
from request to request. The exact bound for any stretch of time is
burst + floor(elapsed x rate / per), computed with fractions. The limiters:

- **token bucket**: this library's `TokenBucket`.
- **fixed window**: a counter of `rate` that starts again every `per` ticks.
- **burst of 1**: `TokenBucket`, smoothed in the simplest way.
- **Pacer**: this library's `Pacer`, which spreads grants evenly.
- **float**: tokens and seconds as floats, `tokens += (now - last) * rate`, in the single precision
  that ESP32 and RP2040 have; once without a thought of the wrap, and once with the period added to
  a negative difference.

![Difference to the bound, grants around a window's edge, rate after days](shapes.svg)

## Demand always waiting

{_LONG[0]} tokens every {_LONG[2]:,} ticks, burst {_LONG[1]}, {long.ticks:,} ticks; the clock wraps
on the way.

{table(_COLUMNS[1:7], always)}

{_over_all(runs)}

## Demand at the edge of a window

{_EDGE[0]} tokens a second, burst {_EDGE[1]}; the demand waits from {_EDGE_WAITS // 2} ms before an
edge to {_EDGE_WAITS // 2} ms after it. The most tokens above the bound in any stretch of time:

{table(["limiter", "tokens above the bound"], edges)}

Above the bound: {_listed(_above([run for run in runs if run.demand == "at edges"]))}.

## After days

{_FAST[0]} a second, burst {_FAST[1]}, asked every ms; grants a second by the time since the clock
began:

{table(["clock began before", *uptimes], rows)}

In single precision the seconds of a board that has run for {_time(_UPTIMES_S[-1])} come in steps of
{1000 * float(np.spacing(np.float32(_UPTIMES_S[-1]))):g} ms, in which {_FAST[0]} a second earn
{_FAST[0] * float(np.spacing(np.float32(_UPTIMES_S[-1]))):g} tokens; a burst of {_FAST[1]} holds no
more than that many. Of {_FAST[0]} a second {slow[-1]:.0f} are left.

## Advice

{_advice(runs, uptimes)}
"""


def _over_all(runs: list[Run]) -> str:
    """Who granted the bound, and who more or less, with demand always waiting."""
    apart = {run.limiter: len(run.times) - run.bound for run in runs if run.demand == "always"}
    exact = [name for name, by in apart.items() if by == 0]
    others = {name: by for name, by in apart.items() if by}
    return f"The bound, to the token: {'; '.join(exact) or 'none'}. Apart: {_listed(others)}."


def _above(runs: list[Run]) -> dict[str, int]:
    """The limiters that granted more than the bound in some stretch of time, and the most."""
    most: dict[str, int] = {}
    for run in runs:
        over = _most_over(run.times, run.setting)
        most[run.limiter] = max(over, most.get(run.limiter, over))
    return {name: by for name, by in most.items() if by > 0}


def _advice(runs: list[Run], uptimes: dict[str, list[float]]) -> str:
    above = _above(runs)
    behind = {
        run.limiter: len(run.times) - run.bound
        for run in runs
        if run.demand == "always" and len(run.times) < run.bound
    }
    slower = {
        name: round(rates[-1] - _FAST[0])
        for name, rates in uptimes.items()
        if rates[-1] < 0.99 * _FAST[0]
    }
    good = [name for name in LIMITERS if name not in {*above, *behind, *slower}]
    return f"""- More than the bound in some stretch of time: {_listed(above)}.
- Less than the bound with demand always waiting: {_listed(behind)}.
- Tokens a second lost after {_time(_UPTIMES_S[-1])}, of {_FAST[0]}: {_listed(slower)}.
- None of these: {"; ".join(good) or "none"}."""


def _listed(figures: dict[str, int]) -> str:
    return "; ".join(f"{name} {by:+,}" for name, by in figures.items()) or "none"


def _time(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {name}{'s' * (count > 1)}"
    return f"{seconds} s"
