"""Does the simulation agree with a board? The same arrivals in both, in real time on the board.

The board is the virtual one, flashed and fed by the commands that a user has.
"""

import json
import subprocess
import tempfile
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from struct import unpack_from

from matplotlib.figure import Figure

from host_sim.clock import ticks_diff
from host_sim.percentile import percentile
from host_sim.simulation import simulated_board
from host_sim.workload import bursty

from ... import plots
from ...errors import UserError
from ...itself import sluice
from ...serial.frames import Frame, LineReader
from ...serial.port import Port
from ...serial.session import DELIVERED, deliveries
from ...vboard import VirtualBoard
from .result import Cell, Result, table
from .setup import Setup

MOST_APART = 0.05

_COLUMNS = ["scenario", "figure", "unit", "board", "simulation", "apart_percent", "judged"]

_TRIES = 3
"""A machine that is held up for a second disturbs a run; a wrong simulation fails each of them."""

_FED = {"rate": 500, "burst": 10, "slots": 64}
_FED_LOAD = 400
_TIMED = {"rate": 120, "burst": 10, "slots": 32}
_TIMER = {"source": "timer", "timer_ms": 5}
_WARM_MS = 2000  # until the queue of the second scenario has filled


@dataclass(frozen=True)
class Pair:
    """The same figure from both.

    judged: a tail of the latency is not, since on a busy machine it is that of the machine.
    """

    scenario: str
    figure: str
    unit: str
    board: float
    simulation: float

    @property
    def judged(self) -> bool:
        return self.figure not in ("latency p95", "latency p99")

    @property
    def apart(self) -> float:
        """How far, as a share of the board's; 0 when both are 0."""
        if self.board == self.simulation:
            return 0.0
        return abs(self.simulation - self.board) / abs(self.board) if self.board else float("inf")

    def row(self) -> list[Cell]:
        return [
            self.scenario,
            self.figure,
            self.unit,
            f"{self.board:.1f}",
            f"{self.simulation:.1f}",
            f"{100 * self.apart:.2f}",
            "yes" if self.judged else "no",
        ]


def run(setup: Setup) -> Result:
    """UserError: the virtual board cannot be run, or one of the figures is too far off."""
    seconds = 5 if setup.quick else 25
    pairs: list[Pair] = []
    repeated = 0
    for scenario in setup.track((_fed, _timed), "agreement"):
        found = scenario(setup, seconds)
        for _ in range(_TRIES - 1):
            if not _apart(found):
                break
            repeated += 1
            found = scenario(setup, seconds)
        pairs += found
    apart = _apart(pairs)
    if apart:
        told = "; ".join(
            f"{pair.scenario}, {pair.figure}: {pair.board:.1f} on the board, "
            f"{pair.simulation:.1f} in the simulation"
            for pair in apart
        )
        raise UserError(f"agreement: more than {100 * MOST_APART:g}% apart: {told}")
    return Result(
        "agreement",
        "The simulation and the virtual board",
        _COLUMNS,
        [pair.row() for pair in pairs],
        {"agreement": _figure(pairs)},
        _page(pairs, seconds, repeated),
    )


