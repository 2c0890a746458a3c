"""The ring queue: case by case, and against a deque over random operations."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice import OVERWRITE, REJECT, RingQueue

SMALL_MAX = (1 << 30) - 1


def near_the_wrap(queue, before=2):
    """Moves the indices of an empty queue to just before they start again."""
    queue._head = queue._floor = queue._tail = queue._wrap - before
    return queue


def test_every_slot_is_used_and_a_full_queue_refuses():
    queue = RingQueue(3)
    assert [queue.try_put(item) for item in "abcd"] == [True, True, True, False]
    assert (len(queue), queue.free(), queue.rejected, queue.high_water) == (3, 0, 1, 3)
    assert [queue.try_get() for _ in range(4)] == ["a", "b", "c", None]
    assert (len(queue), queue.free(), queue.overwritten) == (0, 3, 0)


def test_empty_gives_the_default():
    queue = RingQueue(1, "i")
    assert queue.try_get() is None
    assert queue.try_get(-1) == -1
    assert queue.peek("none") == "none"
    assert queue.release() is False


def test_peek_leaves_and_release_drops():
    queue = RingQueue(2)
    queue.try_put("a")
    queue.try_put("b")
    assert queue.peek() == queue.peek() == "a"
    assert queue.release() is True
    assert queue.try_get() == "b"


def test_overwrite_replaces_the_oldest_and_the_consumer_counts():
    queue = RingQueue(3, "H", OVERWRITE)
    assert all(queue.try_put(item) for item in range(8))
    assert len(queue) == 3
    assert queue.peek() == 5
    assert queue.overwritten == 5
    assert [queue.try_get() for _ in range(4)] == [5, 6, 7, None]
    assert (queue.overwritten, queue.rejected, queue.high_water) == (5, 0, 3)


def test_release_tells_when_what_was_peeked_at_is_gone():
    queue = RingQueue(2, None, OVERWRITE)
    queue.try_put("a")
    queue.try_put("b")
    assert queue.peek() == "a"
    queue.try_put("c")
    assert queue.release() is False
    assert queue.overwritten == 1
    assert [queue.try_get() for _ in range(3)] == ["b", "c", None]


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
def test_limit_below_the_depth_drops_nothing(overflow):
    queue = RingQueue(5, None, overflow)
    for item in range(5):
        queue.try_put(item)
    queue.set_limit(2)
    assert (len(queue), queue.limit, queue.free(), queue.capacity) == (5, 2, 0, 5)
    assert queue.try_put(5) is (overflow == OVERWRITE)
    assert len(queue) == 5
    assert queue.try_get() == (1 if overflow == OVERWRITE else 0)
    while len(queue) > 1:
        queue.try_get()
    assert queue.free() == 1
    assert queue.try_put(6)
    assert len(queue) == 2
    assert queue.try_put(7) is (overflow == OVERWRITE)
    assert len(queue) == 2


def test_clear_drops_everything_uncounted():
    queue = RingQueue(2)
    queue.try_put(1)
    queue.clear()
    assert (len(queue), queue.try_get(), queue.overwritten, queue.rejected) == (0, None, 0, 0)
    assert queue.try_put(2) and queue.try_put(3) and not queue.try_put(4)


@pytest.mark.parametrize("typecode", list("bBhHil"))
def test_typecodes_hold_their_ends(typecode):
    low, high = {
        "b": (-128, 127),
        "B": (0, 255),
        "h": (-32768, 32767),
        "H": (0, 65535),
    }.get(typecode, (-(1 << 30), SMALL_MAX))
    queue = RingQueue(2, typecode)
    queue.try_put(low)
    queue.try_put(high)
    assert (queue.try_get(), queue.try_get()) == (low, high)


def test_an_item_that_does_not_fit_the_typecode_is_not_put():
    queue = RingQueue(2, "b")
    with pytest.raises(OverflowError):
        queue.try_put(1000)
    with pytest.raises(TypeError):
        queue.try_put("x")
    assert len(queue) == 0
    assert queue.try_put(5) and queue.try_get() == 5


def test_counters_stop_at_the_largest_small_integer():
    queue = RingQueue(1)
    queue.rejected = SMALL_MAX - 1
    for item in range(4):
        queue.try_put(item)
    assert queue.rejected == SMALL_MAX
    queue = RingQueue(1, None, OVERWRITE)
    queue.overwritten = SMALL_MAX - 2
    for item in range(6):
        queue.try_put(item)
    queue.peek()
    assert queue.overwritten == SMALL_MAX


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0,), ValueError, "capacity must be from 1 to 536870911, not 0"),
        ((1 << 29,), ValueError, "capacity must be from 1 to"),
        (("8",), TypeError, "capacity must be an int from 1 to 536870911, not '8'"),
        ((8, "f"), ValueError, "typecode must be one of b B h H i l, or None, not 'f'"),
        ((8, "bB"), ValueError, "typecode"),
        ((8, ""), ValueError, "typecode"),
        ((8, 5), ValueError, "typecode"),
        ((8, None, 2), ValueError, "overflow must be REJECT or OVERWRITE, not 2"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        RingQueue(*arguments)


@pytest.mark.parametrize("limit", [0, 5, -1, 1.0, None])
def test_a_wrong_limit_is_named_and_changes_nothing(limit):
    queue = RingQueue(4)
    with pytest.raises((TypeError, ValueError), match="limit must be .*from 1 to 4, not"):
        queue.set_limit(limit)
    assert queue.limit == 4


class Model:
    """What a queue does, in a deque."""

    def __init__(self, capacity, overflow):
        self.items = deque()
        self.limit = self.capacity = capacity
        self.overflow = overflow
        self.lost = self.rejected = self.high_water = 0

    def put(self, item):
        if len(self.items) >= self.limit:
            if self.overflow == REJECT:
                self.rejected += 1
                return False
            self.items.popleft()
            self.lost += 1
        self.items.append(item)
        self.high_water = max(self.high_water, len(self.items))
        return True

    def get(self):
        return self.items.popleft() if self.items else None

    def peek(self):
        return self.items[0] if self.items else None


steps = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 9)),
    st.tuples(st.just("get"), st.integers(1, 9)),
    st.tuples(st.just("limit"), st.integers(1, 6)),
    st.tuples(st.just("peek"), st.just(1)),
    st.tuples(st.just("clear"), st.just(1)),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.integers(1, 6),
    st.sampled_from([REJECT, OVERWRITE]),
    st.integers(0, 12),
    st.lists(steps, max_size=60),
)
def test_agrees_with_a_deque_across_the_wrap_of_its_indices(capacity, overflow, before, script):
    queue = near_the_wrap(RingQueue(capacity, "i", overflow), before + 1)
    model = Model(capacity, overflow)
    number = 0
    for operation, count in script:
        for _ in range(count if operation in ("put", "get") else 1):
            if operation == "put":
                number += 1
                assert queue.try_put(number) == model.put(number)
            elif operation == "get":
                assert queue.try_get() == model.get()
                assert queue.overwritten == model.lost
            elif operation == "peek":
                assert queue.peek() == model.peek()
            elif operation == "clear":
                queue.clear()
                model.items.clear()
                model.lost = queue.overwritten
            elif count <= capacity:
                queue.set_limit(count)
                model.limit = count
            assert len(queue) == len(model.items)
            assert queue.free() == max(0, model.limit - len(model.items))
            assert queue.rejected == model.rejected
            assert queue.high_water == model.high_water
            assert 0 <= queue._tail < queue._wrap <= SMALL_MAX
