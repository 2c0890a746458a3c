"""The ring queue where its indices start again, and where its counters end."""

from sluice.queue.ring import OVERWRITE, REJECT, RingQueue

SMALL_MAX = 0x3FFFFFFF


def near_the_wrap(capacity, overflow, before):
    """An empty queue that has passed all but `before` of its indices."""
    queue = RingQueue(capacity, "i", overflow)
    queue._head = queue._floor = queue._tail = queue._wrap - before
    return queue


def test_a_refusing_queue_passes_the_wrap():
    for capacity in (1, 3, 5):
        for before in (1, 2, 5):
            queue = near_the_wrap(capacity, REJECT, before)
            for start in (0, 10, 20):
                for item in range(capacity + 1):
                    assert queue.try_put(start + item) is (item < capacity)
                assert len(queue) == capacity
                for item in range(capacity):
                    assert queue.peek() == start + item
                    assert queue.try_get() == start + item
                assert (len(queue), queue.free()) == (0, capacity)


def test_an_overwriting_queue_passes_the_wrap():
    for capacity in (1, 3, 5):
        for before in (1, 2, 5, 7):
            queue = near_the_wrap(capacity, OVERWRITE, before)
            for item in range(9):
                assert queue.try_put(item) is True
                assert len(queue) == min(item + 1, capacity)
            for item in range(9 - capacity, 9):
                assert queue.try_get() == item
            assert (queue.try_get(), queue.overwritten) == (None, 9 - capacity)


def test_indices_stay_below_the_wrap_and_small():
    queue = near_the_wrap(3, OVERWRITE, 2)
    for item in range(8):
        queue.try_put(item)
        assert 0 <= queue._tail < queue._wrap <= SMALL_MAX
        assert 0 <= queue._floor < queue._wrap
    queue.try_get()
    assert 0 <= queue._head < queue._wrap


def test_rejected_ends_at_the_largest_small_integer():
    queue = RingQueue(1)
    queue.rejected = SMALL_MAX - 1
    for item in range(4):
        queue.try_put(item)
    assert queue.rejected == SMALL_MAX


def test_overwritten_ends_at_the_largest_small_integer():
    for lost in (1, 2, 3):
        queue = RingQueue(1, None, OVERWRITE)
        queue.overwritten = SMALL_MAX - 2
        for item in range(lost + 1):
            queue.try_put(item)
        queue.peek()
        assert queue.overwritten == SMALL_MAX - 2 + min(lost, 2)
