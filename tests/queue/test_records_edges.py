"""The record ring at the ends of a record's length, and where its indices start again."""

import pytest

from host_sim import TickClock
from sluice import OVERWRITE, REJECT, RecordRing


def test_put_copies_exactly_the_first_bytes():
    ring = RecordRing(2, 4)
    assert ring.put(b"abcd", 4) is True
    assert ring.put(b"xyz", 1) is True
    assert (bytes(ring.peek()), ring.peek_len()) == (b"abcd", 4)
    ring.release()
    assert (bytes(ring.peek()), ring.peek_len()) == (b"x\0\0\0", 1)


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
@pytest.mark.parametrize("n", [-1, 0, 5])
def test_put_of_a_wrong_length_touches_nothing_not_even_in_a_full_ring(overflow, n):
    ring = RecordRing(1, 4, overflow)
    for depth in (0, 1):
        assert ring.put(b"abcde", n) is False
        assert (len(ring), ring.rejected, ring.overwritten) == (depth, 0, 0)
        ring.put(b"kept", 4)
        assert bytes(ring.peek()) == b"kept"


def test_put_into_a_full_ring_is_refused_and_counted():
    ring = RecordRing(1, 4)
    ring.put(b"kept", 4)
    assert ring.put(b"more", 4) is False
    assert (ring.rejected, bytes(ring.peek())) == (1, b"kept")


def test_length_and_tick_of_a_record_are_there_when_the_indices_start_again():
    clock = TickClock(start=5)
    ring = RecordRing(3, 4, ticks=clock.ticks)
    ring._head = ring._floor = ring._tail = ring._wrap - 1
    ring.put(b"ab", 2)
    assert ring._tail < ring._head
    assert (ring.peek_len(), ring.peek_ticks()) == (2, 5)
