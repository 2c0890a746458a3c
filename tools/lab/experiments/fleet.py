"""The fleet's watermark in a closed loop: what settles, and what swings."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import plots
from ...fleet.steady import MEAN_S, SWING, Course, means, settling
from ...fleet.watermark import SETTLING, STEPS, Rule, Watermark
from ...fleet.watermark.settling import DELAY_S
from .closed_loop import LAG_MS, RATES, STEP_S, Fleet, Loop
from .result import Cell, Result, table
from .setup import Setup

BOARDS = 30
DELAYS_S = (0.1, 1, 5, 15, 30, 60)
OVERLOADS = (1.5, 3)
RULES = {"none": None, "steps": STEPS, "settling": SETTLING}

SMALL_PERCENT, SMALL_MS = 3, 10_000
"""Smaller steps down, which the operator does not have: by so much of the watermark, so often."""

SECONDS = 3600  # the second half of it counts as the steady state
BACK_S = 1800  # after that the downstream takes all, for so long at most

USED, FAIR = 90, 0.95
"""What is wanted in the steady state: % and Jain's index."""
WANTED_DELAY_S = 15

_COLUMNS = [
    "series",
    "downstream",
    "boards",
    "overload",
    "budget",
    "watermark",
    "half_ms",
    "delay_s",
    "used_percent",
    "swing_percent",
    "settling_s",
    "overshoot_s",
    "lag_s",
    "fairness",
    "back_s",
]


@dataclass(frozen=True)
class Point:
    """One loop, and what came of it.

    used, swing: % of the capacity.  settling_s: None: it never did.  overshoot_s: the largest lag
    of all.  lag_s: the largest in the steady state.  back_s: from when the downstream takes all
    until there is no watermark; None: there was none, or it took more than BACK_S.
    """

    series: str
    watermark: str
    loop: Loop
    course: Course
    used: float
    swing: float
    settling_s: int | None
    overshoot_s: float
    lag_s: float
    fairness: float
    back_s: int | None

    @property
    def settles(self) -> bool:
        """As wanted; without a watermark the lag has to stay, too."""
        return (
            self.used >= USED
            and self.swing <= SWING
            and self.fairness >= FAIR
            and self.settling_s is not None
        )

    def row(self) -> list[Cell]:
        loop = self.loop
        return [
            self.series,
            "takes all" if loop.in_flight is None else f"{loop.in_flight} in flight",
            loop.boards,
            f"{loop.overload:g}",
            None if loop.budget is None else f"{loop.budget:g}",
            self.watermark,
            loop.half_ms,
            f"{loop.delay_s:g}",
            f"{self.used:.1f}",
            f"{self.swing:.1f}",
            self.settling_s,
            f"{self.overshoot_s:.1f}",
            f"{self.lag_s:.1f}",
            f"{self.fairness:.3f}",
            self.back_s,
        ]


