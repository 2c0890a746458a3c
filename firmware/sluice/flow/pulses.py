# SPDX-License-Identifier: MIT
"""Events without content, from a timer or a pin, as records in a ring."""

import time
from struct import pack_into

from micropython import const

from sluice.kernels import kernel

SIZE = const(8)  # bytes of a record

_SMALL_MAX = const((1 << 30) - 1)


class Pulses:
    """Puts a record for each event: its number and its tick, 32 bits each, little-endian.

    The number counts from 0, also events that the ring refused, so that a gap
    shows them; it starts again after 2^30 - 1. Ring slots hold 8 bytes or more.

    Ownership: the only producer of the ring; `pulse` is called from one
    interrupt handler (hard ones too) or from the main loop.
    """

    def __init__(self, ring, ticks=time.ticks_ms):
        self._ring = ring
        self._ticks = ticks
        self._number = 0

    def pulse(self, _=None) -> None:
        """Handler for a timer's or a pin's interrupt. Hot.

        32 us on an RP2040 (docs/speed.md), if the ring has the same clock and no guard.
        """
        number = self._number
        slot = self._ring.claim()
        if slot is not None:
            pack_into("<II", slot, 0, number, self._ticks())
            self._ring.publish(SIZE)
        self._number = number + 1 if number != _SMALL_MAX else 0


Pulses = kernel("flow.pulses", "Pulses", Pulses)
