"""Runs on a board with hard timer interrupts: rings and buckets between handlers and the main loop.

Each function lets at least `count` interrupts happen, checks all that came through, and returns
their number. `guard` is None or an IrqGuard, for what is shared by more than its ownership rule
allows without one.
"""

import time

from machine import Timer

from sluice.bucket import TokenBucket
from sluice.records import RecordRing
from sluice.ring import OVERWRITE, REJECT, RingQueue

PRODUCER = 1 << 20  # items of producer p are p * PRODUCER + 0, 1, 2, ...


class Interrupts:
    """Calls handler.fire() from a timer; `fired` counts the calls."""

    def __init__(self, handler, frequency):
        self.handler = handler
        self.fired = 0
        self._callback = self._fire
        self._timer = Timer(freq=frequency, callback=self._callback, hard=True)

    def _fire(self, timer):
        self.fired += 1
        self.handler.fire()

    def stop(self):
        self._timer.deinit()


class Putter:
    """Puts the next item of its own; one that is refused is put again."""

    def __init__(self, queue, producer=0):
        self.queue = queue
        self.next = producer * PRODUCER

    def fire(self):
        if self.queue.try_put(self.next):
            self.next += 1


class Getter:
    """Takes an item; `wrong` counts those that are not the next."""

    def __init__(self, queue):
        self.queue = queue
        self.next = 0
        self.wrong = 0

    def fire(self):
        item = self.queue.try_get(-1)
        if item >= 0:
            if item != self.next:
                self.wrong += 1
            self.next = item + 1


class Recorder:
    """Puts records of 4 to 7 bytes, each of which is the number of the record modulo 256."""

    def __init__(self, ring):
        self.ring = ring
        self.next = 0

    def fire(self):
        slot = self.ring.claim()
        if slot is not None:
            number = self.next
            n = 4 + number % 4
            self.ring.publish(self.fill(slot, n, number & 255))
            self.next = number + 1

    def fill(self, slot, n, byte):
        at = 0
        while at < n:
            slot[at] = byte
            at += 1
        return n


class Taker:
    """Takes tokens one by one."""

    def __init__(self, bucket):
        self.bucket = bucket
        self.granted = 0

    def fire(self):
        if self.bucket.try_acquire():
            self.granted += 1


def queue_filled_by_interrupts(count, guard=None):
    queue = RingQueue(7, "i")
    putter = Putter(queue)
    interrupts = Interrupts(putter, 1000)
    got = 0
    while interrupts.fired < count:
        item = queue.try_get(-1)
        if item >= 0:
            assert item == got, (item, got)
            got += 1
            if got % 32 == 0:
                time.sleep_ms(10)  # to be full
    interrupts.stop()
    assert queue.rejected
    while len(queue):
        assert queue.try_get() == got
        got += 1
    assert got == putter.next, (got, putter.next)
    assert got + queue.rejected == interrupts.fired, (got, queue.rejected, interrupts.fired)
    return interrupts.fired


def queue_emptied_by_interrupts(count, guard=None):
    queue = RingQueue(7, "i")
    getter = Getter(queue)
    interrupts = Interrupts(getter, 900)
    put = 0
    while interrupts.fired < count:
        if queue.try_put(put):
            put += 1
    interrupts.stop()
    while len(queue):
        getter.fire()
    assert getter.wrong == 0, getter.wrong
    assert getter.next == put, (getter.next, put)
    return interrupts.fired


def overwriting_queue_filled_by_interrupts(count, guard=None):
    queue = RingQueue(5, "i", OVERWRITE)
    putter = Putter(queue)
    interrupts = Interrupts(putter, 1000)
    got = 0
    last = -1
    while interrupts.fired < count:
        item = queue.try_get(-1)
        if item >= 0:
            assert item > last, (item, last)
            last = item
            got += 1
            if got % 16 == 0:
                time.sleep_ms(8)  # to be lapped
    interrupts.stop()
    got += len(queue)
    while len(queue):
        item = queue.try_get()
        assert item > last, (item, last)
        last = item
    assert last == putter.next - 1, (last, putter.next)
    assert got + queue.overwritten == putter.next, (got, queue.overwritten, putter.next)
    assert queue.overwritten > 0
    return interrupts.fired


