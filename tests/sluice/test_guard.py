"""Guards: entered and left around each method, once, also when the method raises."""

import threading

import machine
import pytest

from host_sim import TickClock
from sluice import OVERWRITE, REJECT, RecordRing, RingQueue, TokenBucket
from sluice.guard import IrqGuard, LockGuard


@pytest.fixture
def switched(monkeypatch):
    """The state of the interrupts: what was done to them, and whether they are on."""
    log = []
    monkeypatch.setattr(machine, "disable_irq", lambda: log.append("off") or len(log))
    monkeypatch.setattr(machine, "enable_irq", lambda state: log.append(("on", state)))
    return log


def calls_of(bucket, queue, records):
    yield "bucket", bucket.try_acquire, (), True
    yield "bucket", bucket.try_acquire, (2,), True
    yield "bucket", bucket.wait_ticks, (), 0
    yield "bucket", bucket.reserve, (3,), 0
    yield "bucket", bucket.reserve, (4, 0), 0
    yield "bucket", bucket.reserve, (9, 0), -1
    yield "bucket", bucket.acquire_up_to, (5,), 0
    yield "bucket", bucket.cancel, (10,), None
    yield "bucket", bucket.tokens, (), 10
    yield "bucket", bucket.refill, (), None
    yield "bucket", bucket.set_rate, (5,), None
    yield "bucket", bucket.set_burst, (9,), None
    yield "bucket", bucket.reset, (), None
    yield "queue", queue.try_put, (7,), True
    yield "queue", queue.peek, (), 7
    yield "queue", queue.free, (), 3
    yield "queue", queue.try_get, (), 7
    yield "queue", queue.try_get, ("none",), "none"
    yield "queue", queue.release, (), False
    yield "queue", queue.set_limit, (3,), None
    yield "queue", queue.clear, (), None
    yield "records", records.put, (b"abc", 3), True
    yield "records", records.free, (), 1
    yield "records", records.release, (), True


def guarded_objects(guard):
    return (
        TokenBucket(10, 10, 1000, TickClock(strict=True).ticks, guard),
        RingQueue(4, "H", REJECT, guard),
        RecordRing(2, 8, guard=guard),
    )


def test_each_method_runs_with_interrupts_off_once(switched):
    for name, method, arguments, expected in calls_of(*guarded_objects(IrqGuard())):
        switched.clear()
        assert method(*arguments) == expected, (name, method, arguments)
        assert switched == ["off", ("on", 1)]


def test_methods_do_not_lock_twice():
    for name, method, arguments, expected in calls_of(*guarded_objects(LockGuard())):
        assert method(*arguments) == expected, (name, method, arguments)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("try_acquire", ("1",)),
        ("wait_ticks", (None,)),
        ("reserve", (1, "x")),
        ("reserve", ("1",)),
        ("cancel", ("1",)),
        ("set_rate", (-1,)),
        ("set_burst", ("x",)),
        ("try_put", (70_000,)),
        ("try_put", ("x",)),
        ("set_limit", (0,)),
        ("put", (b"ab", 3)),
        ("put", (b"ab", "2")),
        ("try_get", (1, 2)),
    ],
)
def test_a_wrong_argument_leaves_the_interrupts_on(switched, method, arguments):
    objects = guarded_objects(IrqGuard())
    target = next(each for each in reversed(objects) if hasattr(each, method))
    if method == "put":
        target = objects[2]
    with pytest.raises((TypeError, ValueError, OverflowError, IndexError)):
        getattr(target, method)(*arguments)
    assert switched.count("off") == len(switched) - switched.count("off")
    switched.clear()
    assert objects[0].try_acquire() and objects[1].try_put(1) and len(objects[1]) == 1


def test_amounts_that_need_nothing_do_not_touch_the_interrupts(switched):
    bucket, _, _ = guarded_objects(IrqGuard())
    assert bucket.try_acquire(0) and bucket.wait_ticks(-1) == 0
    assert switched == []


def test_a_guarded_object_ring_lets_go_of_what_was_taken():
    for guard, held in ((None, 1), (LockGuard(), 0)):
        queue = RingQueue(2, None, OVERWRITE, guard)
        item = object()
        queue.try_put(item)
        assert queue.try_get() is item
        assert queue._slots.count(item) == held


def test_a_lock_of_ones_own_can_be_shared():
    lock = threading.Lock()
    bucket, queue, _ = guarded_objects(LockGuard(lock))
    with lock:
        thread = threading.Thread(target=lambda: queue.try_put(bucket.tokens()))
        thread.start()
        assert len(queue) == 0
    thread.join()
    assert queue.try_get() == 10
