"""Watermarks: raised at the high mark, lowered at the low one, told once each time."""

import pytest

from sluice import OVERWRITE, RecordRing, RingQueue


@pytest.fixture
def told():
    return []


@pytest.fixture
def queue(told):
    queue = RingQueue(8)
    queue.set_watermarks(6, 2, lambda ring, above: told.append((above, len(ring))))
    return queue


def fill(queue, depth):
    while len(queue) < depth:
        queue.try_put(len(queue))


def drain(queue, depth):
    while len(queue) > depth:
        queue.try_get()


def test_hysteresis_between_the_marks(queue, told):
    for depth, above in ((5, False), (6, True), (8, True)):
        fill(queue, depth)
        assert queue.above() is above
    for depth, above in ((3, True), (2, False), (0, False)):
        drain(queue, depth)
        assert queue.above() is above
    fill(queue, 5)
    assert not queue.above()
    assert told == [(True, 6), (False, 2)]


def test_clear_lowers(queue, told):
    fill(queue, 7)
    queue.clear()
    assert not queue.above()
    assert told == [(True, 6), (False, 0)]


def test_set_on_a_ring_that_is_above_already(told):
    queue = RingQueue(8)
    fill(queue, 7)
    queue.set_watermarks(6, 2)
    assert queue.above()


def test_an_overwriting_ring_stays_above_while_it_is_full(told):
    queue = RingQueue(4, "i", OVERWRITE)
    queue.set_watermarks(4, 1, lambda ring, above: told.append(above))
    for item in range(20):
        queue.try_put(item)
    assert queue.above()
    drain(queue, 1)
    assert not queue.above()
    assert told == [True, False]


def test_records_have_them_too(told):
    ring = RecordRing(2, 4)
    ring.set_watermarks(2, 0)
    ring.put(b"a", 1)
    assert not ring.above()
    ring.put(b"b", 1)
    assert ring.above()
    ring.release()
    ring.release()
    assert not ring.above()


def test_without_them_a_full_ring_is_not_above():
    queue = RingQueue(2)
    fill(queue, 2)
    assert not queue.above()


@pytest.mark.parametrize(
    ("high", "low", "words"),
    [
        (0, 0, "high must be from 1 to 8, not 0"),
        (9, 0, "high must be from 1 to 8, not 9"),
        (4, 4, "low must be from 0 to 3, not 4"),
        (4, -1, "low must be from 0 to 3, not -1"),
        (4, "0", "low must be an int"),
    ],
)
def test_wrong_marks_are_named(high, low, words):
    with pytest.raises((TypeError, ValueError), match=words):
        RingQueue(8).set_watermarks(high, low)
