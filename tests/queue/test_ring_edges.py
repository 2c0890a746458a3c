"""The ring where an interrupt comes between reading its depth and believing it."""

import pytest

from sluice import OVERWRITE, RingQueue


class InterruptedQueue(RingQueue):
    """A queue in which an interrupt comes once, right after a chosen reading of its state."""

    after_len = None
    after_oldest = None

    def __len__(self):
        depth = super().__len__()
        handler, self.after_len = self.after_len, None
        if handler is not None:
            handler()
        return depth

    def _oldest(self):
        oldest = super()._oldest()
        handler, self.after_oldest = self.after_oldest, None
        if handler is not None:
            handler()
        return oldest


def fill(queue, depth):
    while len(queue) < depth:
        queue.try_put(depth)


def drain(queue, depth):
    while len(queue) > depth:
        queue.try_get()


@pytest.fixture
def told():
    return []


# The flag is two indices that differ in turns, so each case is tried after 0 and 1 earlier turns.
@pytest.fixture(params=[0, 1])
def queue(request, told):
    queue = InterruptedQueue(8)
    queue.set_watermarks(5, 2, lambda ring, above: told.append(above))
    for _ in range(request.param):
        fill(queue, 5)
        drain(queue, 0)
    told.clear()
    return queue


def test_each_turn_of_the_flag_is_told_once_and_counts_nothing_up(queue, told):
    for turn in range(4):
        fill(queue, 8)
        assert queue.above()
        drain(queue, 0)
        assert not queue.above()
        assert told == [True, False] * (turn + 1)
        assert {queue._raised, queue._lowered} <= {0, 1}


def test_clear_lowers_a_raised_flag_alone(queue, told):
    fill(queue, 4)
    queue.clear()
    assert told == []
    fill(queue, 5)
    queue.clear()
    assert not queue.above()
    assert told == [True, False]


@pytest.mark.parametrize(("left", "above"), [(3, True), (2, False), (1, False), (0, False)])
def test_an_interrupt_drains_the_ring_while_the_flag_rises(queue, told, left, above):
    fill(queue, 4)
    queue.after_len = lambda: drain(queue, left)
    queue.try_put(4)
    assert (len(queue), queue.above(), told) == (left, above, [True] * above)


@pytest.mark.parametrize(("depth", "above"), [(4, False), (5, True), (6, True), (8, True)])
def test_an_interrupt_fills_the_ring_while_the_flag_falls(queue, told, depth, above):
    fill(queue, 5)
    drain(queue, 3)
    queue.after_len = lambda: fill(queue, depth)
    queue.try_get()
    assert (len(queue), queue.above(), told) == (depth, above, [True] + [False] * (not above))
    assert {queue._raised, queue._lowered} <= {0, 1}
    drain(queue, 0)
    assert told == [True, False]


@pytest.mark.parametrize("before", [1, 2, 3, 100])
def test_the_depth_of_a_full_ring_stays_its_capacity_while_an_interrupt_overwrites(before):
    queue = InterruptedQueue(3, "i", OVERWRITE)
    queue._head = queue._floor = queue._tail = queue._wrap - before
    fill(queue, 3)
    queue.after_oldest = lambda: (queue.try_put(4), queue.try_put(5))
    assert len(queue) == 3


def test_a_consumer_that_looks_after_more_than_2_29_lost_items_finds_the_newest():
    queue = RingQueue(3, "i", OVERWRITE)
    for item in range(4):
        queue.try_put(item)
    away = 600_000_000 // 3 * 3  # as if so many more had been put
    queue._tail += away
    queue._floor += away
    assert len(queue) == 3
    assert [queue.try_get() for _ in range(4)] == [1, 2, 3, None]
    assert queue.overwritten == away + 1
