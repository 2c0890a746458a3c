"""The ring queue that replaces the oldest when it is full, step by step."""

from sluice.queue.ring import OVERWRITE, RingQueue


def test_the_oldest_is_replaced_and_the_consumer_counts():
    queue = RingQueue(3, "H", OVERWRITE)
    for item in range(8):
        assert queue.try_put(item) is True
    assert (len(queue), queue.free()) == (3, 0)
    assert queue.peek() == 5
    assert queue.overwritten == 5
    for item in (5, 6, 7, None):
        assert queue.try_get() == item
    assert (queue.overwritten, queue.rejected, queue.high_water) == (5, 0, 3)


def test_of_a_single_slot_the_newest_stays():
    queue = RingQueue(1, None, OVERWRITE)
    for item in ("a", "b", "c"):
        assert queue.try_put(item) is True
        assert queue.peek() == item
    assert (queue.try_get(), queue.try_get(), queue.overwritten) == ("c", None, 2)


def test_release_tells_when_what_was_peeked_at_is_gone():
    queue = RingQueue(2, None, OVERWRITE)
    queue.try_put("a")
    queue.try_put("b")
    assert queue.peek() == "a"
    queue.try_put("c")
    assert queue.release() is False
    assert queue.overwritten == 1
    assert queue.release() is True
    assert (queue.try_get(), queue.try_get()) == ("c", None)


def test_a_limit_below_the_depth_drops_nothing():
    queue = RingQueue(5, "i", OVERWRITE)
    for item in range(5):
        queue.try_put(item)
    queue.set_limit(2)
    assert (len(queue), queue.free()) == (5, 0)
    assert queue.try_put(5) is True
    assert len(queue) == 5
    for item in (1, 2, 3, 4):
        assert queue.try_get() == item
    assert (queue.free(), queue.overwritten) == (1, 1)
    for item in (6, 7, 8):
        queue.try_put(item)
    assert (queue.try_get(), queue.try_get(), queue.try_get()) == (7, 8, None)
    assert queue.overwritten == 3


def test_clear_after_a_lap_leaves_an_empty_queue():
    queue = RingQueue(2, "b", OVERWRITE)
    for item in range(5):
        queue.try_put(item)
    queue.clear()
    assert (len(queue), queue.try_get(), queue.free()) == (0, None, 2)
    queue.try_put(9)
    assert (queue.peek(), len(queue)) == (9, 1)
