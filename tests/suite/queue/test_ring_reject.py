"""The ring queue that refuses when it is full, step by step."""

from sluice.queue.ring import RingQueue


def test_every_slot_is_used_and_a_full_queue_refuses():
    for capacity in (1, 2, 3, 7):
        queue = RingQueue(capacity)
        for item in range(capacity):
            assert (len(queue), queue.free()) == (item, capacity - item)
            assert queue.try_put(item) is True
        assert queue.try_put("more") is False
        assert (len(queue), queue.free()) == (capacity, 0)
        assert (queue.rejected, queue.overwritten, queue.high_water) == (1, 0, capacity)
        for item in range(capacity):
            assert queue.try_get() == item
        assert (len(queue), queue.free()) == (0, capacity)


def test_empty_gives_the_default():
    for queue in (RingQueue(1), RingQueue(1, "i")):
        assert queue.try_get() is None
        assert queue.try_get(-1) == -1
        assert queue.peek() is None
        assert queue.peek("none") == "none"
        assert queue.release() is False
        assert len(queue) == 0


def test_peek_leaves_and_release_drops():
    queue = RingQueue(2)
    queue.try_put("a")
    queue.try_put("b")
    assert (queue.peek(), queue.peek(), len(queue)) == ("a", "a", 2)
    assert queue.release() is True
    assert (queue.peek(), len(queue)) == ("b", 1)
    assert queue.try_get() == "b"
    assert queue.release() is False


def test_order_is_kept_round_and_round():
    queue = RingQueue(3, "h")
    put = got = 0
    for burst in (1, 3, 2, 3, 1, 2, 3, 3):
        for _ in range(burst):
            put += queue.try_put(put)
        while put - got > burst % 2:
            assert queue.try_get() == got
            got += 1
    assert (put, queue.rejected, queue.high_water) == (16, 2, 3)


def test_a_limit_below_the_depth_drops_nothing():
    queue = RingQueue(5)
    for item in range(5):
        queue.try_put(item)
    queue.set_limit(2)
    assert (len(queue), queue.limit, queue.free(), queue.capacity) == (5, 2, 0, 5)
    for item in range(4):
        assert queue.try_put("more") is False
        assert queue.try_get() == item
    assert (len(queue), queue.free(), queue.rejected) == (1, 1, 4)
    assert queue.try_put(5) is True
    assert queue.try_put("more") is False
    queue.set_limit(5)
    assert queue.free() == 3


def test_clear_drops_everything_uncounted():
    queue = RingQueue(2)
    queue.try_put(1)
    queue.clear()
    assert (len(queue), queue.try_get(), queue.overwritten, queue.rejected) == (0, None, 0, 0)
    assert (queue.try_put(2), queue.try_put(3), queue.try_put(4)) == (True, True, False)
    queue.clear()
    queue.clear()
    assert (len(queue), queue.free()) == (0, 2)
