"""How a PID settles after a step of load: gains and targets searched, and where they hold."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from matplotlib.figure import Figure

from host_sim.simulation import Phase, Simulation, simulated_board
from host_sim.workload import bursty, stepped
from sluice.program.keys import ROWS

from ... import plots
from .result import Cell, table
from .setup import Setup

# What is wanted, see docs/control.md.
SWING, SETTLED_S, SHORT, OFF = 5.0, 5.0, 1.0, 15.0

_CALM_S, _LOADED_S = 5, 30
_BURSTS_S = 60
_BURST = 10

_DEFAULTS: dict[str, Any] = {row[0]: row[1] for row in ROWS}
Gain = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """slots: of the queue.  able: records a second that may leave, the bucket's rate.
    load: what comes after the step, as a multiple of that; before it, a half.
    busy: the share of the loop's time that the sink takes at that rate."""

    slots: int
    able: int
    load: float
    busy: float = 0.05
    stats_ms: int = 1000
    target_ms: int = _DEFAULTS["target_ms"]

    def reachable(self) -> bool:
        """Whether the limit that gives the target is one that the controller may set."""
        return self.slots // 8 < self.able * self.target_ms / 1000 < self.slots


@dataclass(frozen=True)
class Gains:
    kp: Gain = _DEFAULTS["kp"]
    ki: Gain = _DEFAULTS["ki"]
    kd: Gain = _DEFAULTS["kd"]

    def __str__(self) -> str:
        shown = (f"{n}/{d}" if n else "0" for n, d in (self.kp, self.ki, self.kd))
        return ", ".join(shown)


@dataclass(frozen=True)
class Outcome:
    """swing:     the limit's greatest less its least at rest (the last half), % of the slots.
    settled_s: from the step until the limit stays within 5% of the slots of its mean at rest.
    short:     what left after the step, as % below what could.
    off:       the p95 at rest from the target, in %; 0 when the limit is at an end of its range.
    """

    swing: float
    settled_s: float
    short: float
    off: float

    def holds(self) -> bool:
        return not self.fails()

    def fails(self) -> str:
        """The first demand that is not met, in a word; "" when all are."""
        if self.swing > SWING:
            return "swings"
        if self.settled_s > SETTLED_S:
            return "settles late"
        if self.short > SHORT:
            return "loses"
        return "off target" if self.off > OFF else ""


PLACES = ((64, 100), (64, 200), (64, 300), (256, 500))
CASES = [
    Case(slots, able, load, busy, stats_ms)
    for (slots, able), load, busy, stats_ms in product(PLACES, (1.25, 3), (0.05, 0.5), (250, 1000))
]
GAINS = [
    Gains(kp, ki, kd)
    for ki, (kp, kd) in product(
        ((1, 16), (1, 8), (1, 4), (1, 2)),
        (((0, 1), (0, 1)), ((1, 8), (0, 1)), ((1, 4), (0, 1)), ((0, 1), (1, 8))),
    )
]
TARGETS = (50, 100, 200, 400)
REGION_LOADS = (1.05, 1.1, 1.25, 1.5, 2, 3, 4)
REGION_ABLE = (350, 300, 200, 100, 50, 25)  # of 64 slots
REGION_MS = (100, 250, 1000, 2000)


