"""An interrupt at every opcode of a user's program."""

import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from types import CodeType
from typing import TypeVar

import host_sim
from host_sim import FIRMWARE, TickClock, clock
from host_sim.interrupts import Core, Interrupt, interleavings

World = TypeVar("World")

# Whether the code of a folder is interrupted; the first that holds it decides. A board does not
# have CPython's library, and what stands in for its hardware is no bytecode there.
_FOLDERS = (
    (FIRMWARE, True),
    (Path(host_sim.__file__).parent, False),
    (Path(sysconfig.get_path("purelib")), True),
    (Path(sysconfig.get_path("stdlib")), False),
)


def at_every_opcode(
    build: Callable[[], World],
    run: Callable[[World], object],
    handler: Callable[[World], object],
    check: Callable[[World], object],
) -> None:
    """Run the program once for each of its opcodes, with an interrupt before that opcode, and
    once more with the interrupt behind the end.

    build:    makes everything anew for each run; what it returns is given to the other three.
    run:      what the main loop does: one turn of it, or a few.
    handler:  what the interrupt does. It comes once in each run.
    check:    asserts what must hold when both are done.

    Opcodes are those of the program and of the library in it, however deep in calls, but for
    those between `machine.disable_irq` and `enable_irq`, and in the handler of a timer. Time passes
    when the program sleeps or the test's TickClock is advanced, and each run begins at the same
    tick.

    What `run`, `handler` or `check` raises is raised, with a note that says where the interrupt
    came. So is an AssertionError when interrupts are left off. ValueError: `run` has no opcode
    at which an interrupt could come.
    """
    __tracebackhide__ = True
    met = False
    for core in interleavings((Interrupt(handler),), _is_place):
        with _same_time():
            world = build()
            try:
                core.run(run, world)
                if core.masked:
                    raise AssertionError("interrupts were left off")
                check(world)
            except BaseException as error:
                error.add_note(_where(core))
                raise
        met = met or bool(core.interrupted_main)
    if not met:
        raise ValueError("run has no opcode at which an interrupt could come")


def _same_time() -> AbstractContextManager[object]:
    """A clock that is the same at the start of each run, and does not move by itself."""
    in_force = clock.in_force()
    return in_force.rewound() if isinstance(in_force, TickClock) else TickClock()


def _where(core: Core) -> str:
    if not core.came_at:
        return "no interrupt had come yet"
    return f"the interrupt came {f'at {core.came_at[0]}' if core.came_at[0] else 'behind the end'}"


def _is_place(code: CodeType) -> bool:
    return _is_interrupted(code.co_filename)


@cache
def _is_interrupted(file: str) -> bool:
    if file.startswith("<frozen "):  # CPython's import
        return False
    path = Path(file)
    return next((decides for folder, decides in _FOLDERS if path.is_relative_to(folder)), True)
