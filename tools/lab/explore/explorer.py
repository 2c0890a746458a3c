"""An interrupt at every opcode: runs a script again and again, with handlers in every place.

A handler runs before an opcode of the library's code. CPython's opcodes stand in for
MicroPython's bytecodes. A place where interrupts are off is none: what is due there runs at
the first opcode with interrupts on, which is a place of its own. A handler of a higher
priority may come at the opcodes of one of a lower priority.
"""

import dis
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from host_sim import FIRMWARE, machine

from .history import History, Model, Operation, linearizable

Script = Callable[[Any], None]

_LIBRARY = str(FIRMWARE)
_also: set[CodeType] = set()


def interruptible(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function outside the library as one whose opcodes are places for interrupts too."""
    _also.add(function.__code__)
    return function


@dataclass(frozen=True)
class Interrupt:
    """A handler and its priority: it interrupts the main side (0) and lower priorities."""

    handler: Script
    priority: int = 1


@dataclass(frozen=True)
class Scenario:
    """Objects that the main side and interrupts share, and what each of them does.

    build:       makes the objects, with a `history` that the scripts record their calls in.
    main:        what the main side does.
    interrupts:  what comes in between.
    finish:      looks at the objects when all is quiet.
    model:       what the history must agree with.
    most:        interrupts in one run: 1, each of them at every place; 2, also each pair of
                 them, or one of them twice, at every two places.
    """

    name: str
    build: Callable[[], Any]
    main: Script
    interrupts: tuple[Interrupt, ...]
    finish: Script
    model: Model[Any]
    most: int = 2

    def orders(self, most: int) -> Iterator[tuple[int, ...]]:
        """Which interrupts, by number, come in a run in which order; no more than `most`."""
        for length in range(1, min(most, self.most) + 1):
            yield from itertools.product(range(len(self.interrupts)), repeat=length)


@dataclass(frozen=True)
class Place:
    """Before which opcode an interrupt came."""

    code: CodeType
    offset: int

    @property
    def function(self) -> str:
        """Its name for people: file, class, function."""
        path, library = Path(self.code.co_filename), FIRMWARE / "sluice"
        inside = path.relative_to(library) if path.is_relative_to(library) else Path(path.name)
        return ".".join([*inside.with_suffix("").parts, self.code.co_qualname])

    def __str__(self) -> str:
        line = self.code.co_firstlineno
        for instruction in dis.get_instructions(self.code):
            if instruction.starts_line:
                line = instruction.starts_line
            if instruction.offset == self.offset:
                where = f"{Path(self.code.co_filename).name}:{line}"
                what = f"{instruction.opname} {instruction.argrepr}".strip()
                return f"{where} in {self.code.co_qualname} before {what}"
        raise ValueError(f"no opcode at offset {self.offset} of {self.code.co_qualname}")


@dataclass(frozen=True)
class Violation:
    """A run that no sequence of operations explains, or that raised."""

    what: str
    interrupts: tuple[str, ...]
    operations: tuple[Operation, ...]

    def __str__(self) -> str:
        return "\n".join(
            [
                self.what,
                *(f"  interrupt: {interrupt}" for interrupt in self.interrupts),
                *(
                    f"  {operation.start:>3} to {operation.end:>3}: {operation.name}"
                    f"({'' if operation.argument is None else operation.argument})"
                    f" -> {operation.result}"
                    for operation in sorted(self.operations, key=lambda each: each.start)
                ),
            ]
        )


@dataclass(frozen=True)
class Explored:
    """What came of a scenario with certain interrupts.

    interleavings: runs, each with the handlers in other places.
    places:        where it interrupted the main side.
    """

    scenario: str
    interrupts: tuple[str, ...]
    interleavings: int
    places: frozenset[tuple[str, int]]
    violation: Violation | None


class _Core:
    """Runs a script, with each interrupt at its place.

    waits: for each interrupt, at which place it comes: the first counts from the beginning of
    the script, the next from where the one before it came.
    """

    def __init__(self, interrupts: tuple[Interrupt, ...], waits: list[int]) -> None:
        self.came_at: list[Place | None] = []  # None: after the end of the script
        self.interrupted_main: list[Place] = []
        self.masked = False
        self._due = list(interrupts)
        self._waits = list(waits)
        self._priority = 0  # of what runs now
        self._counting = False  # whether the next interrupt could come now
        self._world: Any = None

    def disable_irq(self) -> bool:
        masked, self.masked = self.masked, True
        self._counting = False
        return masked

    def enable_irq(self, state: bool) -> None:
        self.masked = state
        self._count()

    def run(self, script: Script, world: Any) -> None:
        self._world = world
        self._count()
        self._traced(script)
        while self._due:
            self._interrupt(None)

    def _count(self) -> None:
        self._counting = (
            bool(self._due) and not self.masked and self._due[0].priority > self._priority
        )

    def _traced(self, script: Script) -> None:
        outer = sys.gettrace()
        sys.settrace(self._called)
        try:
            script(self._world)
        finally:
            sys.settrace(outer)

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        if not self._counting:  # nor will it before the call ends: a guard holds to its end
            return None
        code = frame.f_code
        if not code.co_filename.startswith(_LIBRARY) and code not in _also:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._event

    def _event(self, frame: FrameType, event: str, _: Any) -> Any:
        if self._counting and event == "opcode":
            self._waits[0] -= 1
            while self._counting and not self._waits[0]:
                self._come(frame)
        return self._event

    def _come(self, frame: FrameType) -> None:
        """Let the next interrupt come here, before the frame's next opcode."""
        place = Place(frame.f_code, frame.f_lasti)
        if not self._priority:
            self.interrupted_main.append(place)
        self._interrupt(place)
        if self._counting:  # what is due now may come at this place too
            self._waits[0] -= 1
        if not self._due:
            sys.settrace(None)

    def _interrupt(self, place: Place | None) -> None:
        interrupt = self._due.pop(0)
        self._waits.pop(0)
        self.came_at.append(place)
        below, self._priority = self._priority, interrupt.priority
        self._count()
        if self._counting:
            # A trace function is not traced itself, unless by this call.
            sys.call_tracing(self._traced, (interrupt.handler,))
        else:
            interrupt.handler(self._world)
        self._priority = below
        self._count()


def explore(scenario: Scenario, interrupts: tuple[Interrupt, ...]) -> Explored:
    """Run the scenario with the interrupts in this order at every combination of places.

    Ends at the first violation.
    """
    waits = [1] * len(interrupts)
    judged: set[tuple[Operation, ...]] = set()
    places: set[Place] = set()
    runs = 0
    while True:
        runs += 1
        core, operations, error = _run(scenario, interrupts, waits)
        places.update(core.interrupted_main)
        violation = None
        if error is not None:
            violation = _violation(f"raised {error!r}", core, interrupts, operations)
        elif core.masked:
            violation = _violation("interrupts were left off", core, interrupts, operations)
        elif operations not in judged:
            judged.add(operations)
            if not linearizable(operations, scenario.model):
                violation = _violation("no order explains this", core, interrupts, operations)
        came = [at for at, place in enumerate(core.came_at) if place is not None]
        if violation or not came:
            break
        # Move the last interrupt that still came within the run; the later ones begin anew.
        waits[came[-1]] += 1
        waits[came[-1] + 1 :] = [1] * (len(waits) - came[-1] - 1)
    return Explored(
        scenario.name,
        tuple(interrupt.handler.__name__ for interrupt in interrupts),
        runs,
        frozenset((place.function, place.offset) for place in places),
        violation,
    )


def _run(
    scenario: Scenario, interrupts: tuple[Interrupt, ...], waits: list[int]
) -> tuple[_Core, tuple[Operation, ...], Exception | None]:
    core = _Core(interrupts, waits)
    with _in_place_of_machine(core):
        world = scenario.build()
        history: History = world.history
        error = None
        try:
            core.run(scenario.main, world)
            scenario.finish(world)
        except Exception as caught:  # whatever broken code raises is what is looked for
            error = caught
    return core, tuple(history.operations), error


@contextmanager
def _in_place_of_machine(core: _Core) -> Iterator[None]:
    usual = machine.disable_irq, machine.enable_irq
    machine.disable_irq, machine.enable_irq = core.disable_irq, core.enable_irq
    try:
        yield
    finally:
        machine.disable_irq, machine.enable_irq = usual


def _violation(
    what: str, core: _Core, interrupts: tuple[Interrupt, ...], operations: tuple[Operation, ...]
) -> Violation:
    return Violation(
        what,
        tuple(
            f"{interrupt.handler.__name__}, {place or 'after the end'}"
            for interrupt, place in zip(interrupts, core.came_at, strict=False)
        ),
        operations,
    )
