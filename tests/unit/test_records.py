"""The record ring: claim, publish, peek, release, and records that are overwritten."""

import pytest

from host_sim import TickClock
from sluice import OVERWRITE, RecordRing


def put(ring, record):
    slot = ring.claim()
    if slot is None:
        return False
    slot[: len(record)] = record
    return ring.publish(len(record))


def take(ring):
    view = ring.peek()
    if view is None:
        return None
    record = bytes(view[: ring.peek_len()])
    return record if ring.release() else "torn"


def test_records_come_out_as_they_went_in_without_a_copy():
    ring = RecordRing(2, 8)
    assert put(ring, b"one") and put(ring, b"12345678") and not put(ring, b"no")
    assert (len(ring), ring.rejected) == (2, 1)
    assert ring.peek() is ring.peek()
    assert ring.peek_len() == 3
    assert [take(ring), take(ring), take(ring)] == [b"one", b"12345678", None]
    assert ring.peek_len() == ring.peek_ticks() == 0


def test_a_claim_that_is_not_published_puts_nothing():
    ring = RecordRing(2, 4)
    view = ring.claim()
    assert ring.claim() is view
    assert len(ring) == 0
    assert ring.publish(1) and len(ring) == 1


@pytest.mark.parametrize("n", [0, -1, 5])
def test_publish_refuses_a_length_outside_the_slot(n):
    ring = RecordRing(2, 4)
    ring.claim()
    assert not ring.publish(n)
    assert len(ring) == 0
    assert ring.publish(4)


def test_publish_without_a_claim_puts_nothing():
    ring = RecordRing(1, 4)
    assert not ring.publish(1)
    assert put(ring, b"a") and not ring.publish(1)
    assert ring.claim() is None and not ring.publish(1)
    assert len(ring) == 1


def test_records_carry_the_tick_of_their_publication():
    clock = TickClock(start=(1 << 30) - 1)
    ring = RecordRing(3, 4, ticks=clock.ticks)
    put(ring, b"a")
    clock.advance(2)
    put(ring, b"b")
    assert ring.peek_ticks() == (1 << 30) - 1
    ring.release()
    assert ring.peek_ticks() == 1


def test_a_record_overwritten_between_peek_and_release_is_told():
    ring = RecordRing(2, 4, OVERWRITE)
    put(ring, b"a")
    put(ring, b"bb")
    view = ring.peek()
    for record in (b"ccc", b"dddd"):
        put(ring, record)
    assert bytes(view[:1]) == b"c"  # the slot holds another record now
    assert ring.peek_len() in (3, 1)
    assert ring.release() is False
    assert ring.overwritten == 2
    assert [take(ring), take(ring), take(ring)] == [b"ccc", b"dddd", None]


def test_a_claim_in_a_full_overwriting_ring_gives_up_the_oldest_at_once():
    ring = RecordRing(2, 4, OVERWRITE)
    put(ring, b"a")
    put(ring, b"b")
    ring.claim()
    assert len(ring) == 1
    assert take(ring) == b"b"
    assert ring.overwritten == 1
    ring.publish(2)
    assert len(ring) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 4), ValueError, "slots must be from 1 to 536870911, not 0"),
        ((4, 0), ValueError, "size must be from 1 to 65535, not 0"),
        ((4, 65536), ValueError, "size must be from 1 to 65535"),
        ((4, None), TypeError, "size must be an int"),
        ((4, 4, "reject"), ValueError, "overflow must be REJECT or OVERWRITE, not 'reject'"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        RecordRing(*arguments)