def _lowered_a_little(mark: Watermark, now: int) -> Watermark:
    ms, at = mark.ms, mark.at
    while ms > mark.asked_ms and now - at >= SMALL_MS:
        ms, at = max(mark.asked_ms, ms - max(1, ms * SMALL_PERCENT // 100)), at + SMALL_MS
    return mark if ms == mark.ms else Watermark(ms, at, mark.firing)


SMALL_STEPS = Rule(STEPS.changed, _lowered_a_little)


def run(setup: Setup) -> Result:
    points = [
        _measure(setup, series, name, loop)
        for series, name, loop in setup.track(_cases(setup), "fleet")
    ]
    return Result(
        "fleet",
        "The fleet's watermark in a closed loop: what settles, what swings",
        _COLUMNS,
        [point.row() for point in points],
        {"fleet": _figure(points), "fleet-delays": _delays_figure(points)},
        _page(points, _seconds(setup)),
    )


def _seconds(setup: Setup) -> int:
    return SECONDS // 2 if setup.quick else SECONDS


def _cases(setup: Setup) -> list[tuple[str, str, Loop]]:
    """Series, watermark's rule, and the loop."""
    delays = (WANTED_DELAY_S,) if setup.quick else DELAYS_S
    few = (WANTED_DELAY_S,) if setup.quick else (1, WANTED_DELAY_S)
    overloads = OVERLOADS[:1] if setup.quick else OVERLOADS
    pairs = [(overload, delay) for overload in OVERLOADS for delay in delays]
    cases = [("none", "none", Loop(BOARDS, each, 1, None)) for each in OVERLOADS]
    for name in ("steps", "settling"):
        cases += [(name, name, Loop(BOARDS, each, delay, RULES[name])) for each, delay in pairs]
    cases += [
        ("small", "small steps", Loop(BOARDS, each, delay, SMALL_STEPS))
        for each in overloads
        for delay in few
    ]
    sizes = (10_000,) if setup.quick else (3, 300, 10_000)
    cases += [("size", "settling", Loop(n, 1.5, d, SETTLING)) for n in sizes for d in few]
    cases += [
        ("overload", "settling", Loop(BOARDS, each, WANTED_DELAY_S, SETTLING))
        for each in ((0.95,) if setup.quick else (0.95, 1.1, 6))
    ]
    halves = (
        (("steps", 5000),)
        if setup.quick
        else (("steps", 5000), ("settling", 5000), ("settling", 250))
    )
    cases += [
        ("half", name, Loop(BOARDS, each, delay, RULES[name], half_ms=half))
        for name, half in halves
        for each in overloads
        for delay in few
    ]
    cases += [
        ("in flight", name, Loop(BOARDS, each, delay, rule, in_flight=32))
        for name, rule in RULES.items()
        for each in overloads
        for delay in (few if rule else few[:1])
    ]
    cases += [
        ("budget", name, Loop(BOARDS, 3, WANTED_DELAY_S, rule, budget=budget))
        for name, rule in RULES.items()
        for budget in ((0.95,) if setup.quick else (0.95, 1.5))
    ]
    return cases


def _measure(setup: Setup, series: str, name: str, loop: Loop) -> Point:
    seconds = _seconds(setup)
    steady = seconds // 2
    fleet = Fleet(loop)
    course = fleet.course
    setup.run(fleet, steady)
    before = [each.sent for each in fleet.boards]
    setup.run(fleet, seconds - steady)
    fairness = fleet.fairness(before)
    sent = means(course.sent)  # without what follows here
    back_s = None
    if any(course.watermark_ms[steady:]):
        fleet.downstream.capacity = 2 * fleet.own
        setup.run(fleet, 1)
        while course.watermark_ms[-1] and len(course.sent) < seconds + BACK_S:
            setup.run(fleet, MEAN_S)
        if course.watermark_ms[-1] == 0:
            back_s = course.watermark_ms.index(0, seconds) - seconds
    return Point(
        series,
        name,
        loop,
        course,
        used=100 * sum(course.taken[steady:seconds]) / (seconds - steady),
        swing=100 * (max(sent[steady:]) - min(sent[steady:])),
        settling_s=settling(sent),
        overshoot_s=max(course.lag_ms[:seconds]) / 1000,
        lag_s=max(course.lag_ms[steady:seconds]) / 1000,
        fairness=fairness,
        back_s=back_s,
    )


def _find(points: Sequence[Point], series: str, overload: float, delay_s: float) -> Point:
    return next(
        point
        for point in points
        if point.series == series
        and (point.loop.overload, point.loop.delay_s) == (overload, delay_s)
    )


_LOOKS = {"none": plots.GREY, "steps": plots.ORANGE, "settling": plots.BLUE}


def _figure(points: Sequence[Point]) -> Figure:
    """What happened with alerts that are WANTED_DELAY_S late."""
    figure, panels = plots.panels(3, 2, width=10.5, height=2.5, sharex=True)
    for column, overload in enumerate(OVERLOADS):
        sent, lag, mark = panels[column::2]
        for name, color in _LOOKS.items():
            delay_s = 1 if name == "none" else WANTED_DELAY_S
            course = _find(points, name, overload, delay_s).course
            width = 1.6 if name == "settling" else 1.1
            sent.plot(means(course.sent), color=color, label=name, linewidth=width)
            lag.plot([ms / 1000 for ms in course.lag_ms], color=color, linewidth=width)
            if name != "none":
                mark.plot(course.watermark_ms, color=color, linewidth=width)
        sent.axhline(1, color="black", linewidth=1, linestyle=":")
        lag.axhline(LAG_MS / 1000, color="black", linewidth=1, linestyle=":")
        sent.set_title(f"Own rates {overload:g} times the capacity")
        sent.set_ylim(0, 1.05 * overload)
        lag.set_yscale("symlog", linthresh=1)
        lag.set_ylim(0, 5000)
        mark.set_yscale("symlog", linthresh=100)
        mark.set_ylim(0, 100_000)
        mark.set_xlabel("time (s)")
        for axes in (lag, mark):
            plots.plain_numbers(axes.yaxis)
        plots.plain_numbers(mark.xaxis)
    first, second, third = panels[::2]
    first.set_ylabel("sent / capacity")
    second.set_ylabel("lag (s)")
    third.set_ylabel("watermark (ms)")
    first.set_xlim(0, len(_find(points, "none", OVERLOADS[0], 1).course.sent))
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _delays_figure(points: Sequence[Point]) -> Figure:
    figure, (used, swing) = plots.panels(1, 2, width=10.5, height=3.4)
    for name in ("steps", "settling"):
        for overload, line, marker in zip(OVERLOADS, ("-", "--"), plots.MARKERS, strict=False):
            own = [p for p in points if p.series == name and p.loop.overload == overload]
            delays = [point.loop.delay_s for point in own]
            label = f"{name}, {overload:g} times"
            for axes, values in (
                (used, [point.used for point in own]),
                (swing, [point.swing for point in own]),
            ):
                axes.plot(
                    delays, values, color=_LOOKS[name], linestyle=line, marker=marker, label=label
                )
    _wanted(used, USED, 102)
    _wanted(swing, 0, SWING)
    used.set_ylim(40, 102)
    used.set_title("Share of the capacity used")
    used.set_ylabel("%")
    swing.set_yscale("symlog", linthresh=SWING)
    swing.set_ylim(0, 500)
    swing.set_title("Swing of what the boards send")
    swing.set_ylabel("% of the capacity")
    for axes in (used, swing):
        axes.set_xscale("log")
        axes.set_xticks(DELAYS_S, [f"{delay:g}" for delay in DELAYS_S])
        axes.minorticks_off()
        axes.set_xlabel("delay of the alerts (s)")
    plots.plain_numbers(swing.yaxis)
    handles, labels = used.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _wanted(axes: Axes, low: float, high: float) -> None:
    axes.axhspan(low, high, color=plots.GREEN, alpha=0.12, linewidth=0)


def _page(points: Sequence[Point], seconds: int) -> str:
    return f"""
`sluice experiment fleet` writes this page. Boards that all have more to send than they may feed one
downstream that they share. The sum of their own rates is above what it takes. Its alerts raise the
[watermark](../fleet.md#the-watermark), every board slows down, and the watermark comes down again:
does the throughput settle near the capacity, or does it swing?

## What was modelled

Virtual time, {seconds:,} s, in steps of {STEP_S:g} s. The second half is the steady state.

- **The boards** are the firmware's own `Controls` and `TunableBucket`, with rates of
  {", ".join(map(str, sorted(RATES)))} a second in equal numbers. Boards of the same rate do the
  same at the same time, so one of each rate is run and counts as many. That makes 10,000 boards
  quick. It is also why they come out like 30: in a real fleet boards differ more.
- **The watermark's rule**, and how alerts come to it, are the operator's own code. `none`: boards
  work at their own rates. `steps` and `settling`: the two values of `sluice operator --rule`.
- **The downstream** is a queue that is emptied at a fixed rate. `takes all`: it takes every record
  at once and is late with it, as a broker or a database that gets behind. `32 in flight`: a board
  has at most 32 records there that are not yet confirmed, as with `sink` = `link`.
- **The alerts** are those of `rules.yml`, evaluated once a second: the largest lag of the last 10 s
  above {LAG_MS:,} ms; and what waits for the sink for 30 s. Alertmanager repeats them every 10 s.
- **The delay** is all of scrape, rule, Alertmanager, etcd and board as one: from a lag to what the
  boards make of it. Nothing is lost on the way. Retries, refusals and records that a board drops
  are not modelled.

`used`: what the downstream took, of its capacity. `swing`: between the most and the least that the
boards sent, as the mean of {MEAN_S} s, of the capacity. `settling_s`: until that stays within
{SWING} % of the capacity. `overshoot_s`: the largest lag. `lag_s`: the largest in the steady state.
`fairness`: Jain's index over what each board sent, of its own rate. `back_s`: in the end the
downstream takes all; how long until there is no watermark. Wanted: at least {USED} % used, at most
{SWING} % swing, a fairness of {FAIR} or more, for delays up to {WANTED_DELAY_S} s.

![What boards send, lag and watermark, alerts {WANTED_DELAY_S} s late](fleet.svg)

Alerts that are {WANTED_DELAY_S} s late. Dotted: the capacity, and the lag at which an alert fires.

## The two rules, over the delay

![Share of the capacity and swing over the delay](fleet-delays.svg)

Green: wanted. {BOARDS} boards.

{_table(points, ("none", "steps", "settling"))}

**Without a watermark** the downstream is always busy and its lag grows for ever.

**Why steps swing.** A lag alert fires from {LAG_MS:,} ms on, and the watermark rises to the lag. At
{LAG_MS:,} ms a board with the default `watermark_half_ms` of 500 works at a third. That is right
only where the own rates are 3 times the capacity. For 1.5 times, 250 ms would be right, which no
lag alert asks for. While an alert fires nothing comes down. Its window is 10 s, so by its end the
downstream has long run empty. Then the watermark halves every 4 s. It passes what would be right in
one step, and is at 0 before anything is heard of that, even without a delay, since the lag has to
grow to {LAG_MS:,} ms first. Then all begins again. A larger delay makes each swing larger.

**Smaller steps alone** do not do it. Here the watermark comes down by {SMALL_PERCENT} % every
{SMALL_MS // 1000} s, and still rises to the lag:

{_table(points, ("small",))}

**Why settling settles.** It comes down by a share of the pressure that is halved each time an alert
fires again, until it is 1/2,048 in a second. At this slope the boards go beyond the capacity by
some per cent until the alert is heard, and then go back by twice of that. It reckons with
{DELAY_S} s: a delay of 20 s, and 5 s until an alert sees the lag. With more, it goes back by less
than it was beyond, falls behind, and swings like the steps.

**What it costs.** It takes some minutes to settle. When the downstream takes all again, it takes
some minutes more until the watermark is gone: up to {_longest(points, "settling")} s here.
By steps that takes up to {_longest(points, "steps")} s. So steps are for a downstream that is slow
for a while, and they are the default. Settling is for a fleet whose rates always add up to more
than the downstream takes.

## How many boards, and how much too much

{_table(points, ("size", "overload"))}

The number of boards makes no difference, since all get the same part of their own rate. With own
rates below the capacity the watermark stays at 0. The more they are above it, the longer it takes.

## Other `watermark_half_ms`

{_table(points, ("half",))}

A larger one makes each ms count less. So steps use more of the capacity, but they do not settle: a
watermark that rises to the lag and stays there while the alert fires is always too much in the end.
Settling is made for 500 ms. With more its swing is smaller, but the lag is larger at first,
and in the end the watermark is gone later. With 250 ms it swings more than wanted.

## 32 records in flight

{_table(points, ("in flight",))}

What a board may have in flight bounds the lag without a watermark, too. But then a slow board gets
all of its own rate and a fast one a small part: that is not fair. Here the backlog alert takes
part, since boards wait for their sink.

## With a budget

Own rates 3 times the capacity, alerts {WANTED_DELAY_S} s late. `budget`: the rate that the boards
share, of the capacity. A board's own rate is then its share. Shares are max-min fair: boards that
ask for more than theirs get the same number of records, not the same part of what they ask for.

{_table(points, ("budget",))}

A budget below the capacity makes the watermark needless. It is the better choice where the capacity
is known. A budget above the capacity is an overload like any other.

## Advice

{_advice(points)}
"""


def _table(points: Sequence[Point], series: Sequence[str]) -> str:
    """Of these series, with the columns in which they differ."""
    own = [point for point in points if point.series in series]
    rows = [[*point.row()[2:], "yes" if point.settles else "no"] for point in own]
    columns = [*_COLUMNS[2:], "as wanted"]
    kept = [
        i
        for i, name in enumerate(columns)
        if name not in ("boards", "overload", "budget", "half_ms", "delay_s")
        or len({row[i] for row in rows}) > 1
    ]
    return table([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _longest(points: Sequence[Point], name: str) -> int:
    """Of this rule: until there is no watermark, when the downstream takes all again."""
    return max(point.back_s or 0 for point in points if point.watermark == name)


def _advice(points: Sequence[Point]) -> str:
    """Which settings settle, and which swing."""
    lines = []
    for name in ("steps", "settling"):
        own = [point for point in points if point.series == name]
        good = [point for point in own if point.settles]
        line = f"- `--rule {name}`: {len(good)} of {len(own)} loops settle as wanted"
        if good:
            line += (
                f", all up to a delay of {_all_settle_s(own):g} s, after at most "
                f"{max(p.settling_s or 0 for p in good)} s: "
                f"{min(p.used for p in good):.1f} % of the capacity used or more, "
                f"{max(p.swing for p in good):.1f} % swing or less"
            )
        bad = [point for point in own if not point.settles]
        if bad:
            line += (
                f". {len(bad)} swing, by {min(p.swing for p in bad):.0f} to "
                f"{max(p.swing for p in bad):.0f} %, and use {min(p.used for p in bad):.0f} to "
                f"{max(p.used for p in bad):.0f} %"
            )
        lines.append(line + ".")
    lines += [
        "- Keep the alerts quick: scrape and evaluate every second, as the deployed files do. That "
        "is a delay of some seconds.",
        "- Where you know the capacity, set a budget below it.",
    ]
    return "\n".join(lines)


def _all_settle_s(points: Sequence[Point]) -> float:
    """The largest delay up to which all of them settle; 0: not even with the smallest."""
    least_bad = min((p.loop.delay_s for p in points if not p.settles), default=float("inf"))
    return max((p.loop.delay_s for p in points if p.loop.delay_s < least_bad), default=0)
