# SPDX-License-Identifier: MIT
"""Readings of an analog input as records in a ring."""

import time
from struct import pack_into

from micropython import const

SIZE = const(6)  # bytes of a record


class Samples:
    """Puts a record for each reading: its tick in 32 bits, and its value in 16, little-endian.

    A reading that the ring refuses is lost, and counted in `ring.rejected`. Ring slots hold 6 bytes
    or more.

    ring: a RecordRing.  adc: has `read_u16()`, as machine.ADC.  ticks: the ring's clock.

    Ownership: the only producer of the ring, and the only reader of the chip's converter; `sample`
    is called from one interrupt handler (hard ones too) or from the main loop.
    """

    def __init__(self, ring, adc, ticks=time.ticks_ms):
        self._ring = ring
        self._adc = adc
        self._ticks = ticks

    def sample(self, _=None) -> None:
        """Handler for a timer's interrupt. Hot."""
        slot = self._ring.claim()
        if slot is not None:
            pack_into("<IH", slot, 0, self._ticks(), self._adc.read_u16())
            self._ring.publish(SIZE)
