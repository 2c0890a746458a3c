"""Runs on a board with hard timer interrupts: rings and buckets between handlers and the main loop.

Each function lets at least `count` interrupts happen, checks all that came through, and returns
how many there were. `guard` is an IrqGuard, where more share an object than may without one.
"""

import time

from machine import Timer

from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT, RingQueue

PRODUCER = 1 << 20  # items of producer p are p * PRODUCER + 0, 1, 2, ...


class Handler:
    """`fire` runs in a hard interrupt, from start to stop, and counts itself."""

    timers = []  # all that were started

    def __init__(self):
        self.fired = 0

    def start(self, frequency):
        self._timer = Timer(freq=frequency, callback=self.fire, hard=True)
        self.timers.append(self._timer)

    def stop(self):
        self._timer.deinit()


def stop_all():
    """Stop what a failed check has left running, before the next program comes."""
    while Handler.timers:
        Handler.timers.pop().deinit()


class Putter(Handler):
    """Puts the next item of its own; one that is refused is put again."""

    def __init__(self, queue, producer=0):
        Handler.__init__(self)
        self.queue = queue
        self.next = producer * PRODUCER

    def fire(self, timer):
        self.fired += 1
        if self.queue.try_put(self.next):
            self.next += 1


class Getter(Handler):
    """Takes an item; `wrong` counts those that are not the next."""

    def __init__(self, queue):
        Handler.__init__(self)
        self.queue = queue
        self.next = 0
        self.wrong = 0

    def fire(self, timer):
        self.fired += 1
        item = self.queue.try_get(-1)
        if item >= 0:
            if item != self.next:
                self.wrong += 1
            self.next = item + 1


class Recorder(Handler):
    """Puts records of 4 to 7 bytes, each of which is the number of the record modulo 256."""

    def __init__(self, ring):
        Handler.__init__(self)
        self.ring = ring
        self.next = 0

    def fire(self, timer):
        self.fired += 1
        slot = self.ring.claim()
        if slot is not None:
            at = n = 4 + self.next % 4
            while at:
                at -= 1
                slot[at] = self.next & 255
            self.ring.publish(n)
            self.next += 1


class Taker(Handler):
    """Takes tokens one by one."""

    def __init__(self, bucket):
        Handler.__init__(self)
        self.bucket = bucket
        self.granted = 0

    def fire(self, timer):
        self.fired += 1
        if self.bucket.try_acquire():
            self.granted += 1


def queue_filled_by_interrupts(count):
    queue = RingQueue(7, "i")
    putter = Putter(queue)
    putter.start(1200)
    got = 0
    while putter.fired < count:
        item = queue.try_get(-1)
        if item >= 0:
            assert item == got, (item, got)
            got += 1
            if got % 32 == 0:
                time.sleep_ms(8)  # so that it becomes full
    putter.stop()
    while len(queue):
        assert queue.try_get() == got
        got += 1
    assert queue.rejected
    assert got == putter.next, (got, putter.next)
    assert got + queue.rejected == putter.fired, (got, queue.rejected, putter.fired)
    return putter.fired


def queue_emptied_by_interrupts(count):
    queue = RingQueue(7, "i")
    getter = Getter(queue)
    getter.start(1100)
    put = 0
    while getter.fired < count:
        if queue.try_put(put):
            put += 1
    getter.stop()
    while len(queue):
        getter.fire(None)
    assert getter.wrong == 0, getter.wrong
    assert getter.next == put, (getter.next, put)
    return getter.fired


def overwriting_queue_filled_by_interrupts(count):
    queue = RingQueue(5, "i", OVERWRITE)
    putter = Putter(queue)
    putter.start(1200)
    got = 0
    last = -1
    while putter.fired < count:
        item = queue.try_get(-1)
        if item >= 0:
            assert item > last, (item, last)
            last = item
            got += 1
            if got % 16 == 0:
                time.sleep_ms(6)  # so that it is lapped
    putter.stop()
    got += len(queue)
    while len(queue):
        item = queue.try_get()
        assert item > last, (item, last)
        last = item
    assert queue.overwritten
    assert last == putter.next - 1, (last, putter.next)
    assert got + queue.overwritten == putter.next, (got, queue.overwritten, putter.next)
    return putter.fired


def records_filled_by_interrupts(count):
    return read_records(count, RecordRing(5, 8))


def overwriting_records_filled_by_interrupts(count):
    ring = RecordRing(5, 8, OVERWRITE)
    fired = read_records(count, ring)
    assert ring.overwritten
    return fired


def read_records(count, ring):
    recorder = Recorder(ring)
    recorder.start(600)
    copy = bytearray(ring.size)
    got = 0
    while recorder.fired < count or len(ring):
        if recorder.fired >= count:
            recorder.stop()
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
        if got % 16 == 0:
            time.sleep_ms(12)  # so that it becomes full or is lapped
    assert got + ring.overwritten == recorder.next, (got, ring.overwritten, recorder.next)
    assert recorder.next + ring.rejected == recorder.fired
    return recorder.fired


def queue_filled_by_three(count, guard):
    """Two timers and the main loop put, the main loop gets."""
    queue = RingQueue(7, "i", REJECT, guard)
    putters = [Putter(queue, producer) for producer in range(3)]
    main, one, two = putters
    one.start(400)
    two.start(470)
    expected = [putter.next for putter in putters]
    while one.fired + two.fired < count:
        main.fire(None)
        for _ in range(2):
            check_next(queue.try_get(-1), expected)
    one.stop()
    two.stop()
    while len(queue):
        check_next(queue.try_get(), expected)
    assert expected == [putter.next for putter in putters], expected
    return one.fired + two.fired


def check_next(item, expected):
    if item >= 0:
        producer = item // PRODUCER
        assert item == expected[producer], (item, expected)
        expected[producer] += 1


def bucket_emptied_by_interrupts(count):
    """The handler is the bucket's one owner; the main loop has nothing to do with it."""
    bucket = TokenBucket(300, 5, 1000000, time.ticks_us)
    assert bucket.try_acquire(5)
    start = bucket.settled
    taker = Taker(bucket)
    taker.start(3000)
    while taker.fired < count:
        pass
    taker.stop()
    check_exact(bucket, start, taker.granted)
    return taker.fired


def bucket_shared_with_interrupts(count, guard):
    bucket = TokenBucket(300, 5, 1000000, time.ticks_us, guard)
    assert bucket.try_acquire(5)
    start = bucket.settled
    taker, main = Taker(bucket), Taker(bucket)
    taker.start(1900)  # no simple ratio to 300 tokens/s: in step with them it might get none
    while taker.fired < count:
        main.fire(None)
    taker.stop()
    assert taker.granted and main.granted, (taker.granted, main.granted)
    check_exact(bucket, start, taker.granted + main.granted)
    return taker.fired


def check_exact(bucket, start, granted):
    """Demand was always waiting, so what was granted and what is left is all that was due."""
    left = bucket.tokens()
    elapsed = time.ticks_diff(bucket.settled, start)
    assert granted + left == elapsed * 3 // 10000, (granted, left, elapsed)
