"""CPython twins of a board's hardware: import this, then import from `sluice`.

`import host_sim` puts firmware/ on the path, gives the modules `time` and
`asyncio` what MicroPython has in them besides CPython's, and supplies `machine`
and `micropython`. Time is the host's own until a TickClock is put in its place.
"""

import asyncio
import sys
import time
from pathlib import Path

from host_sim import aio, clock, machine, micropython
from host_sim.clock import TickClock
from host_sim.strict import StrictInt

__all__ = ["StrictInt", "TickClock"]

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "firmware"  # in a wheel
FIRMWARE = _INSTALLED if _INSTALLED.is_dir() else _HERE.parent / "firmware"


def _install() -> None:
    sys.path.insert(0, str(FIRMWARE))
    sys.modules["machine"] = machine
    sys.modules["micropython"] = micropython
    micropython.install()
    for name in clock.TIME_FUNCTIONS:
        setattr(time, name, getattr(clock, name))
    for name in aio.ASYNCIO_NAMES:
        setattr(asyncio, name, getattr(aio, name))


_install()
