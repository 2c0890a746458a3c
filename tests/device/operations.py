"""Runs on a board: random operations on all that has kernels; each prints what it answered.

The same operations every time, so that a run with the kernels prints what one without them does.
"""

import random
from array import array

from line import Line, stuffed

from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, RingQueue, Stats, TokenBucket
from sluice.crc16 import crc16
from sluice.flow.histogram import CLASSES, LogHistogram
from sluice.limit.keyed import KeyedBuckets
from sluice.limit.pacer import Pacer
from sluice.limit.tunable import TunableBucket
from sluice.link.cobs import decode, encode, unstuff
from sluice.link.frames import Frames, seal
from sluice.link.usb import trim
from sluice.queue.limits import limits_of

COUNT = 1000
PERIOD = 1 << 30
STEPS = (1, 7, 1000, 70000, 1 << 28, (1 << 29) + 5, -3, -65536, -65537)
choice, below = random.choice, random.randrange


class Clock:
    def __init__(self):
        self.now = PERIOD - 50

    def ticks(self):
        return self.now

    def advance(self, n):
        self.now = (self.now + n) % PERIOD


def drive(title, operations, state, *of):
    """Do one of the operations, COUNT times: functions of which each says what it called."""
    for _ in range(COUNT):
        verb, arguments, answer = choice(operations)()
        if isinstance(answer, memoryview):
            answer = bytes(answer)
        print(title, verb, arguments, answer, state(*of))


def calls(thing, verb, *choices):
    """An operation: the method, with an argument out of each of the choices."""
    method = getattr(thing, verb)

    def call():
        arguments = tuple([choice(some) for some in choices])
        try:
            return verb, arguments, method(*arguments)
        except ValueError as error:
            return verb, arguments, str(error)

    return call


def passing(clock, steps=STEPS):
    return calls(clock, "advance", steps)


def bucket_state(bucket):
    return bucket.rate, bucket.burst, bucket.settled, bucket.debt


def buckets():
    for kind in (TokenBucket, TunableBucket, Pacer):
        for rate, burst, per in ((500, 10, 1000), (3, 5, 7000), (None, 3, 1000), (0, 4, 1000)):
            clock = Clock()
            bucket = kind(rate, burst, per, clock.ticks)
            some = -1, 0, 1, 2, burst, burst + 1
            asked = [calls(bucket, verb, some) for verb in ("try_acquire", "wait_ticks", "cancel")]
            changed = [calls(bucket, "reset"), calls(bucket, "refill")]
            if kind is TokenBucket:
                changed.append(calls(bucket, "set_rate", (rate, 70), (per, 900)))
                changed.append(calls(bucket, "set_burst", (burst, 2)))
            else:
                bucket.set_range(1, 9000)
                changed.append(calls(bucket, "tune", (1, 70, 9000)))
                changed.append(calls(bucket, "throttle", (1, 341, 512, 1024)))
            drive(
                (kind.__name__, rate, burst, per),
                [passing(clock), calls(bucket, "tokens"), calls(bucket, "acquire_up_to", some)]
                + 3 * asked
                + [calls(bucket, "reserve", some, (-1, 0, 900))]
                + changed,
                bucket_state,
                bucket,
            )


def keyed_state(keyed):
    return keyed.refused, keyed.evicted


def keyed_buckets():
    clock = Clock()
    keyed = KeyedBuckets(2, 500, 3, 1000, clock.ticks)
    ask = calls(keyed, "try_acquire", range(5), range(1, 4))
    wait = calls(keyed, "wait_ticks", range(5), range(1, 5))
    drive("keyed", [passing(clock), ask, ask, ask, wait], keyed_state, keyed)


def crossings(ring, crossed):
    ring.set_watermarks(max(1, ring.capacity - 1), 0, lambda ring, above: crossed.append(above))


def ring_state(ring, crossed):
    return (
        len(ring),
        ring.limit,
        ring.high_water,
        ring.rejected,
        ring.overwritten,
        ring.above(),
        len(crossed),
    )


def ring_calls(ring):
    return [calls(ring, verb) for verb in ("release", "release", "free", "__len__")] + [
        calls(ring, "set_limit", range(1, ring.capacity + 1)),
        calls(limits_of(ring), "adapt", range(ring.capacity + 2)),
        calls(limits_of(ring), "throttle", (1, 341, 512, 1023, 1024)),
    ]


def queues():
    for capacity, typecode in ((1, "H"), (4, None), (5, "i"), (3, "b")):
        for overflow in (REJECT, OVERWRITE):
            queue = RingQueue(capacity, typecode, overflow)
            queue._head = queue._floor = queue._tail = queue._wrap - 2
            crossed = []
            if capacity > 3:
                crossings(queue, crossed)
            drive(
                (capacity, typecode, overflow),
                [calls(queue, "try_put", range(100))] * 4
                + [calls(queue, "try_get")] * 2
                + [calls(queue, "try_get", (7,)), calls(queue, "peek"), calls(queue, "clear")]
                + ring_calls(queue),
                ring_state,
                queue,
                crossed,
            )


def records():
    for slots in (1, 3, 4):
        for overflow in (REJECT, OVERWRITE):
            clock = Clock()
            ring = RecordRing(slots, 8, overflow, clock.ticks)
            crossed = []
            if slots > 1:
                crossings(ring, crossed)
            drive(
                (slots, overflow),
                [passing(clock), calls(ring, "claim"), calls(ring, "clear")]
                + [calls(ring, "put", (b"12345678", bytearray(b"abcdefgh")), range(-1, 10))] * 3
                + [calls(ring, "publish", range(-1, 10))] * 2
                + [calls(ring, verb) for verb in ("peek", "peek_len", "peek_ticks", "backlog")]
                + ring_calls(ring),
                ring_state,
                ring,
                crossed,
            )


