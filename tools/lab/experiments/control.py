"""Control loops under a step of load, a slow sink and a sink with a quota."""

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from host_sim.percentile import percentile
from host_sim.simulation import Phase, Simulation, simulated_board
from host_sim.workload import stepped
from sluice.control.adaptive import RUSH, RUSH_DOWN

from ... import plots
from . import pid
from .result import Cell, Result, table
from .setup import Setup

RATE, BURST, SLOTS = 500, 10, 256
INTERVAL_MS = 250  # of the control loops
TARGET_MS = 200
_SERVICE_MS = 1

_COLUMNS = [
    "experiment",
    "control",
    "phase",
    "offered",
    "lost_percent",
    "p50_ms",
    "p99_ms",
    "settling_s",
    "overshoot_ms",
    "failed_attempts",
]


@dataclass(frozen=True)
class Stretch:
    """A part of a scenario that is looked at for itself."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Scenario:
    name: str
    seconds: float
    slots: int
    loads: list[tuple[float, float]]
    sink: list[Phase]
    stretches: list[Stretch]


@dataclass
class Trail:
    """What one control did: at the end of each interval, and to each record."""

    control: str
    at_s: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    limit: list[int] = field(default_factory=list)
    rate: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)
    put_us: "array[int]" = field(default_factory=lambda: array("q"))
    taken_us: dict[int, int] = field(default_factory=dict)

    def numbers(self, stretch: Stretch) -> list[int]:
        """The records that came in it."""
        start_us, end_us = stretch.start_s * 1_000_000, stretch.end_s * 1_000_000
        return [n for n, at in enumerate(self.put_us) if start_us <= at < end_us]

    def loss(self, stretch: Stretch) -> float:
        """The share of them that the sink never took."""
        numbers = self.numbers(stretch)
        return 1 - sum(n in self.taken_us for n in numbers) / len(numbers)

    def look(self, simulation: Simulation) -> None:
        stats, ring = simulation.stats, simulation.ring
        self.at_s.append(simulation.clock.now_us / 1_000_000)
        self.p95_ms.append(stats.p95 if stats.p95 >= 0 else math.nan)
        self.limit.append(ring.limit)
        self.rate.append(simulation.bucket.rate)
        self.lost.append(ring.rejected + stats.shed + stats.failed)
        self.missed.append(stats.missed)


STEP = Scenario(
    "step",
    80,
    SLOTS,
    [(0, 300), (10, 700), (25, 300)],
    [
        Phase(0, _SERVICE_MS),
        Phase(35, 5),
        Phase(45, _SERVICE_MS),
        Phase(55, _SERVICE_MS, quota=200),
        Phase(70, _SERVICE_MS),
    ],
    [
        Stretch("load 700/s", 10, 25),
        Stretch("sink 5 ms", 35, 45),
        Stretch("sink 200/s", 55, 70),
        Stretch("recovered", 72, 80),
    ],
)

_STARVED = [
    phase
    for start in range(5, 60, 10)
    for phase in (Phase(start, 20), Phase(start + 3, _SERVICE_MS))
]
RUSHED = Scenario(
    "starved",
    60,
    1024,
    [(0, 300)],
    [Phase(0, _SERVICE_MS), *_STARVED],
    [Stretch("starved for 3 of 10 s", 5, 60)],
)


_DASHES = ("-", "-", (0, (5, 1.5)), "-", (0, (1, 1)))
_VALUES = {"rate": RATE, "burst": BURST, "stats_ms": INTERVAL_MS}
_PID = {"control": "pid", "target_ms": TARGET_MS}
_CODEL = {"control": "codel", "target_ms": TARGET_MS // 10, "interval_ms": TARGET_MS}
_TUNING = {"control": "rate", "rate_low": 20, "target_ms": 20}
CONTROLS: dict[str, dict[str, Any]] = {
    "none": {},
    "PID": _PID,
    "PID, no rush": _PID | {"rush": None},
    "CoDel": _CODEL,
    "rate tuning": _TUNING,
}
RULES: dict[str, dict[str, Any]] = {
    "no rule": _PID | {"rush": None},
    "+50%": _PID | {"rush": RUSH},
    "-50%": _PID | {"rush": RUSH_DOWN},
}
"""What each adds to the configuration of the board."""


def run(setup: Setup) -> Result:
    cases = [(STEP, name, values) for name, values in CONTROLS.items()]
    cases += [(RUSHED, name, values) for name, values in RULES.items()]
    trails: dict[str, list[Trail]] = {STEP.name: [], RUSHED.name: []}
    rows: list[list[Cell]] = []
    for scenario, name, values in setup.track(cases, "control"):
        trail = _simulate(setup, scenario, name, values)
        trails[scenario.name].append(trail)
        rows += [_row(scenario, trail, stretch) for stretch in scenario.stretches]
    found = pid.search(setup)
    return Result(
        "control",
        "Control loops: a step of load, a slow sink, a sink with a quota",
        _COLUMNS,
        rows,
        {
            "control": _figure(trails[STEP.name]),
            "control-rush": _rush_figure(trails[RUSHED.name]),
            "control-region": pid.region_figure(found.region),
        },
        _page(rows, pid.page(found)),
    )


def _simulate(setup: Setup, scenario: Scenario, name: str, values: dict[str, Any]) -> Trail:
    trail = Trail(name)
    board = simulated_board(
        _VALUES | {"slots": scenario.slots} | values,
        stepped(scenario.loads, scenario.seconds, setup.seed),
        *scenario.sink,
        on_interval=trail.look,
    )
    setup.run(board, scenario.seconds + 3)  # until the queue is empty
    trail.put_us = board.journey.put_us
    trail.taken_us = dict(zip(board.journey.taken, board.journey.taken_us, strict=True))
    return trail


def _row(scenario: Scenario, trail: Trail, stretch: Stretch) -> list[Cell]:
    numbers = trail.numbers(stretch)
    latencies = sorted(
        (trail.taken_us[n] - trail.put_us[n]) / 1000 for n in numbers if n in trail.taken_us
    )
    inside = [n for n, at in enumerate(trail.at_s) if stretch.start_s < at <= stretch.end_s]
    settling = overshoot = None
    if scenario is STEP:  # the other one does not come to rest
        settling, overshoot = _settling([trail.p95_ms[n] for n in inside])
    return [
        scenario.name,
        trail.control,
        stretch.name,
        len(numbers),
        f"{100 * trail.loss(stretch):.1f}",
        f"{percentile(latencies, 0.50):.0f}",
        f"{percentile(latencies, 0.99):.0f}",
        settling,
        overshoot,
        sum(trail.missed[n] for n in inside),
    ]


def _settling(p95_ms: list[float]) -> tuple[str, str]:
    """Seconds until p95 stays within 20% (or 10 ms) of where it ends, and how far beyond it went.

    Where it ends: the mean of the last quarter.
    """
    values = [value for value in p95_ms if not math.isnan(value)]
    last = values[-max(1, len(values) // 4) :]
    final = sum(last) / len(last)
    width = max(0.2 * final, 10)
    outside = [n for n, value in enumerate(values) if abs(value - final) > width]
    settled = (outside[-1] + 1 if outside else 0) * INTERVAL_MS / 1000
    return f"{settled:.2f}", f"{max(values) - final:.0f}"


def _figure(trails: list[Trail]) -> Figure:
    figure, (load, latency, loss) = plots.panels(3, 1, width=9.5, height=2.7)
    _draw_load(load)
    for trail, color, dashes in zip(trails, plots.COLORS, _DASHES, strict=False):
        latency.plot(*_each_second(trail), color=color, linestyle=dashes, label=trail.control)
    latency.axhline(TARGET_MS, color=plots.GREY, linewidth=1, linestyle=":")
    latency.set_title(f"Latency (dotted: the PID's target of {TARGET_MS} ms)")
    latency.set_ylabel("p95 of a second (ms)")
    latency.set_yscale("symlog", linthresh=10)
    latency.set_ylim(0, 3000)
    latency.set_xlabel("time (s)")
    plots.plain_numbers(latency.yaxis)
    for axes in (load, latency):
        axes.set_xlim(0, STEP.seconds)
    stretches = STEP.stretches[:-1]
    width = 0.8 / len(trails)
    for n, (trail, color) in enumerate(zip(trails, plots.COLORS, strict=False)):
        places = [i + (n - (len(trails) - 1) / 2) * width for i in range(len(stretches))]
        shares = [100 * trail.loss(stretch) for stretch in stretches]
        loss.bar(places, shares, 0.9 * width, color=color)
    loss.set_xticks(range(len(stretches)), [stretch.name for stretch in stretches])
    loss.grid(visible=False, axis="x")
    loss.set_title("Loss: refused, shed or given up")
    loss.set_ylabel("of the records offered (%)")
    handles, labels = latency.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _draw_load(axes: Axes) -> None:
    steps = [*STEP.loads, (STEP.seconds, STEP.loads[-1][1])]
    axes.step(*zip(*steps, strict=True), where="post", color="black", label="offered")
    able = [(phase.start_us / 1e6, _able(phase)) for phase in STEP.sink]
    able.append((STEP.seconds, able[-1][1]))
    axes.step(
        *zip(*able, strict=True),
        where="post",
        color=plots.GREY,
        linestyle="--",
        label="allowed by rate and sink",
    )
    axes.set_title("The load, and what can leave")
    axes.set_ylabel("records (1/s)")
    axes.set_ylim(0, 850)
    axes.legend(ncols=2, loc="upper right")


def _each_second(trail: Trail) -> tuple[list[float], list[float]]:
    """The middle of each second in which the sink took something, and the p95 of what it took."""
    seconds: dict[int, list[float]] = {}
    for number, at in trail.taken_us.items():
        seconds.setdefault(at // 1_000_000, []).append((at - trail.put_us[number]) / 1000)
    return (
        [second + 0.5 for second in seconds],
        [percentile(sorted(values), 0.95) for values in seconds.values()],
    )


def _able(phase: Phase) -> float:
    by_time = 1_000_000 / phase.service_us
    return min(RATE, by_time, RATE if phase.quota is None else phase.quota)


def _rush_figure(trails: list[Trail]) -> Figure:
    figure, (limit, latency, loss) = plots.panels(3, 1, width=9.5, height=2.5, sharex=True)
    for trail, color in zip(trails, (plots.GREY, plots.BLUE, plots.ORANGE), strict=True):
        limit.step(trail.at_s, trail.limit, where="post", color=color, label=trail.control)
        latency.plot(trail.at_s, trail.p95_ms, color=color, label=trail.control, linewidth=1.4)
        loss.plot(trail.at_s, trail.lost, color=color, label=trail.control)
    for axes in (limit, latency, loss):
        _shade(axes)
    limit.set_title("The limit (grey: the sink takes 20 ms, the loop has no time left)")
    limit.set_ylabel("slots")
    latency.set_title("Latency")
    latency.set_ylabel("p95 of an interval (ms)")
    loss.set_title("Loss since the start")
    loss.set_ylabel("records")
    loss.set_xlabel("time (s)")
    loss.set_xlim(0, RUSHED.seconds)
    for axes in (limit, latency, loss):
        plots.plain_numbers(axes.yaxis)
    handles, labels = loss.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _shade(axes: Axes) -> None:
    for start in range(5, 60, 10):
        axes.axvspan(start, start + 3, color="#EEEEEE", linewidth=0)


def _page(rows: list[list[Cell]], settled: str) -> str:
    steps = [row[1:] for row in rows if row[0] == STEP.name]
    rushed = [[row[1], *row[3:7]] for row in rows if row[0] == RUSHED.name]
    none, rush, down = (f"{row[2]}%" for row in rushed)
    return f"""
