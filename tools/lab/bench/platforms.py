"""Where the bench runs: the emulated MicroPythons, and a board at a port."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from ..runtimes import Microbit, Rp2040, Runtime, WebAssembly
from ..runtimes.port import Port
from .program import Effort, Quiet


@dataclass(frozen=True)
class Platform:
    """A runtime, and what it can tell.

    repeatable:  its times are the same on any machine, to less than a percent.
    effort:      how much is run for each case.
    events:      events through the whole loop.
    no_singles, no_ram, no_loop:  why it cannot tell the longest call, what objects take, or
                 what the whole loop allocates; "": it can.
    helpers:     which of onboard/ it has room for; None: all.
    quiet:       around what is timed.
    """

    name: str
    make: Callable[[], Runtime]
    why_not: Callable[[], str | None]
    repeatable: bool
    effort: Effort
    events: int
    no_singles: str = ""
    no_ram: str = ""
    no_loop: str = ""
    helpers: frozenset[str] | None = None
    quiet: Quiet = Quiet()

    @property
    def absent(self) -> dict[str, str]:
        """What it cannot tell, and why; "" when it can."""
        return {
            "longest call": self.no_singles,
            "RAM": self.no_ram,
            "whole loop": self.no_loop,
        }

    def quick(self) -> "Platform":
        """The same with as little as still tells something."""
        few = self.effort
        effort = replace(
            few, programs=1, loops=2, calls=max(100, few.calls // 20), singles=min(few.singles, 500)
        )
        return replace(self, effort=effort, events=min(self.events, 1000))


# The emulator asks the USB for news all the time, which a host does once in a ms: half of the
# processor's time goes there. The two registers of the NVIC take interrupt 5, USBCTRL, out and in.
_NO_USB = Quiet(
    setup="from machine import mem32\nOUT, IN = 0xE000E180, 0xE000E100\n",
    begin="mem32[OUT] = 32",
    end="mem32[IN] = 32",
)


def _rp2040(native: bool) -> Platform:
    return Platform(
        Rp2040.name,
        partial(Rp2040, native),
        Rp2040.why_not,
        repeatable=True,
        effort=Effort(programs=1, loops=5, calls=200, counted=100, singles=10000),
        events=10000,
        quiet=_NO_USB,
    )


PLATFORMS: tuple[Platform, ...] = (
    Platform(
        Microbit.name,
        partial(Microbit, icount_shift=6),
        Microbit.why_not,
        repeatable=True,
        effort=Effort(programs=4, loops=2, calls=200, counted=10, singles=10000),
        events=0,
        no_ram="no room for both modules while they are compiled",
        no_loop="no room for the pipeline",
        helpers=frozenset({"floor", "float_bucket"}),
    ),
    Platform(
        WebAssembly.name,
        WebAssembly,
        WebAssembly.why_not,
        repeatable=False,
        # Short loops, so that some of them run undisturbed on a busy machine.
        effort=Effort(programs=1, loops=200, calls=100, counted=1000, singles=0),
        events=100000,
        no_singles="the host interrupts it, and its clock is too coarse for one call",
    ),
    _rp2040(native=True),
    _rp2040(native=False),
)


def board(port: str) -> Platform:
    """The board at a port."""
    return Platform(
        port,
        partial(Port, port),
        Port.why_not,
        repeatable=True,
        effort=Effort(programs=1, loops=7, calls=2000, counted=100, singles=10000),
        events=100000,
    )
