"""What an experiment is given: its settings, its progress bar, and a count of simulated time."""

import time
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import track

from ...board.feed.arrivals import read_logs
from ...board.feed.opening import open_log
from ...errors import UserError

T = TypeVar("T")


class Simulation(Protocol):
    """What lets virtual time pass."""

    def run(self, seconds: float) -> None: ...


@dataclass
class Setup:
    """seed: of all that is made up.  quick: less of everything, for a first look and for tests.
    trace: a log with real arrivals, or None."""

    seed: int
    quick: bool
    trace: Path | None = None
    simulated_s: float = 0.0
    """Virtual seconds that were simulated so far."""
    took_s: float = 0.0
    """Seconds that this took."""
    cpu_s: float = 0.0
    """Seconds of the processor that it took, which on a busy machine are fewer."""

    def track(self, items: Collection[T], what: str) -> Iterator[T]:
        """The items, with a progress bar on the terminal."""
        console = Console(stderr=True)
        yield from track(
            items, what, console=console, transient=True, disable=not console.is_terminal
        )

    def run(self, simulation: Simulation, seconds: float) -> None:
        """Run the simulation for so many virtual seconds, and count them."""
        before, cpu_before = time.perf_counter(), time.process_time()
        simulation.run(seconds)
        self.took_s += time.perf_counter() - before
        self.cpu_s += time.process_time() - cpu_before
        self.simulated_s += seconds

    def trace_times(self, rate: float) -> "tuple[array[int], float] | None":
        """The trace's arrivals in microseconds, so much faster that they are `rate` a second on
        average, and how many times faster; None without a trace.

        UserError: the trace cannot be read, or has no time between its arrivals.
        """
        if self.trace is None:
            return None
        times = [arrival.at_s for arrival in read_logs([open_log(str(self.trace))])]
        if not times or times[-1] <= 0:
            raise UserError(f"{self.trace}: its {len(times)} arrivals span no time")
        speed = rate * times[-1] / len(times)
        return array("q", (round(at * 1_000_000 / speed) for at in times)), speed