`sluice experiment control` writes this page. The firmware's own modules run on virtual time; the
board's loop gives the control loops their figures every {INTERVAL_MS} ms. Rate {RATE} a second,
burst {BURST}, Poisson arrivals of 300 a second from a source that cannot wait.

## A step of load, a slow sink, a sink with a quota

{SLOTS} slots. From 10 to 25 s 700 a second come. From 35 to 45 s the sink needs 5 ms for a record,
in which the loop can do nothing else. From 55 to 70 s it takes {200} in each second of the clock
and refuses the rest.

- **none**: the ring refuses what it has no room for.
- **PID**: `AdaptiveLimit` with a target of {TARGET_MS} ms, and its two rules; **no rush**: without
  the rule that grows the limit when the loop is starved.
- **CoDel**: target {TARGET_MS // 10} ms, interval {TARGET_MS} ms.
- **rate tuning**: `RateTuner` from 20 to {RATE} a second; an attempt may take 20 ms.

![Load, latency and loss](control.svg)

{table(_COLUMNS[1:], steps)}

`settling_s`: until the p95 of an interval stays within 20% (or 10 ms) of where it ends, the mean
of the last quarter. `overshoot_ms`: how far above that it was at most.

## The rule for a starved loop: +50% or -50%

1,024 slots; for 3 of 10 s the sink needs 20 ms for a record, so that 50 a second can leave. `rush`
acts while the loop is busy for more than 85% of the time and the p95 is above 300 ms.

![Limit, latency and loss under the rules](control-rush.svg)

{table(["rule", "offered", "lost %", "p50 ms", "p99 ms"], rushed)}

{rush} are lost with half more, {down} with half less and {none} without a rule.

{settled.strip()}

## Advice

{_advice(steps, rushed)}
"""


def _advice(steps: list[list[Cell]], rushed: list[list[Cell]]) -> str:
    """Who lost least and who was least late, phase by phase."""
    lines = []
    for stretch in STEP.stretches:
        own = [[row[0], *row[3:6]] for row in steps if row[1] == stretch.name]
        lines.append(f"- {stretch.name}: {_best(own)}.")
    lines.append(f"- starved, by the rule: {_best([[row[0], *row[2:5]] for row in rushed])}.")
    quota = {row[0]: row for row in steps if row[1] == STEP.stretches[2].name}
    tuned, untuned = quota["rate tuning"], quota["none"]
    lines.append(
        f"- rate tuning and a sink with a quota: {tuned[8]} attempts failed in place of "
        f"{untuned[8]}, and {tuned[3]}% were lost in place of {untuned[3]}%."
    )
    return "\n".join(lines)


def _best(rows: list[list[Cell]]) -> str:
    """rows: name, per cent lost, p50 and p99 in ms."""

    def least(column: int, unit: str) -> str:
        figures = [float(row[column] or 0) for row in rows]
        names = [str(row[0]) for row, own in zip(rows, figures, strict=True) if own == min(figures)]
        return f"{min(figures):g}{unit} ({'; '.join(names)})"

    return f"the least loss {least(1, '%')}, the least p50 {least(2, ' ms')}, p99 {least(3, ' ms')}"
