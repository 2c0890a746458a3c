"""How many slots? Throughput, latency, loss and memory against the queue's capacity."""

from array import array
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from host_sim.percentile import percentile
from host_sim.simulation import RECORD_BYTES, simulated_board
from host_sim.workload import bursty, poisson, steady

from ... import plots
from .result import Cell, Result, table
from .setup import Setup

RATE, BURST = 500, 10  # of the board's bucket
LOAD = 400  # records a second that each workload offers on average
SLOT_SIZE = 64
CAPACITIES = [1 << n for n in range(13)]
RAM_KB = 128
"""What a ring may take: half of an RP2040's 264 KB is the firmware's and the program's."""
LOSS = 0.001
"""What the advice allows to be lost."""

_COLUMNS = [
    "workload",
    "capacity",
    "ram_bytes",
    "fits",
    "offered",
    "throughput_per_s",
    "lost_percent",
    "p50_ms",
    "p99_ms",
]


@dataclass(frozen=True)
class Point:
    """One workload at one capacity."""

    workload: str
    capacity: int
    offered: int
    lost: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def ram(self) -> int:
        return ring_bytes(self.capacity, SLOT_SIZE)

    @property
    def fits(self) -> bool:
        return self.ram <= RAM_KB * 1024

    @property
    def throughput(self) -> float:
        return (self.offered - self.lost) / self.seconds

    @property
    def loss(self) -> float:
        return self.lost / self.offered

    def row(self) -> list[Cell]:
        return [
            self.workload,
            self.capacity,
            self.ram,
            "yes" if self.fits else "no",
            self.offered,
            f"{self.throughput:.1f}",
            f"{100 * self.loss:.3f}",
            f"{self.p50_ms:.1f}",
            f"{self.p99_ms:.1f}",
        ]


