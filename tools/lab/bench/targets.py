"""What the project wants of its figures; the one place where the limits stand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .cases import CASES, DEQUE, EVENT, FLOAT, FLOOR, GRANTED, PUT_GET, Kind
from .figures import IMPORTED, ONE_BUCKET, ONE_QUEUE, Run

_OURS = [case.name for case in CASES if case.kind is Kind.OURS]
_RP2040 = "RP2040"
_ANY = ""


@dataclass(frozen=True)
class Target:
    """A limit on a figure.

    measured:  the figure of a run; None: it does not tell.
    machine:   found in the runtime's or the machine's name; "": any.
    native:    for the library in native code, or in bytecode; None: both.
    at_least:  the figure may not be below the limit, instead of not above.
    """

    what: str
    limit: float
    unit: str
    measured: Callable[[Run], float | None]
    machine: str = _ANY
    native: bool | None = None
    at_least: bool = False

    @property
    def wanted(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"

    @property
    def on(self) -> str:
        """Where it holds, in words."""
        form = {None: "", True: "native code", False: "bytecode"}[self.native]
        return ", ".join(filter(None, (self.machine, form))) or "any"

    def applies(self, run: Run) -> bool:
        here = self.machine in run.runtime or self.machine in run.machine
        return here and self.native in (None, run.library != "bytecode")

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured; run and value are None when no run tells."""

    target: Target
    run: Run | None = None
    value: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.value is None else self.target.met(self.value)


def verdicts(runs: Iterable[Run]) -> list[Verdict]:
    """For each target, each run that tells; a target that none tells is there once, unmeasured."""
    runs = list(runs)
    found: list[Verdict] = []
    for target in TARGETS:
        told = [
            Verdict(target, run, value)
            for run in runs
            if target.applies(run) and (value := target.measured(run)) is not None
        ]
        found += told or [Verdict(target)]
    return found


def _ratio(case: str, to: str) -> Callable[[Run], float | None]:
    return lambda run: run.ratio(case, to)


def _ram(of: str) -> Callable[[Run], float | None]:
    return lambda run: run.ram.get(of)


def _worst(run: Run) -> float | None:
    """The largest of the library's longest calls as multiples of the median one."""
    worst = [figure.worst for name, figure in run.cases.items() if name in _OURS]
    return max((value for value in worst if value is not None), default=None)


def _per_event(run: Run) -> float | None:
    return None if run.loop_bytes is None else run.loop_bytes / run.loop_events


# 60 us for an event where the floor takes 16.5: as a ratio, since emulators differ in how long
# their microsecond is.
_EVENT_FLOORS = 60 / 16.5

TARGETS = (
    Target("try_acquire", 0.9, "x floor", _ratio(GRANTED, FLOOR), _RP2040, native=True),
    Target("try_acquire", 2.0, "x floor", _ratio(GRANTED, FLOOR), _RP2040, native=False),
    Target(
        "float bucket / try_acquire",
        1.6,
        "x",
        _ratio(FLOAT, GRANTED),
        _RP2040,
        native=False,
        at_least=True,
    ),
    Target("RingQueue put + get", 1.2, "x deque", _ratio(PUT_GET, DEQUE), native=True),
    Target("RingQueue put + get", 2.5, "x deque", _ratio(PUT_GET, DEQUE), native=False),
    Target(
        "one event through the pipeline, batch of 16",
        round(_EVENT_FLOORS, 2),
        "x floor",
        _ratio(EVENT, FLOOR),
        _RP2040,
        native=True,
    ),
    Target("longest call / median call", 3, "x", _worst),
    Target("heap per event, whole loop", 0, "B", _per_event),
    Target(IMPORTED, 4096, "B", _ram(IMPORTED)),
    Target(ONE_BUCKET, 512, "B", _ram(ONE_BUCKET)),
    Target(ONE_QUEUE, 256, "B", _ram(ONE_QUEUE)),
)
