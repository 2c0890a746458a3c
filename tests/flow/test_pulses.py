"""Pulses: events of a timer or a pin as numbered records."""

import struct

import machine

from host_sim import TickClock
from sluice import RecordRing
from sluice.flow.pulses import Pulses


def test_a_timer_of_the_twin_puts_numbered_records_at_their_ticks():
    with TickClock(start=(1 << 30) - 15, strict=True) as clock:
        ring = RecordRing(4, 8, ticks=clock.ticks)
        pulses = Pulses(ring, clock.ticks)
        machine.Timer(period=10, callback=pulses.pulse)
        clock.advance(35)
    found = []
    while (view := ring.peek()) is not None:
        assert ring.peek_len() == 8
        found.append(struct.unpack("<II", view[:8]))
        ring.release()
    assert found == [(0, (1 << 30) - 5), (1, 5), (2, 15)]


def test_a_refused_pulse_leaves_a_gap_in_the_numbers():
    ring = RecordRing(1, 8)
    pulses = Pulses(ring)
    for _ in range(3):
        pulses.pulse()
    ring.release()
    pulses.pulse()
    assert struct.unpack("<I", ring.peek()[:4])[0] == 3
    assert ring.rejected == 2


def test_numbers_start_again_after_the_largest_small_integer():
    ring = RecordRing(2, 8)
    pulses = Pulses(ring)
    pulses._number = (1 << 30) - 1
    pulses.pulse()
    assert pulses._number == 0