def ring_bytes(slots: int, size: int) -> int:
    """What a RecordRing takes from the heap of a 32-bit MicroPython, to the byte.

    The heap is dealt out in blocks of 16 bytes. Each slot has its bytes, a memoryview
    (16), a place in the list of views (4; a list grows by doubling), a length (2) and
    a stamp (4). The ring itself and the heads of its parts take 272. A test compares
    that with `gc.mem_alloc()` on the virtual board.
    """
    views = 4
    while views < slots:
        views *= 2
    parts = (slots * size, slots * 16, views * 4, slots * 2, slots * 4)
    return 272 + sum((part + 15) // 16 * 16 for part in parts)


def run(setup: Setup) -> Result:
    seconds = 5 if setup.quick else 250
    workloads: dict[str, array[int]] = {
        "steady": steady(LOAD, seconds),
        "Poisson": poisson(LOAD, seconds, setup.seed),
        "bursty": bursty(LOAD, seconds, setup.seed),
    }
    trace = setup.trace_times(LOAD)
    if trace:
        workloads["trace"] = trace[0]
    cases = [(name, capacity) for name in workloads for capacity in CAPACITIES]
    points = [
        _measure(setup, name, workloads[name], capacity)
        for name, capacity in setup.track(cases, "capacity")
    ]
    return Result(
        "capacity",
        "How many slots does the queue need?",
        _COLUMNS,
        [point.row() for point in points],
        {"capacity": _figure(points)},
        _page(points, seconds, trace[1] if trace else None),
    )


def _measure(setup: Setup, name: str, times: "array[int]", capacity: int) -> Point:
    values = {"rate": RATE, "burst": BURST, "slots": capacity, "slot_size": SLOT_SIZE}
    board = simulated_board(values, times)
    setup.run(board, times[-1] / 1_000_000 + capacity / RATE + 1)  # until the queue is empty
    latencies = sorted(board.journey.latencies_ms())
    return Point(
        name,
        capacity,
        board.offered,
        board.ring.rejected,
        max(times[-1], board.journey.taken_us[-1]) / 1_000_000,
        percentile(latencies, 0.50),
        percentile(latencies, 0.99),
    )


def _figure(points: list[Point]) -> Figure:
    figure, (loss, latency, throughput, ram) = plots.panels(2, 2)
    names = list(dict.fromkeys(point.workload for point in points))
    for name, color, marker in zip(names, plots.COLORS, plots.MARKERS, strict=False):
        own = [point for point in points if point.workload == name]
        look = {"color": color, "marker": marker, "label": name}
        _line(loss, own, [100 * point.loss for point in own], **look)
        _line(latency, own, [point.p99_ms for point in own], **look)
        _line(throughput, own, [point.throughput for point in own], **look)
    own = points[: len(CAPACITIES)]
    _line(ram, own, [point.ram / 1024 for point in own], color=plots.GREY, marker="o")
    for axes in (loss, latency, throughput, ram):
        plots.powers_of_two(axes, CAPACITIES[::2])
        axes.set_xlabel("queue capacity (slots)")
    loss.set_title("Loss")
    loss.set_ylabel("records refused (%)")
    loss.set_ylim(bottom=-1)
    loss.legend()
    latency.set_title("Latency, 99th percentile")
    latency.set_ylabel("from put to taken (ms)")
    latency.set_yscale("symlog", linthresh=10)
    latency.set_ylim(bottom=-0.5)
    latency.plot(
        CAPACITIES,
        [1000 * capacity / RATE for capacity in CAPACITIES],
        color="black",
        linewidth=1,
        linestyle=(0, (2, 4)),
        label="full: capacity / rate",
    )
    latency.legend(handles=latency.lines[-1:], loc="upper left")
    throughput.set_title("Throughput")
    throughput.set_ylabel("records taken (1/s)")
    throughput.set_ylim(0, RATE)
    ram.set_title(f"Memory, slots of {SLOT_SIZE} bytes")
    ram.set_ylabel("heap of a 32-bit board (KB)")
    ram.set_yscale("log")
    plots.plain_numbers(ram.yaxis)
    plots.plain_numbers(latency.yaxis)
    ram.axhline(RAM_KB, color=plots.RED, linewidth=1.2)
    ram.annotate(
        f"{RAM_KB} KB, half of an RP2040",
        (1, RAM_KB),
        xytext=(0, 4),
        textcoords="offset points",
        color=plots.RED,
    )
    return figure


def _line(axes: Axes, points: list[Point], values: list[float], **look: str) -> None:
    """Filled marks where the ring fits into a board's memory, hollow ones where it does not."""
    capacities = [point.capacity for point in points]
    (line,) = axes.plot(capacities, values, markerfacecolor="white", **look)  # type: ignore[arg-type]
    fitting = [i for i, point in enumerate(points) if point.fits]
    axes.plot(
        [capacities[i] for i in fitting],
        [values[i] for i in fitting],
        linestyle="none",
        marker=look["marker"],
        color=line.get_color(),
    )


def _page(points: list[Point], seconds: int, speed: float | None) -> str:
    shown = [point.row()[:4] + point.row()[5:] for point in points]
    trace = (
        f"- **trace**: {points[-1].offered:,} requests to a web site, from a log, {speed:,.0f}"
        " times as fast as they came, so that they offer the same."
        if speed
        else "\nWith `--trace FILE` it takes the arrivals of a log as well."
    )
    return f"""
`sluice experiment capacity` writes this page. The firmware's own pipeline runs on virtual time,
from event to event: a bucket of {RATE} a second with a burst of {BURST}, a sink that takes records
at once, and {LOAD} records a second on average for {seconds} s, that is
{100 * LOAD // RATE}% of what may leave:

- **steady**: one every {1000 / LOAD:g} ms.
- **Poisson**: each independent of the others.
- **bursty**: on and off in turn, both with a heavy tail (Pareto, shape 1.6); {4 * LOAD:,} a second
  while on, for 0.25 s on average, but now and then for many seconds.
{trace}

A record that finds the queue full is refused and counted as lost: that is a source which cannot
wait, an interrupt for example. A host on the link is told to wait instead and loses nothing; for
it, read "lost" as "held up at the host".

![Loss, latency, throughput and memory against capacity](capacity.svg)

Hollow marks: the ring does not fit into {RAM_KB} KB.

## Advice

{_advice(points)}

## Memory

A slot of {SLOT_SIZE} bytes takes {ring_bytes(1024, SLOT_SIZE) / 1024:.0f} on a 32-bit board: its
bytes, a memoryview (16), its place in the list of views (4), a length (2) and a stamp (4). The ring
takes 256 more. That is what `gc.mem_alloc()` counts, to the byte. Records of {RECORD_BYTES} bytes
would do with slots of {RECORD_BYTES}.

## All figures

{table(_COLUMNS[:4] + _COLUMNS[5:], shown)}
"""


def _advice(points: list[Point]) -> str:
    rows: list[list[Cell]] = []
    for name in dict.fromkeys(point.workload for point in points):
        own = [point for point in points if point.workload == name]
        enough = next((point for point in own if point.loss <= LOSS and point.fits), None)
        last = [point for point in own if point.fits][-1]
        best = enough or last
        verdict = f"{best.capacity:,}" if enough else f"none; {last.capacity:,} is the largest"
        rows.append(
            [
                name,
                verdict,
                f"{100 * best.loss:.2f}%",
                f"{best.p99_ms:.0f} ms",
                f"{best.ram / 1024:.1f} KB",
            ]
        )
    heads = ["workload", f"smallest that loses {100 * LOSS:g}% or less", "lost", "p99", "memory"]
    unbounded = [row[0] for row in rows if str(row[1]).startswith("none")]
    tail = (
        f" No queue that fits a board is enough for {' and '.join(map(str, unbounded))}. Give such"
        " a source credit (the link does), spill to flash (`TieredQueue`), or raise the rate."
        if unbounded
        else ""
    )
    return f"""{table(heads, rows)}

1. Begin with how late a record may be: a full queue makes it wait capacity / rate, so
   `slots` = rate x the wait that you allow. At {RATE} a second {RATE // 4} slots are a quarter of
   a second. More slots than that only keep records that come too late.
2. Then look at the loss. Slots from which on nothing was lost: {_lossless(points)}.{tail}
3. Throughput follows the loss and ends at what is offered. A queue cannot make
   up for a rate that is too low."""


def _lossless(points: list[Point]) -> str:
    """For each workload the smallest capacity that lost nothing."""
    found = dict.fromkeys((point.workload for point in points), "none that was tried")
    for point in reversed(points):
        if not point.lost:
            found[point.workload] = f"{point.capacity:,}"
    return ", ".join(f"{name} {slots}" for name, slots in found.items())
