"""Readings of an analog input as records."""

from board_twin import Adc

from host_sim import TickClock
from sluice.flow.samples import Samples
from sluice.queue.records import RecordRing


def test_a_reading_has_its_tick_and_one_that_finds_no_room_is_counted():
    with TickClock(start=(1 << 30) - 1) as clock:
        ring, adc = RecordRing(2, 6, ticks=clock.ticks), Adc()
        samples = Samples(ring, adc, clock.ticks)
        for adc.value in (1, 65535, 7):
            samples.sample(None)
            clock.advance(1)
    found = []
    while (slot := ring.peek()) is not None:
        found.append(bytes(slot[: ring.peek_len()]))
        ring.release()
    assert found == [b"\xff\xff\xff\x3f\1\0", b"\0\0\0\0\xff\xff"]
    assert ring.rejected == 1
