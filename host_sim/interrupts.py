"""Interrupts between two opcodes: a script is run again and again, with handlers in every place.

CPython's opcodes stand in for MicroPython's bytecodes. A place where interrupts are off is none:
what is due there runs at the first opcode with interrupts on, which is a place of its own. A
handler of a higher priority may come at the opcodes of one of a lower priority.
"""

import dis
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Script = Callable[[Any], object]

_ON, _OFF = 1, 0
_USUAL = 1  # priority


@dataclass(frozen=True)
class Interrupt:
    """A handler and its priority: it interrupts the main side (0) and lower priorities."""

    handler: Script
    priority: int = _USUAL


@dataclass(frozen=True)
class Place:
    """Before which opcode an interrupt came."""

    code: CodeType
    offset: int

    def __str__(self) -> str:
        line: int | None = self.code.co_firstlineno
        for instruction in dis.get_instructions(self.code):
            if instruction.positions:
                line = instruction.positions.lineno or line
            if instruction.offset == self.offset:
                where = f"{Path(self.code.co_filename).name}:{line}"
                what = f"{instruction.opname} {instruction.argrepr}".strip()
                return f"{where} in {self.code.co_qualname} before {what}"
        raise ValueError(f"no opcode at offset {self.offset} of {self.code.co_qualname}")


class Core:
    """Runs a script, with each interrupt at its place.

    waits:     for each interrupt, at which place it comes: the first counts from the beginning
               of the script, the next from where the one before it came.
    is_place:  whether the opcodes of a function are places.
    """

    def __init__(
        self,
        interrupts: tuple[Interrupt, ...],
        waits: list[int],
        is_place: Callable[[CodeType], bool],
    ) -> None:
        self.came_at: list[Place | None] = []  # None: after the end of the script
        self.interrupted_main: list[Place] = []
        self.masked = False
        self._due = list(interrupts)
        self._waits = list(waits)
        self._is_place = is_place
        self._priority = 0  # of what runs now
        self._counting = False  # whether the next interrupt could come now
        self._world: Any = None

    def disable_irq(self) -> int:
        before = _OFF if self.masked else _ON
        self.masked = True
        self._counting = False
        return before

    def enable_irq(self, state: int) -> None:
        self.masked = state == _OFF
        self._count()

    def run(self, script: Script, world: Any) -> None:
        """Run the script; meanwhile this core's interrupts are those of `machine`."""
        global _core  # noqa: PLW0603  a program runs on one core
        outer, _core = _core, self
        try:
            self._world = world
            self._count()
            self._traced(script)
            while self._due:
                self._interrupt(None)
        finally:
            _core = outer

    def handle(self, handler: Callable[[], object]) -> None:
        """Call the handler of an interrupt that is not one of this core's own."""
        below, self._priority = self._priority, max(self._priority, _USUAL)
        self._count()
        try:
            handler()
        finally:
            self._priority = below
            self._count()

    def _count(self) -> None:
        self._counting = not self.masked and self._ranks()

    def _ranks(self) -> bool:
        """Whether the next interrupt could come now if interrupts are on."""
        return bool(self._due) and self._due[0].priority > self._priority

    def _traced(self, script: Script) -> None:
        outer = sys.gettrace()
        sys._getframe().f_trace_opcodes = True  # CPython 3.12 asks at settrace alone
        sys.settrace(self._called)
        try:
            script(self._world)
        finally:
            sys.settrace(outer)

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        if not self._ranks() or not self._is_place(frame.f_code):
            return None
        frame.f_trace_lines = False
        frame.f_trace = self._event  # before the next line: CPython 3.13 asks for it there
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


def interleavings(
    interrupts: tuple[Interrupt, ...], is_place: Callable[[CodeType], bool]
) -> Iterator[Core]:
    """A core for every combination of places. Each must have run the script before the next is
    asked for; with the last one no interrupt comes before the script's end."""
    waits = [1] * len(interrupts)
    while True:
        core = Core(interrupts, waits, is_place)
        yield core
        came = [at for at, place in enumerate(core.came_at) if place is not None]
        if not came:
            return
        # Move the last interrupt that still came within the run; the later ones begin anew.
        waits[came[-1]] += 1
        waits[came[-1] + 1 :] = [1] * (len(waits) - came[-1] - 1)


_core: Core | None = None


def disable_irq() -> int:
    """As `machine.disable_irq`; without a core that runs there is nothing to hold off: interrupts
    come only while time passes."""
    return _core.disable_irq() if _core else _ON


def enable_irq(state: int) -> None:
    """See disable_irq."""
    if _core:
        _core.enable_irq(state)


def handle(handler: Callable[[], object]) -> None:
    """Call a handler as the hardware does: no interrupt of the usual priority comes within it."""
    if _core:
        _core.handle(handler)
    else:
        handler()
