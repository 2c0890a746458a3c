"""A ring's watermarks: raised at the high one, lowered at the low one, told once each time."""

from sluice.queue.ring import OVERWRITE, RingQueue

told = []


def tell(ring, above):
    told.append(above)


def test_hysteresis_between_the_marks():
    told.clear()
    queue = RingQueue(8)
    queue.set_watermarks(6, 2, tell)
    for depth, above in ((5, 0), (6, 1), (8, 1), (3, 1), (2, 0), (0, 0), (5, 0), (6, 1), (0, 0)):
        while len(queue) < depth:
            queue.try_put(depth)
        while len(queue) > depth:
            queue.try_get()
        assert (depth, queue.above()) == (depth, above == 1)
    assert told == [True, False, True, False]


def test_release_and_clear_lower_too():
    told.clear()
    queue = RingQueue(4)
    queue.set_watermarks(2, 0, tell)
    for _ in range(2):
        queue.try_put("a")
        queue.try_put("b")
        assert queue.above()
        queue.clear()
        assert not queue.above()
    queue.try_put("a")
    queue.try_put("b")
    queue.release()
    assert queue.above()
    queue.release()
    assert not queue.above()
    assert told == [True, False] * 3


def test_an_overwriting_ring_stays_above_while_it_is_full():
    told.clear()
    queue = RingQueue(4, "i", OVERWRITE)
    queue.set_watermarks(4, 1, tell)
    for item in range(20):
        queue.try_put(item)
        assert queue.above() is (item >= 3)
    while queue.above():
        queue.try_get()
    assert len(queue) == 1
    assert told == [True, False]


def test_set_on_a_ring_that_is_above_already():
    told.clear()
    queue = RingQueue(3)
    for item in range(3):
        queue.try_put(item)
    assert not queue.above()
    queue.set_watermarks(3, 1, tell)
    assert queue.above()
    queue.set_watermarks(3, 1)
    queue.clear()
    assert not queue.above()
    assert told == [True]


def test_wrong_marks_are_named():
    queue = RingQueue(8)
    for high, low, error, words in (
        (0, 0, ValueError, "high must be from 1 to 8, not 0"),
        (9, 0, ValueError, "high must be from 1 to 8, not 9"),
        (4, 4, ValueError, "low must be from 0 to 3, not 4"),
        (4, -1, ValueError, "low must be from 0 to 3, not -1"),
        (4, "0", TypeError, "low must be an int from 0 to 3, not '0'"),
    ):
        try:
            queue.set_watermarks(high, low)
            said = None, ""
        except (TypeError, ValueError) as refusal:
            said = type(refusal), str(refusal)
        assert said == (error, words)
