"""Threads on guarded rings and buckets, switched as often as CPython can.

--long runs millions of operations, otherwise it is a short run of the same.
"""

import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from host_sim import TickClock
from sluice.guard import LockGuard
from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT, RingQueue

ITEMS = 10_000  # of each producer in a round
PRODUCERS = 3
CONSUMERS = 3

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def rounds(long):
    return range(40 if long else 1)


@pytest.fixture(autouse=True)
def switch_at_every_chance():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the least it can do
    yield
    sys.setswitchinterval(usual)


class NoLock:
    """The planted defect."""

    def acquire(self):
        pass

    def release(self):
        pass


def together(*functions):
    """Run the functions in threads that start at once; their results."""
    start = threading.Barrier(len(functions))

    def run(function):
        start.wait(10)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


class Round:
    """Producers and consumers of numbered items."""

    def __init__(self, consumers):
        self.moment = itertools.count()  # next() of it is one step for all threads
        self.producing = [None] * PRODUCERS
        self.consuming = [None] * consumers

    def produce(self, name, put):
        """Put all items, again when refused: (item, begun, ended) of each, and the refusals."""
        try:
            return self._put_all(range(name * ITEMS, (name + 1) * ITEMS), put)
        finally:
            self.producing.pop()

    def _put_all(self, items, put):
        accepted, refused = [], 0
        for item in items:
            deadline = time.monotonic() + 100
            while True:
                begun = next(self.moment)
                if put(item):
                    break
                refused += 1
                assert self.consuming and time.monotonic() < deadline, "the ring stays full"
                time.sleep(0)
            accepted.append((item, begun, next(self.moment)))
        return accepted, refused

    def consume(self, get):
        """Take what comes until the producers are done: (item, begun, ended) of each."""
        try:
            return self._take_all(get)
        finally:
            self.consuming.pop()

    def _take_all(self, get):
        taken = []
        while True:
            done = not self.producing
            begun = next(self.moment)
            item = get()
            if item is not None:
                taken.append((item, begun, next(self.moment)))
                assert len(taken) <= PRODUCERS * ITEMS, "more came out than went in"
            elif done:
                return taken
            else:
                time.sleep(0)


def assert_first_in_first_out(put, taken):
    """No item may be taken before one whose put had ended when its own began."""
    put_when = {item: when for item, *when in put}
    by_put_end = sorted((put_when[item][1], begun) for item, begun, _ in taken)
    latest_get = at = 0
    for item, _, ended in sorted(taken, key=lambda each: put_when[each[0]][0]):
        while at < len(by_put_end) and by_put_end[at][0] < put_when[item][0]:
            latest_get = max(latest_get, by_put_end[at][1])
            at += 1
        assert latest_get < ended, f"item {item} came before one that was put earlier"


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def hammer_queue(typecode, guard):
    queue = RingQueue(7, typecode, REJECT, guard)
    a_round = Round(CONSUMERS)
    results = together(
        *(lambda name=name: a_round.produce(name, queue.try_put) for name in range(PRODUCERS)),
        *(lambda: a_round.consume(queue.try_get) for _ in range(CONSUMERS)),
    )
    put = flat(accepted for accepted, _ in results[:PRODUCERS])
    taken = flat(results[PRODUCERS:])
    assert sorted(item for item, *_ in taken) == list(range(PRODUCERS * ITEMS))
    assert queue.rejected == sum(refused for _, refused in results[:PRODUCERS])
    assert len(queue) == 0 and queue.free() == 7 and 0 < queue.high_water <= 7
    assert_first_in_first_out(put, taken)


def hammer_records(overflow, guard):
    """Several producers and one consumer, which reads in place."""
    ring = RecordRing(5, 12, overflow, guard=guard)
    a_round = Round(1)

    def put(item):
        return ring.put(item.to_bytes(4, "little") * 3, 4 * (item % 3 + 1))

    def get():
        while (view := ring.peek()) is not None:
            record = bytes(view[: ring.peek_len()])
            if ring.release():
                item = int.from_bytes(record[:4], "little")
                assert record == record[:4] * (item % 3 + 1), "a torn record"
                return item
        return None

    results = together(
        *(lambda name=name: a_round.produce(name, put) for name in range(PRODUCERS)),
        lambda: a_round.consume(get),
    )
    put_items = flat(accepted for accepted, _ in results[:PRODUCERS])
    taken = results[PRODUCERS]
    items = [item for item, *_ in taken]
    assert len(set(items)) == len(items), "a record came twice"
    assert len(items) + ring.overwritten == PRODUCERS * ITEMS
    assert ring.rejected == sum(refused for _, refused in results[:PRODUCERS])
    assert overflow == OVERWRITE or ring.overwritten == 0
    assert len(ring) == 0
    assert_first_in_first_out(put_items, taken)


def hammer_bucket(guard):
    """Time passes only when somebody is denied, so nothing is ever earned in vain."""
    start = (1 << 30) - ITEMS
    clock = TickClock(start)
    moving = threading.Lock()
    passed = 0
    bucket = TokenBucket(5, 50, 7, clock.ticks, guard)

    def demand(n):
        nonlocal passed
        granted = 0
        for _ in range(ITEMS):
            if bucket.try_acquire(n):
                granted += n
            else:
                with moving:
                    clock.advance(1)
                    passed += 1
        return granted

    granted = sum(together(*(lambda n=n: demand(n) for n in (1, 2, 3, 1))))
    assert bucket.tokens() == 50 + passed * 5 // 7 - granted


@pytest.mark.parametrize("typecode", ["i", None])
def test_a_queue_with_several_producers_and_consumers(typecode, rounds):
    for _ in rounds:
        hammer_queue(typecode, LockGuard())


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
def test_records_from_several_producers(overflow, rounds):
    for _ in rounds:
        hammer_records(overflow, LockGuard())


def test_a_bucket_grants_exactly_what_is_due(rounds):
    for _ in rounds:
        hammer_bucket(LockGuard())


@pytest.mark.parametrize(
    "hammer",
    [
        lambda guard: hammer_queue("i", guard),
        lambda guard: hammer_records(REJECT, guard),
        hammer_bucket,
    ],
    ids=["queue", "records", "bucket"],
)
def test_a_guard_that_does_not_lock_is_found(hammer):
    with pytest.raises((AssertionError, KeyError)):
        for _ in range(50):
            hammer(LockGuard(NoLock()))