def _apart(pairs: list[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.judged and pair.apart > MOST_APART]


def _fed(setup: Setup, seconds: float) -> list[Pair]:
    """Bursts from a host on the link, which waits when there is no credit."""
    times = bursty(_FED_LOAD, seconds, setup.seed)
    account = _feed(times)
    board = simulated_board(_FED, times, waits=True)
    setup.run(board, seconds + 60)
    journey = board.journey
    latencies = sorted(journey.latencies_ms())
    span_s = (journey.taken_us[-1] - journey.taken_us[0]) / 1_000_000
    pairs = [
        ("delivered", "records", account["delivered"], len(latencies)),
        ("lost", "records", account["lost"], board.ring.rejected + board.stats.failed),
        ("throughput", "1/s", account["mean_qps"], (len(latencies) - 1) / span_s),
    ]
    for name in ("p50", "p95", "p99"):
        share = int(name[1:]) / 100
        pairs.append((f"latency {name}", "ms", account[f"{name}_ms"], percentile(latencies, share)))
    return [Pair("host on the link", *pair) for pair in pairs]


def _feed(times: "array[int]") -> dict[str, float]:
    """The account of a real feed to a real program on the virtual board."""
    with tempfile.TemporaryDirectory(prefix="agreement-") as folder, VirtualBoard() as board:
        log = Path(folder) / "arrivals.csv"
        rows = (f"{at / 1_000_000:.6f},{number}" for number, at in enumerate(times))
        log.write_text("\n".join(["time,number", *rows]) + "\n")
        _flash(board, Path(folder), _FED)
        return json.loads(_sluice("feed", str(log), "--port", board.url, "--speed", "1", "--json"))


def _timed(setup: Setup, seconds: float) -> list[Pair]:
    """More from the board's own timer than may leave: the ring refuses the rest."""
    heard = _listen(seconds)
    times = _arrivals(heard)
    board = simulated_board(_TIMED, times)
    setup.run(board, times[-1] / 1_000_000)
    journey = board.journey
    records = [record for record in heard if ticks_diff(record[1], heard[0][1]) >= _WARM_MS]
    numbers = [number for number, _, _ in records]
    offered = numbers[-1] - numbers[0]
    board_s = ticks_diff(records[-1][2], records[0][2]) / 1000
    sojourns = [float(ticks_diff(granted, put)) for _, put, granted in records]
    kept = [
        (number, at)
        for number, at in zip(journey.taken, journey.taken_us, strict=True)
        if journey.put_us[number] >= _WARM_MS * 1000
    ]
    span_s = (kept[-1][1] - kept[0][1]) / 1_000_000
    own_offered = kept[-1][0] - kept[0][0]
    own = [(at - journey.put_us[number]) / 1000 for number, at in kept]
    pairs = [
        ("offered", "1/s", offered / board_s, own_offered / span_s),
        ("throughput", "1/s", (len(records) - 1) / board_s, (len(kept) - 1) / span_s),
        (
            "refused",
            "%",
            100 * (1 - (len(records) - 1) / offered),
            100 * (1 - (len(kept) - 1) / own_offered),
        ),
        ("latency mean", "ms", sum(sojourns) / len(sojourns), sum(own) / len(own)),
        ("latency p50", "ms", percentile(sorted(sojourns), 0.5), percentile(sorted(own), 0.5)),
        ("latency p99", "ms", percentile(sorted(sojourns), 0.99), percentile(sorted(own), 0.99)),
    ]
    return [Pair("timer, overloaded", *pair) for pair in pairs]


def _arrivals(records: list[tuple[int, int, int]]) -> "array[int]":
    """When the board's timer fired, in microseconds from the first record that was heard of.

    Of those that the ring refused, only their number is known: they came between the others.
    """
    times = array("q", [0])
    for (number, put, _), (later, later_put, _) in pairwise(records):
        step = ticks_diff(later_put, put) * 1000 / (later - number)
        begin = times[-1]
        times.extend(begin + round(n * step) for n in range(1, later - number + 1))
    return times


def _listen(seconds: float) -> list[tuple[int, int, int]]:
    """Of each record that the board delivers for so long: number, tick of its put and its grant."""
    reader = LineReader()
    records: list[tuple[int, int, int]] = []

    def hear(data: bytes) -> None:
        for item in reader.feed(data):
            if isinstance(item, Frame) and item.content[0] == DELIVERED:
                for _, granted, payload in deliveries(item.content[1:]) or ():
                    number, put = unpack_from("<II", payload)
                    records.append((number, put, granted))

    with tempfile.TemporaryDirectory(prefix="agreement-") as folder, VirtualBoard() as board:
        _flash(board, Path(folder), _TIMED | _TIMER)
        port = Port(board.url, hear, lambda _: None)
        try:
            port.start()
            time.sleep(_WARM_MS / 1000 + seconds)
        finally:
            port.close()
    if len(records) < 2 * int(_TIMED["slots"]):
        raise UserError(f"the virtual board delivered {len(records)} records in {seconds:g} s")
    return records


def _flash(board: VirtualBoard, folder: Path, settings: Mapping[str, object]) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    _sluice("flash", "--board", "virtual", "--port", board.url, "--config", str(config))


def _sluice(*arguments: str) -> str:
    done = subprocess.run(
        sluice(*arguments),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"sluice {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _figure(pairs: list[Pair]) -> Figure:
    figure, (axes,) = plots.panels(1, 1, width=8, height=4.2)
    shown = [pair for pair in pairs if pair.board and pair.judged]
    places = list(range(len(shown)))
    shares = [100 * (pair.simulation / pair.board - 1) for pair in shown]
    axes.axvspan(-100 * MOST_APART, 100 * MOST_APART, color=plots.GREEN, alpha=0.12, linewidth=0)
    axes.axvline(0, color=plots.GREY, linewidth=1)
    names = list(dict.fromkeys(pair.scenario for pair in pairs))
    for name, color in zip(names, plots.COLORS, strict=False):
        own = [n for n in places if shown[n].scenario == name]
        axes.plot(
            [shares[n] for n in own], own, color=color, marker="o", linestyle="none", label=name
        )
    axes.set_yticks(places, [f"{pair.figure}: {pair.board:,.0f} {pair.unit}" for pair in shown])
    axes.invert_yaxis()
    axes.set_xlim(-7, 7)
    axes.set_xlabel("simulation against virtual board (%)")
    axes.set_title(f"Within {100 * MOST_APART:g}%")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _page(pairs: list[Pair], seconds: float, repeated: int) -> str:
    rows = [pair.row() for pair in pairs]
    worst = max(pair.apart for pair in pairs if pair.judged)
    return f"""
`sluice experiment agreement` writes this page. A scenario of {seconds:g} s runs on the virtual
board, real MicroPython in its own process, flashed by `sluice flash`, in real time; and in the
simulation, with the same arrivals. It fails when a judged figure is more than
{100 * MOST_APART:g}% apart.
Real processes on a real machine do not give the same figures twice; the simulation does.

- **host on the link**: on/off bursts with a heavy tail, {_FED_LOAD} a second on average, sent by
  `sluice feed`; rate {_FED["rate"]}, burst {_FED["burst"]}, {_FED["slots"]} slots. The host waits
  for credit, so nothing is lost. Latency is from sent to delivered, on the host's clock.
- **timer, overloaded**: a record every {_TIMER["timer_ms"]} ms or so from the board's timer, and
  in the simulation whenever the board's timer really fired; rate {_TIMED["rate"]}, burst
  {_TIMED["burst"]}, {_TIMED["slots"]} slots. The ring refuses what it has no room for. Latency is
  from put to grant, on the board's clock, in the steady state.

![Simulation against virtual board](agreement.svg)

{table(_COLUMNS, rows)}

The largest distance of a judged figure is {100 * worst:.2f}%. Runs that were repeated because
a judged figure was too far apart, as on a busy machine: {repeated} (of at
most {_TRIES} runs of a scenario).
"""
