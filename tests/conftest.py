"""On CPython the clock of tests/suite has ticks that raise when they leave 31 bits."""

from functools import partial

import clock

from host_sim import TickClock

clock.Clock = partial(TickClock, strict=True)