def records_filled_by_interrupts(count, guard=None):
    ring = RecordRing(5, 8)
    return read_records(count, ring)


def overwriting_records_filled_by_interrupts(count, guard=None):
    ring = RecordRing(5, 8, OVERWRITE)
    fired = read_records(count, ring)
    assert ring.overwritten > 0
    return fired


def read_records(count, ring):
    recorder = Recorder(ring)
    interrupts = Interrupts(recorder, 500)
    copy = bytearray(ring.size)
    got = passed = 0  # passed: those got and those overwritten
    while interrupts.fired < count or len(ring):
        if interrupts.fired >= count:
            interrupts.stop()
        view = ring.peek()
        if view is None:
            continue
        n = ring.peek_len()
        for at in range(n):
            copy[at] = view[at]
        if not ring.release():
            continue
        number = got + ring.overwritten
        assert n == 4 + number % 4, (n, number)
        for at in range(n):
            assert copy[at] == number & 255, (copy, n, number)
        got += 1
        if got % 16 == 0 and ring.overflow == OVERWRITE:
            time.sleep_ms(14)  # to be lapped
    interrupts.stop()
    assert got + ring.overwritten == recorder.next, (got, ring.overwritten, recorder.next)
    assert got + ring.overwritten + ring.rejected == interrupts.fired
    return interrupts.fired


def queue_filled_by_three(count, guard):
    """Two timers and the main loop put, the main loop gets."""
    queue = RingQueue(7, "i", REJECT, guard)
    putters = [Putter(queue, producer) for producer in range(3)]
    interrupts = [Interrupts(putter, 350 + 70 * i) for i, putter in enumerate(putters[1:])]
    expected = [producer * PRODUCER for producer in range(3)]
    while interrupts[0].fired + interrupts[1].fired < count:
        putters[0].fire()
        for _ in range(2):
            check_next(queue.try_get(-1), expected)
    for each in interrupts:
        each.stop()
    while len(queue):
        check_next(queue.try_get(), expected)
    assert expected == [putter.next for putter in putters], expected
    return interrupts[0].fired + interrupts[1].fired


def check_next(item, expected):
    if item >= 0:
        producer = item // PRODUCER
        assert item == expected[producer], (item, expected)
        expected[producer] += 1


def bucket_emptied_by_interrupts(count, guard=None):
    """The handler is the bucket's one owner; the main loop looks on."""
    bucket = TokenBucket(300, 5, 1000000, time.ticks_us)
    assert bucket.try_acquire(5)
    start = bucket.settled
    taker = Taker(bucket)
    interrupts = Interrupts(taker, 2000)
    while interrupts.fired < count:
        pass
    interrupts.stop()
    check_exact(bucket, start, taker.granted)
    return interrupts.fired


def bucket_shared_with_interrupts(count, guard):
    bucket = TokenBucket(300, 5, 1000000, time.ticks_us, guard)
    assert bucket.try_acquire(5)
    start = bucket.settled
    taker, main = Taker(bucket), Taker(bucket)
    interrupts = Interrupts(taker, 1500)
    while interrupts.fired < count:
        main.fire()
    interrupts.stop()
    assert taker.granted and main.granted
    check_exact(bucket, start, taker.granted + main.granted)
    return interrupts.fired


def check_exact(bucket, start, granted):
    """Demand was always waiting, so what was granted and what is left is all that was due."""
    left = bucket.tokens()
    elapsed = time.ticks_diff(bucket.settled, start)
    assert granted + left == elapsed * 3 // 10000, (granted, left, elapsed)
