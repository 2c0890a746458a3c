"""The figures of one run, and the file that keeps them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UserError
from .cases import FLOOR

FORMAT = 1

IMPORTED = "import of bucket + ring"  # what takes RAM
ONE_BUCKET = "a TokenBucket"
ONE_QUEUE = "a RingQueue(64, 'H') besides its 128 B of slots"


@dataclass(frozen=True)
class Figure:
    """What one call costs; absent: why it was not measured, and then all else is None.

    us, median_us:  least and median over the timed loops.
    bytes:          taken from the heap.
    single_us, worst_us:  median and longest of the single calls; None where the runtime
                    cannot tell them.
    """

    us: float | None = None
    median_us: float | None = None
    bytes: float | None = None
    single_us: float | None = None
    worst_us: float | None = None
    absent: str = ""

    @property
    def worst(self) -> float | None:
        """The longest call as a multiple of the median one."""
        return self.worst_us / self.single_us if self.worst_us and self.single_us else None


@dataclass(frozen=True)
class Run:
    """All figures of one run on one runtime, and where they come from.

    library:     the form in which the library ran, `bytecode` or an architecture's `native`.
    repeatable:  whether its times repeat to less than a percent on any machine; otherwise
                 only ratios within the run mean anything.
    calls:       single calls of which `worst_us` is the longest.
    ram:         bytes, by what takes them.
    loop_bytes:  taken from the heap by loop_events events on their whole way.
    absent:      what this runtime cannot tell, and why.
    reason:      why it may be worse than the run that was kept before it.
    """

    runtime: str
    machine: str
    micropython: str
    library: str
    sluice: str
    commit: str
    date: str
    repeatable: bool
    calls: int
    cases: dict[str, Figure]
    ram: dict[str, int] = field(default_factory=dict)
    loop_events: int = 0
    loop_bytes: int | None = None
    absent: dict[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def title(self) -> str:
        return self.runtime if self.library == "bytecode" else f"{self.runtime}, {self.library}"

    def us(self, case: str) -> float | None:
        figure = self.cases.get(case)
        return figure.us if figure else None

    def ratio(self, case: str, to: str = FLOOR) -> float | None:
        """How many times as much as another case."""
        us, other = self.us(case), self.us(to)
        return us / other if us is not None and other else None


def to_json(runs: Iterable[Run]) -> dict[str, Any]:
    return {"format": FORMAT, "runs": [asdict(run) for run in runs]}


def save(path: Path, runs: Iterable[Run]) -> None:
    path.write_text(json.dumps(to_json(runs), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Run]:
    """The runs in a file, by title. UserError if it cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(f"{path}: not the figures of `sluice bench`, format {FORMAT}")
    try:
        runs = [_run(entry) for entry in data["runs"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the figures of `sluice bench`: {error}") from None
    return {run.title: run for run in runs}


def _run(entry: Mapping[str, Any]) -> Run:
    cases = {name: Figure(**figure) for name, figure in entry["cases"].items()}
    return Run(**{**entry, "cases": cases})
