"""An interrupt at every opcode of the library's code, and a judge of what came of it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from host_sim import FIRMWARE
from host_sim.interrupts import Core, Interrupt, Place, Script, interleavings

from .history import History, Model, Operation, linearizable

_LIBRARY = str(FIRMWARE)
_also: set[CodeType] = set()


def interruptible(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function outside the library as one whose opcodes are places for interrupts too."""
    _also.add(function.__code__)
    return function


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


def explore(scenario: Scenario, interrupts: tuple[Interrupt, ...]) -> Explored:
    """Run the scenario with the interrupts in this order at every combination of places.

    Ends at the first violation.
    """
    judged: set[tuple[Operation, ...]] = set()
    places: set[Place] = set()
    violation = None
    runs = 0
    for core in interleavings(interrupts, _is_place):
        runs += 1
        operations, error = _run(scenario, core)
        places.update(core.interrupted_main)
        if error is not None:
            violation = _violation(f"raised {error!r}", core, interrupts, operations)
        elif core.masked:
            violation = _violation("interrupts were left off", core, interrupts, operations)
        elif operations not in judged:
            judged.add(operations)
            if not linearizable(operations, scenario.model):
                violation = _violation("no order explains this", core, interrupts, operations)
        if violation:
            break
    return Explored(
        scenario.name,
        tuple(interrupt.handler.__name__ for interrupt in interrupts),
        runs,
        frozenset((_function(place.code), place.offset) for place in places),
        violation,
    )


def _is_place(code: CodeType) -> bool:
    return code.co_filename.startswith(_LIBRARY) or code in _also


def _function(code: CodeType) -> str:
    """Its name for people: file, class, function."""
    path, library = Path(code.co_filename), FIRMWARE / "sluice"
    inside = path.relative_to(library) if path.is_relative_to(library) else Path(path.name)
    return ".".join([*inside.with_suffix("").parts, code.co_qualname])


def _run(scenario: Scenario, core: Core) -> tuple[tuple[Operation, ...], Exception | None]:
    world = scenario.build()
    history: History = world.history
    error = None
    try:
        core.run(scenario.main, world)
        scenario.finish(world)
    except Exception as caught:  # whatever broken code raises is what is looked for
        error = caught
    return tuple(history.operations), error


def _violation(
    what: str, core: Core, interrupts: tuple[Interrupt, ...], operations: tuple[Operation, ...]
) -> Violation:
    return Violation(
        what,
        tuple(
            f"{interrupt.handler.__name__}, {place or 'after the end'}"
            for interrupt, place in zip(interrupts, core.came_at, strict=False)
        ),
        operations,
    )