def stats_state(stats):
    names = "admitted denied failed retried shed tried missed waited sink_ticks sojourns"
    names += " qps up_s p50 p95 p99 _in_second _since"
    return [getattr(stats, name) for name in names.split()]


def histogram_state(histogram, classes):
    return histogram.count, sum(classes)


def statistics():
    clock = Clock()
    stats = Stats(clock.ticks)
    values = -1, 0, 5, 16, 1000, 1 << 20, (1 << 29) - 1, 1 << 29, PERIOD - 1

    def admit(value):
        stats.admit(clock.now, value)

    def roll():
        stats.roll(clock.now)

    def close():
        stats.close_interval(clock.now)

    class Calls:
        pass

    each = Calls()
    each.admit, each.roll, each.close = admit, roll, close
    drive(
        "stats",
        [passing(clock, (1, 999, 5000, -3)), calls(each, "roll"), calls(each, "close")]
        + [calls(each, "admit", values)] * 6
        + [calls(stats, "attempt", (True, False), values)] * 3
        + [calls(stats, verb) for verb in ("deny", "retry", "fail", "shed_one")],
        stats_state,
        stats,
    )
    histogram = LogHistogram()
    classes = array("i", [0] * (CLASSES + 1))
    drive(
        "histogram",
        [calls(histogram, "add", values)] * 6
        + [calls(histogram, "percentile", (1, 50, 99, 100)), calls(histogram, "clear")]
        + [calls(histogram, "tally", (classes,))],
        histogram_state,
        histogram,
        classes,
    )


class Sink:
    """Takes its time, and fails now and then."""

    def __init__(self, clock):
        self._clock = clock
        self.seen = []

    def room(self):
        return 1

    def write(self, record, n):
        self._clock.advance(choice((0, 0, 1, 30)))
        answer = choice((True,) * 9 + (False, None, OSError("no")))
        self.seen.append((self._clock.now, bytes(record[:n]), repr(answer)))
        if isinstance(answer, Exception):
            raise answer
        return answer


def pipelines():
    for kind in (TokenBucket, Pacer):
        for overflow in (REJECT, OVERWRITE):
            for cost, tries, batch in (("record", 1, 5), ("record", 2, 5), ("bytes", 2, 1)):
                clock = Clock()
                ring = RecordRing(8, 4, overflow, clock.ticks)
                ring.set_watermarks(5, 2, None)
                bucket = kind(200, 6, 1000, clock.ticks)
                stats = Stats(clock.ticks)
                sink = Sink(clock)
                pipeline = Pipeline(
                    ring, bucket, sink, stats, cost, tries, None, clock.ticks, batch=batch
                )
                title = kind.__name__, overflow, cost, tries, batch
                for n in range(COUNT):
                    step = choice((0, 1, 3, 20))
                    clock.advance(step)
                    for size in range(choice((0, 0, 1, 4))):
                        ring.put(b"%4d" % n, 1 + size)
                    sink.seen.clear()
                    moved = pipeline.step()
                    shown = ring_state(ring, ()), stats_state(stats), bucket.debt
                    print(title, moved, pipeline.wait_ticks(), pipeline.lag(), sink.seen, *shown)
                    if step == 20:
                        stats.close_interval(clock.now)


def bytes_of(n, some=(0, 0, 3, 3, 7, 255)):
    return bytes([choice(some) for _ in range(n)])


def checksums():
    for _ in range(COUNT):
        content = bytes_of(1 + below(253))
        at = below(len(content))
        frame = bytearray(1) + content
        encode(frame, 0, len(frame))
        print("crc16", crc16(content, at, len(content)), "encoded", frame)
        if below(2):
            frame[below(len(frame))] = 1 + below(255)
        good = decode(frame, len(frame))
        print("decoded", good, frame if good else "")
        noise = bytearray(bytes_of(1 + below(255), (1, 1, 2, 2, 4, 6, 7)))
        good = unstuff(noise, len(noise))
        print("unstuffed", good, noise if good else "")
        block = bytearray(bytes_of(below(64), (3, 3, 7)))
        left = trim(block, below(64))
        print("trimmed", left, bytes(block[:left]))


def frames():
    clock = Clock()
    line = Line()
    link = Frames(line, clock.ticks, 100)
    for _ in range(COUNT):
        buf = bytearray(2) + bytes_of(1 + below(251)) + bytearray(3)
        sent = bytearray(stuffed(bytes(buf[: seal(buf, len(buf) - 3)])))
        damage = below(6)
        if damage == 0:
            sent[below(len(sent))] = below(256)
        elif damage == 1:
            sent = sent[: below(len(sent))]
        elif damage == 2:
            sent += bytes_of(below(300))
        line.incoming = bytes(sent)
        ends = []
        end = -1
        while end:
            try:
                end = link.receive()
            except KeyboardInterrupt:
                end = -2
            ends.append((end, bytes(link.received[1:end]) if end > 0 else b""))
        clock.advance(choice((1, 99, 100)))
        print("frames", ends, link.bad)


for part in (
    buckets,
    keyed_buckets,
    queues,
    records,
    statistics,
    pipelines,
    checksums,
    frames,
):
    random.seed(1)
    part()