def settle(setup: Setup, case: Case, gains: Gains) -> Outcome:
    """Simulate the case, and judge it."""
    limits: list[int] = []
    waits: list[int] = []

    def look(simulation: Simulation) -> None:
        limits.append(simulation.ring.limit)
        waits.append(simulation.stats.p95)

    values = {
        "control": "pid",
        "rate": case.able,
        "burst": _BURST,
        "slots": case.slots,
        "stats_ms": case.stats_ms,
        "target_ms": case.target_ms,
        "kp": gains.kp,
        "ki": gains.ki,
        "kd": gains.kd,
    }
    end = _CALM_S + _LOADED_S
    loads = [(0, case.able / 2), (_CALM_S, case.able * case.load)]
    board = simulated_board(
        values,
        stepped(loads, end, setup.seed),
        Phase(0, 1000 * case.busy / case.able),
        on_interval=look,
    )
    setup.run(board, end)
    since = _CALM_S * 1000 // case.stats_ms
    limits, waits = limits[since:], waits[since:]
    rest = limits[len(limits) // 2 :]
    mean = sum(rest) / len(rest)
    outside = [n for n, limit in enumerate(limits) if abs(limit - mean) > 0.05 * case.slots]
    seen = [wait for wait in waits[len(waits) // 2 :] if wait >= 0]
    at_end = min(rest) == case.slots or max(rest) == max(1, case.slots // 8)
    wait = sum(seen) / len(seen)
    taken = sum(at >= _CALM_S * 1_000_000 for at in board.journey.taken_us)
    return Outcome(
        100 * (max(rest) - min(rest)) / case.slots,
        (outside[-1] + 1 if outside else 0) * case.stats_ms / 1000,
        max(0.0, 100 * (1 - taken / (case.able * _LOADED_S))),
        0.0 if at_end else 100 * abs(wait / case.target_ms - 1),
    )


@dataclass
class Search:
    """gains, targets: what was tried, and how each case came out.  region: the same for the
    defaults, by interval.  losses: load, and % lost under the PID, the PID without `calm`, and a
    fixed limit."""

    gains: list[tuple[Gains, list[Outcome]]]
    targets: list[tuple[int, list[Outcome]]]
    region: dict[int, dict[tuple[float, int], Outcome]]
    losses: list[tuple[str, list[float]]]


def search(setup: Setup) -> Search:
    """All of it; with `quick` a small part."""
    quick = setup.quick
    cases = CASES[2:4] if quick else CASES
    tried = [Gains(), Gains(ki=(1, 1))] if quick else GAINS
    targets = TARGETS[2:3] if quick else TARGETS
    loads, ables = (REGION_LOADS[2:6:2], REGION_ABLE[2:4]) if quick else (REGION_LOADS, REGION_ABLE)
    intervals = REGION_MS[2:3] if quick else REGION_MS
    return Search(
        [
            (gains, [settle(setup, case, gains) for case in cases])
            for gains in setup.track(tried, "gains")
        ],
        [
            (target, [settle(setup, case, Gains()) for case in _at(cases, target)])
            for target in setup.track(targets, "target")
        ],
        {
            stats_ms: {
                (load, able): settle(setup, Case(64, able, load, stats_ms=stats_ms), Gains())
                for load, able in product(loads, ables)
            }
            for stats_ms in setup.track(intervals, "interval")
        },
        _losses(setup),
    )


def _at(cases: Iterable[Case], target_ms: int) -> list[Case]:
    retargeted = (replace(case, target_ms=target_ms) for case in cases)
    return [case for case in retargeted if case.reachable()]


def _losses(setup: Setup) -> list[tuple[str, list[float]]]:
    """Bursts, whose loss no limit can prevent: against the limit that the target gives."""
    able, seconds = 200, 10 if setup.quick else _BURSTS_S
    loads = [(f"bursts, {n} a second", bursty(n, seconds, setup.seed)) for n in (60, 120, 180)]
    trace = setup.trace_times(120)
    if trace:
        loads.append(("the trace, 120 a second", trace[0]))
    fixed = able * _DEFAULTS["target_ms"] // 1000
    found = []
    for name, times in loads:
        lost = []
        for values in ({"control": "pid"}, {"control": "pid", "calm": None}, {"limit": fixed}):
            board = simulated_board({"rate": able, "burst": _BURST, **values}, times, Phase(0, 0.5))
            setup.run(board, times[-1] / 1_000_000 + 1)
            lost.append(100 * board.ring.rejected / board.offered)
        found.append((name, lost))
    return found


_COLORS = {
    "": "#DDEEDD",
    "swings": plots.ORANGE,
    "settles late": plots.BLUE,
    "loses": "black",
    "off target": plots.GREY,
}


def region_figure(region: dict[int, dict[tuple[float, int], Outcome]]) -> Figure:
    """Which demand fails first, over load and rate, a panel an interval."""
    figure, panels = plots.panels(1, len(region), width=3.1 * max(2, len(region)), height=3.4)
    for axes, (stats_ms, outcomes) in zip(panels, region.items(), strict=True):
        loads = sorted({load for load, _ in outcomes})
        ables = sorted({able for _, able in outcomes}, reverse=True)
        for (load, able), outcome in outcomes.items():
            x, y = loads.index(load), ables.index(able)
            color = _COLORS[outcome.fails()]
            axes.bar(x, 0.94, 0.94, bottom=y - 0.47, color=color, linewidth=0)
            dark = color in ("black", plots.BLUE)
            ink = "white" if dark else "black"
            axes.text(x, y, f"{outcome.swing:.0f}", ha="center", va="center", color=ink, fontsize=7)
        axes.set_xticks(range(len(loads)), [f"{load:g}" for load in loads])
        axes.set_yticks(range(len(ables)), [str(able) for able in ables])
        axes.grid(visible=False)
        axes.set_title(f"stats_ms {stats_ms}")
        axes.set_xlabel("load / rate")
    panels[0].set_ylabel("rate (1/s), 64 slots")
    handles = [
        panels[0].bar(0, 0, color=color, label=word or "holds") for word, color in _COLORS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


_COLUMNS = ["of cases", "hold", "swing %", "settled s", "short %", "off target %"]


def _worst(outcomes: list[Outcome]) -> list[Cell]:
    """How many hold, and the worst of each figure."""
    return [
        len(outcomes),
        sum(outcome.holds() for outcome in outcomes),
        f"{max(outcome.swing for outcome in outcomes):.1f}",
        f"{max(outcome.settled_s for outcome in outcomes):.2f}",
        f"{max(outcome.short for outcome in outcomes):.1f}",
        f"{max(outcome.off for outcome in outcomes):.0f}",
    ]


def page(found: Search) -> str:
    gains = [[str(each), *_worst(outcomes)] for each, outcomes in found.gains]
    targets = [[target, *_worst(outcomes)] for target, outcomes in found.targets if outcomes]
    losses = [[name, *(f"{each:.2f}" for each in lost)] for name, lost in found.losses]
    return f"""
## The PID's gains, targets and region

Each case: half of the rate comes for {_CALM_S} s, then 1.25 or 3 times the rate for {_LOADED_S} s.
64 slots at 100, 200 and 300 a second, and 256 slots at 500; an interval of 250 or 1,000 ms; a sink
that takes 5% or half of the loop's time. What is wanted of each:

- **swing** <= {SWING:g}%: the limit's range at rest (the last half), of the slots.
- **settled** <= {SETTLED_S:g} s: until the limit stays within 5% of the slots of its mean at rest.
- **short** <= {SHORT:g}%: how much less left than could at the rate. What is lost beyond it, nobody
  could have sent.
- **off target** <= {OFF:g}%: the mean p95 at rest.

The columns show how many cases hold, and the worst figure of all of them.

{table(["kp, ki, kd", *_COLUMNS], gains)}

The defaults are {Gains()}. The same cases with the default gains and other targets, as far as the
target's limit is between the floor and the slots:

{table(["target ms", *_COLUMNS], targets)}

Where the defaults hold, with a target of {_DEFAULTS["target_ms"]} ms: the color is the first demand
that fails, the number is the swing in %. At 25 a second the floor of 8 slots is more than the
target allows, and the limit stays there.

![Where the defaults hold](control-region.svg)

Bursts at a rate of 200 a second, 64 slots: % lost under the PID, and under a fixed limit of what
leaves in the target's time, which is the least that so short a wait can lose. Between bursts the
rule `calm` shrinks the limit, and the next burst finds less room; with null it stays where it was.

{table(["load", "PID lost %", "PID, calm null, lost %", "fixed limit lost %"], losses)}
"""
