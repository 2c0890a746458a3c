"""The ring queue against a deque, over random operations; and items that do not fit."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice import OVERWRITE, REJECT, RingQueue
from sluice.queue.limits import WHOLE, limits_of

SMALL_MAX = (1 << 30) - 1


def near_the_wrap(queue, before=2):
    """Moves the indices of an empty queue to just before they start again."""
    queue._head = queue._floor = queue._tail = queue._wrap - before
    return queue


def test_an_item_that_does_not_fit_the_typecode_is_not_put():
    queue = RingQueue(2, "b")
    with pytest.raises(OverflowError):
        queue.try_put(1000)
    with pytest.raises(TypeError):
        queue.try_put("x")
    assert len(queue) == 0
    assert queue.try_put(5) and queue.try_get() == 5


class Model:
    """What a queue does, in a deque."""

    def __init__(self, capacity, overflow):
        self.items = deque()
        self.limits = {"user": capacity, "controller": capacity}
        self.part = WHOLE
        self.overflow = overflow
        self.lost = self.rejected = self.high_water = 0

    @property
    def limit(self):
        return max(1, min(self.limits.values()) * self.part // WHOLE)

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
    st.tuples(st.sampled_from(["user", "controller", "fleet"]), st.integers(1, 7)),
    st.tuples(st.just("peek"), st.just(1)),
    st.tuples(st.just("clear"), st.just(1)),
)


@settings(max_examples=300, derandomize=True)
@given(
    st.integers(1, 6),
    st.sampled_from([REJECT, OVERWRITE]),
    st.integers(0, 12),
    st.lists(steps, max_size=60),
)
def test_agrees_with_a_deque_across_the_wrap_of_its_indices(capacity, overflow, before, script):
    queue = near_the_wrap(RingQueue(capacity, "i", overflow), before + 1)
    model = Model(capacity, overflow)
    named = limits_of(queue)
    limits = {"user": queue.set_limit, "controller": named.adapt}
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
            elif operation == "fleet":
                model.part = WHOLE * count // 7
                named.throttle(model.part)
            else:
                limits[operation](min(count, capacity) if operation == "user" else count)
                model.limits[operation] = min(count, capacity)
            limit = model.limit
            assert queue.limit == limit
            assert len(queue) == len(model.items)
            assert queue.free() == max(0, limit - len(model.items))
            assert queue.rejected == model.rejected
            assert queue.high_water == model.high_water
            assert 0 <= queue._tail < queue._wrap <= SMALL_MAX
