"""Runs on a board: every hot method, each way through it, with the heap locked.

Prints `hot NAME` for each that allocated nothing, and `allocates NAME ERROR`. With COUNTED set,
the heap is open and counts instead: that sees frames, too, which a locked heap hides, since they
fall back to the stack.
"""

import asyncio
from array import array

import micropython
from line import stuffed

from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, RingQueue, Stats, TokenBucket
from sluice.control.adaptive import RUSH, RUSH_DOWN, AdaptiveLimit
from sluice.control.codel import CoDel
from sluice.control.tuning import RateTuner
from sluice.crc16 import crc16
from sluice.deadline import Deadline
from sluice.flow.histogram import CLASSES, LogHistogram
from sluice.flow.load import LoadMeter
from sluice.flow.pipeline import HELD
from sluice.flow.pulses import Pulses
from sluice.flow.router import Router, Topic
from sluice.flow.samples import Samples
from sluice.flow.sinks import LinkSink, NullSink
from sluice.flow.slots import free_slot
from sluice.flow.uart_sink import UartSink
from sluice.flow.uart_source import UartSource
from sluice.limit.debounce import Debounce
from sluice.limit.keyed import KeyedBuckets
from sluice.limit.pacer import Pacer
from sluice.limit.throttle import Throttle
from sluice.limit.tunable import TunableBucket
from sluice.link.cobs import decode, encode, unstuff
from sluice.link.ctrl_c import CtrlC
from sluice.link.frames import Frames, seal
from sluice.link.frames import put as put_integer
from sluice.link.logline import LogLine
from sluice.link.session import Session
from sluice.link.usb import trim
from sluice.net.answer import Answer
from sluice.net.backoff import Backoff
from sluice.net.batch import Batch, request
from sluice.net.http import HttpSink
from sluice.net.mqtt import MqttSink
from sluice.program import watermark
from sluice.program.config import check
from sluice.program.member import Member
from sluice.program.module import Caught, ModuleSink, ModuleSource
from sluice.program.program import Program
from sluice.program.settings import Settings
from sluice.program.share import Share
from sluice.program.spill import Spill
from sluice.program.trial import Trial
from sluice.queue.channel import WAIT, Channel
from sluice.queue.limits import limits_of
from sluice.queue.store import SegmentStore
from sluice.queue.tiered import TieredQueue

SMALL_MAX = (1 << 30) - 1
COUNTED = globals().get("COUNTED", False)


class Clock:
    def __init__(self):
        self.now = 0

    def ticks(self):
        return self.now


class Line:
    """Gives what was laid on it, and takes everything."""

    def __init__(self):
        self.incoming = self._of = b""
        self._at = 0  # what lies before it of `_of` was read
        self.takes = SMALL_MAX

    def readinto(self, buf):
        if self._of is not self.incoming:
            self._of = self.incoming
            self._at = 0
        n = min(len(buf), len(self._of) - self._at)
        for i in range(n):
            buf[i] = self._of[self._at + i]
        self._at += n
        return n

    def write(self, buf, n):
        return min(n, self.takes)


class Sink:
    def __init__(self):
        self.answer = True

    def room(self):
        return 1 << 20

    def write(self, record, n):
        return self.answer


class Adc:
    def read_u16(self):
        return 65535


class Uart(Line):
    def txdone(self):
        return True


def frame(content):
    """The content as a host sends it, made by the firmware's own parts."""
    buf = bytearray(2) + content + bytearray(3)
    return stuffed(bytes(buf[: seal(buf, 2 + len(content))]))


failures = {}
names = []
clock = Clock()


def hot(name, *calls):
    """Call each of them with the heap locked; `calls` are functions without arguments."""
    if name not in names:
        names.append(name)
    for call in calls:
        error = counted(call) if COUNTED else locked(call)
        if error is not None:
            failures[name] = error


def locked(call):
    error = None
    micropython.heap_lock()
    try:
        call()
    except MemoryError as caught:
        error = caught
    micropython.heap_unlock()
    return error


def counted(call):
    before = micropython.mem_total()
    call()
    taken = micropython.mem_total() - before
    return f"{taken} bytes" if taken else None


def buckets():
    for rate, burst, per in ((500, 10, 1000), (None, 3, 1000), (0, 3, 1000), (1, 1, 1 << 20)):
        bucket = TokenBucket(rate, burst, per, clock.ticks)
        for n in (1, 0, -1, burst, burst + 1, SMALL_MAX):
            hot("bucket.TokenBucket.try_acquire", lambda: bucket.try_acquire(n), bucket.try_acquire)
            hot("bucket.TokenBucket.wait_ticks", lambda: bucket.wait_ticks(n), bucket.wait_ticks)
            hot(
                "bucket.TokenBucket.reserve",
                lambda: bucket.reserve(n),
                lambda: bucket.reserve(n, 1),
            )
            hot("bucket.TokenBucket.acquire_up_to", lambda: bucket.acquire_up_to(n))
            hot("bucket.TokenBucket.tokens", bucket.tokens)
            hot("bucket.TokenBucket.cancel", lambda: bucket.cancel(n))
            for step in (5, -3, 1 << 29, SMALL_MAX):
                clock.now = clock.now + step & SMALL_MAX
                hot("bucket.TokenBucket.refill", bucket.refill)


def ring_methods(ring):
    hot("ring.Ring.__len__", lambda: len(ring))
    hot("ring.Ring.free", ring.free)
    hot("ring.Ring.above", ring.above)
    hot("ring.Ring.release", ring.release)
    limits = limits_of(ring)
    for limit in (0, SMALL_MAX, ring.capacity):
        hot("limits.Limits.adapt", lambda: limits.adapt(limit))
    for part in (1, 512, 1024):
        hot("limits.Limits.throttle", lambda: limits.throttle(part))


def queues():
    for typecode in ("b", "B", "h", "H", "i", "l", None):
        for overflow in (REJECT, OVERWRITE):
            queue = RingQueue(3, typecode, overflow)
            queue._head = queue._floor = queue._tail = queue._wrap - 2
            for _ in range(4):
                hot("ring.RingQueue.try_put", lambda: queue.try_put(100))
                hot("ring.RingQueue.peek", queue.peek, lambda: queue.peek(7))
            ring_methods(queue)
            for _ in range(4):
                hot("ring.RingQueue.try_get", queue.try_get, lambda: queue.try_get(7))
            ring_methods(queue)
            queue.set_watermarks(2, 1)
            for _ in range(2):
                for _ in range(3):
                    hot("ring.RingQueue.try_put", lambda: queue.try_put(100))
                hot("ring.Ring.clear", queue.clear)


def waits():
    for timeout_ms in (0, 5, 20, -1):
        deadline = Deadline(timeout_ms)
        hot("deadline.Deadline.left_ms", deadline.left_ms)
        hot("deadline.Deadline.pause", deadline.pause)
        hot(
            "deadline.Deadline.wait",
            lambda: deadline.wait(0),
            lambda: deadline.wait(5),
            lambda: deadline.wait(12),
        )


def records():
    for overflow in (REJECT, OVERWRITE):
        ring = RecordRing(2, 8, overflow)
        for _ in range(4):
            hot("records.RecordRing.claim", ring.claim, ring.claim)
            hot("records.RecordRing.publish", lambda: ring.publish(9), lambda: ring.publish(8))
            hot("records.RecordRing.put", lambda: ring.put(b"record", 6), lambda: ring.put(b"", 0))
        for _ in range(3):
            hot("records.RecordRing.peek", ring.peek)
            hot("records.RecordRing.peek_len", ring.peek_len)
            hot("records.RecordRing.peek_ticks", ring.peek_ticks)
            hot("records.RecordRing.backlog", ring.backlog)
            ring_methods(ring)
    ring = RecordRing(65, 8)
    for _ in range(65):
        ring.put(b"record", 6)
    hot("records.RecordRing.backlog", ring.backlog)


def statistics():
    histogram = LogHistogram()
    stats = Stats(clock.ticks)
    for value in (-1, 0, 7, 8, 100, 1 << 20, SMALL_MAX):
        hot("histogram.LogHistogram.add", lambda: histogram.add(value))
        hot("stats.Stats.admit", lambda: stats.admit(clock.now, value))
    for p in (1, 50, 99, 100):
        hot("histogram.LogHistogram.percentile", lambda: histogram.percentile(p))
    classes = array("i", [SMALL_MAX] * (CLASSES + 1))
    hot("histogram.LogHistogram.tally", lambda: histogram.tally(classes))
    hot("histogram.LogHistogram.clear", histogram.clear, histogram.clear)
    hot("stats.Stats.deny", stats.deny)
    hot("stats.Stats.retry", stats.retry)
    hot("stats.Stats.fail", stats.fail)
    hot("stats.Stats.shed_one", stats.shed_one)
    for took in (0, SMALL_MAX >> 1, SMALL_MAX >> 1, SMALL_MAX):
        hot("stats.Stats.attempt", lambda: stats.attempt(took == 0, took))
    for step in (999, 1, 5000, 1 << 29):
        clock.now = clock.now + step & SMALL_MAX
        hot("stats.Stats.roll", lambda: stats.roll(clock.now))
        hot("stats.Stats.mean_qps_hundredths", stats.mean_qps_hundredths)
    for _ in range(2):
        hot("stats.Stats.close_interval", lambda: stats.close_interval(clock.now))


def trials():
    stats = Stats(clock.ticks)
    ended = []
    trial = Trial(stats, 20, print_nothing_of)
    trial.set_thresholds(5, 1000)
    for p95_before, p95, failed in ((-1, 5, 3), (5, 1 << 28, 1), (1 << 25, 1 << 28, 0), (9, 9, 0)):
        stats.p95 = p95_before
        stats.admitted = stats.failed = 0
        trial.stop()
        hot("trial.Trial.judge", trial.judge)
        trial.begin(1)
        stats.p95 = p95
        stats.admitted = SMALL_MAX
        stats.failed = SMALL_MAX // 4 * failed
        hot("trial.Trial.judge", trial.judge)
        stats.up_s += 1
        hot("trial.Trial.judge", trial.judge)
        ended.append(trial.runs())
    assert ended == [False] * 4  # each way was gone
    config = check({}, 1000)
    settings = Settings(config, 1000, (), stats, Frames(Line()), Line(), LogLine(300))
    hot("settings.Settings.judge_trial", settings.judge_trial)


def print_nothing_of(result):
    pass


def put(ring, n):
    ring.claim()
    ring.publish(n)


def pipelines():
    for overflow in (REJECT, OVERWRITE):
        for rate, burst, cost, batch in (
            (None, 1, "record", 1),
            (None, 1, "record", 3),
            (1, 8, "bytes", 3),
            (1, 1, "record", 1),
            (1, 2, "record", 3),
        ):
            ring = RecordRing(4, 16, overflow, clock.ticks)
            sink = Sink()
            bucket = TokenBucket(rate, burst, 1000, clock.ticks)
            stats = Stats(clock.ticks)
            options = cost, 3, print_nothing, clock.ticks
            pipeline = Pipeline(ring, bucket, sink, stats, *options, batch=batch)
            hot("pipeline.Pipeline.wait_ticks", pipeline.wait_ticks)
            hot("pipeline.Pipeline.step", pipeline.step)
            for n in (8, 8, 9, 1):
                put(ring, n)
            for sink.answer in (True, False, False, False, True, True):
                hot("pipeline.Pipeline.step", pipeline.step, pipeline.step)
                hot("pipeline.Pipeline.wait_ticks", pipeline.wait_ticks)
                hot("pipeline.Pipeline.retry_now", pipeline.retry_now)
                hot("pipeline.Pipeline.lag", pipeline.lag)


def print_nothing(record, n):
    pass


class Holder(Sink):
    """Holds what it is given, if its answer says so."""

    said = 0

    def done(self):
        return self.said


def holding():
    ended = [0, 0, 0, 0]
    for overflow in (REJECT, OVERWRITE):
        for rate, burst, cost in ((None, 1, "record"), (1, 8, "bytes"), (1, 3, "record")):
            ring = RecordRing(4, 16, overflow, clock.ticks)
            sink = Holder()
            bucket = TokenBucket(rate, burst, 1000, clock.ticks)
            stats = Stats(clock.ticks)
            options = cost, 3, print_nothing, clock.ticks
            pipeline = Pipeline(
                ring, bucket, sink, stats, *options, batch=3, shed=CoDel(1, 1), ends=Ends()
            )
            for sink.answer, sink.said in (
                (HELD, 0),
                (HELD, 1),
                (True, 0),
                (HELD, 0),
                (HELD, -1),
                (HELD, 4),
                (HELD, -3),
                (HELD, -1),
                (False, 0),
                (False, 0),
                (HELD, 4),
                (HELD, 4),
            ):
                for n in (8, 9, 1):
                    put(ring, n)
                hot("pipeline.Pipeline.step", pipeline.step, pipeline.step)
                hot("pipeline.Pipeline.wait_ticks", pipeline.wait_ticks)
                hot("pipeline.Pipeline.retry_now", pipeline.retry_now)
                hot("pipeline.Pipeline.lag", pipeline.lag)
                for k in (-1, 0, 3, SMALL_MAX):
                    hot("records.RecordRing.peek_behind", lambda: ring.peek_behind(k))
                    hot("records.RecordRing.peek_behind_len", lambda: ring.peek_behind_len(k))
                    hot("records.RecordRing.peek_behind_ticks", lambda: ring.peek_behind_ticks(k))
                clock.now = clock.now + 20 & SMALL_MAX
            hot("holding.Holding.step", pipeline._several)
            hot("holding.Holding.room", pipeline._room)
            for i, n in enumerate((stats.admitted, stats.retried, stats.failed, stats.shed)):
                ended[i] += n
    assert min(ended) > 0, ended  # each way was gone


class Ends:
    def __init__(self):
        self.told = 0

    def ended(self, how, n):
        self.told = n


class Stream:
    """A socket: takes so many bytes at once, and gives what was laid on it."""

    def __init__(self):
        self.takes = SMALL_MAX
        self.incoming = b""
        self.breaks = False

    def write(self, buf, at, n):
        if self.breaks:
            raise broken
        return min(n, self.takes) or None

    def readinto(self, buf):
        if self.breaks:
            raise broken
        n = len(self.incoming)
        for i in range(n):
            buf[i] = self.incoming[i]
        return n or None

    def close(self):
        pass


broken = OSError(104)


def brokers():
    for topic in ("t", "t/{number}"):
        stream = Stream()
        sink = MqttSink(lambda: stream, b"HELLO", topic, 200, lambda state, reason: None)
        for _ in range(2):
            sink._retry.succeeded()
            sink.tend()
            stream.incoming = b"\x20\x02\0\0"
            sink.tend()
            stream.incoming = b""
            for n in (1, 200, 100, 150, 9, 5, 1, 1, 1):
                hot("mqtt.MqttSink.room", sink.room)
                hot("mqtt.MqttSink.write", lambda: sink.write(_RECORD, n))
            assert sink.room() == 0
            number = (sink._number & 0x7FFF) + 1
            acks = [bytes((0x40, 2, number + i >> 8, number + i & 255)) for i in range(8)]
            for stream.incoming in (acks[1], b"", acks[0] + acks[2], b"".join(acks[3:])):
                hot("mqtt.MqttSink.done", sink.done)
            stream.incoming = b""
            assert sink.room() == 8
            stream.takes = 3
            hot("mqtt.MqttSink.write", lambda: sink.write(_RECORD, 7))
            stream.takes = SMALL_MAX
            stream.breaks = True
            sink.done()  # an exception takes memory of its own
            hot("mqtt.MqttSink.done", sink.done)
            hot("mqtt.MqttSink.write", lambda: sink.write(_RECORD, 7))
            stream.breaks = False
            sink.tend()
            hot("mqtt.MqttSink.room", sink.room)
            hot("mqtt.MqttSink.done", sink.done, sink.done)
    retry = Backoff(clock.ticks)
    hot("backoff.Backoff.due", retry.due)
    hot("backoff.Backoff.failed", retry.failed, retry.due)
    hot("backoff.Backoff.wait", lambda: retry.wait(1000), retry.due)
    hot("backoff.Backoff.succeeded", retry.succeeded)


LENGTH = b"\r\nContent-Length: "
ANSWERS = (
    b"HTTP/1.1 200 OK" + LENGTH + b"2\r\nX: y\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na;b\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 no\r\nRetry-After: 3600" + LENGTH + b"0\r\n\r\n",
    b"HTTP/1.1 404 no" + LENGTH + b" 1 \r\n\r\n.",
    b"HTTP/1.1 503 no\r\n folded" + LENGTH + b"0\r\n\r\n",
    b"HTTP/1.1 500 no\r\nConnection: x, close" + LENGTH + b"0\r\n\r\n",
    b"HTTP/1.1 408 no" + LENGTH + b"0\r\n\r\n",
    b"no answer\n",
)


def servers():
    stream = Stream()
    sink = HttpSink(
        lambda: stream, request("h", "/"), 200, lambda state, reason: None, Stats(), 0, clock.ticks
    )
    for incoming in ANSWERS:
        sink._retry.succeeded()
        stream.takes = 40
        for n in (1, 200, 100, 200, 200):
            hot("http.HttpSink.room", sink.room)
            hot("http.HttpSink.write", lambda: sink.write(_RECORD, n))
        stream.takes = SMALL_MAX
        sink.tend()
        sink.tend()
        at = 0
        for end in (1, 9, len(incoming)):
            while at < end:
                stream.incoming = incoming[at : min(end, at + 60)]
                at += len(stream.incoming)
                hot("http.HttpSink.done", sink.done)
        stream.incoming = b""
        hot("http.HttpSink.done", sink.done, sink.done)
        sink.tend()
    stream.breaks = True
    sink._retry.succeeded()
    sink.tend()
    sink.done()  # an exception takes memory of its own
    hot("http.HttpSink.done", sink.done)
    answer = Answer()
    for incoming in ANSWERS:
        hot("answer.Answer.begin", answer.begin)
        for byte in incoming:
            hot("answer.Answer.take", lambda: answer.take(byte))
        hot("answer.Answer.begun", lambda: answer.begun)
    batch = Batch(b"HEAD", 200)
    record = bytes(range(56, 256))
    for number in (0, 5, SMALL_MAX):
        hot("batch.Batch.room", batch.room)
        hot("batch.Batch.add", lambda: batch.add(number, record, 200))
    hot("batch.Batch.close", batch.close)
    hot("batch.Batch.clear", batch.clear)


_RECORD = bytearray(200)


def shedding():
    for interval in (100, (1 << 25) - 1):
        codel = CoDel(1, interval)
        for behind in (5, 5, 5, 5, 1, 5, 5, 5):
            for sojourn in (SMALL_MAX >> 1, -1):
                hot(
                    "codel.CoDel.should_drop",
                    lambda: codel.should_drop(interval, clock.now, 5),
                    lambda: codel.should_drop(sojourn, clock.now, behind),
                )
            clock.now = clock.now + interval & SMALL_MAX
        codel._count = (1 << 27) - 2
        codel._dropping = codel._above = True
        codel._first_above = codel._next = clock.now
        for _ in range(3):
            hot("codel.CoDel.should_drop", lambda: codel.should_drop(interval, clock.now, 5))
            hot("codel.CoDel.settle", lambda: codel.settle(clock.now))
            clock.now = clock.now + interval & SMALL_MAX
        assert codel._count == (1 << 27) - 1
    ring = RecordRing(8, 16, OVERWRITE, clock.ticks)
    stats = Stats(clock.ticks)
    bucket = TokenBucket(None, 1, 1000, clock.ticks)
    shed = CoDel(1, 1)
    pipeline = Pipeline(ring, bucket, Sink(), stats, ticks=clock.ticks, shed=shed)
    for _ in range(8):
        put(ring, 8)
    for _ in range(8):
        clock.now = clock.now + 1 & SMALL_MAX
        hot("pipeline.Pipeline.step", pipeline.step)
    assert stats.shed > 0


def adaptive_limits():
    for capacity in (1, 64, (1 << 19) - 1):
        for rush in (RUSH, RUSH_DOWN, None):
            ring = RingQueue(1, "b")
            ring.capacity = capacity  # without the memory
            ring.set_limit(capacity)
            gains = (65535, 1), (65535, 1), (65535, 1)
            limit = AdaptiveLimit(ring, (1 << 29) - 1 if capacity == 1 else 200, *gains, rush=rush)
            for p95 in (-1, 0, 250, 5000, 0, 199, 201, (1 << 29) - 1, 0):
                for load in (0, 500, 1000):
                    ring.rejected += 1
                    hot("adaptive.AdaptiveLimit.update", lambda: limit.update(p95, load))


def tuned_buckets():
    for make in (TunableBucket, Pacer):
        for rate, low, high in ((500, 1, 100000), (None, 1, 2), (0, 7, 7)):
            bucket = make(rate, 10, 1000, clock.ticks)
            for _ in range(2):
                for n in (1, 0, 10, 11, 1, 1):
                    hot("tunable.TunableBucket.tune", lambda: bucket.tune(n * 1000))
                    if make is Pacer:
                        hot("pacer.Pacer.try_acquire", lambda: bucket.try_acquire(n))
                        hot("pacer.Pacer.acquire_up_to", lambda: bucket.acquire_up_to(n))
                        hot("pacer.Pacer.wait_ticks", lambda: bucket.wait_ticks(n))
                        hot(
                            "pacer.Pacer.reserve",
                            lambda: bucket.reserve(n, 0),
                            lambda: bucket.reserve(n),
                        )
                        hot("pacer.Pacer.tokens", bucket.tokens)
                    clock.now = clock.now + 3 & SMALL_MAX
                bucket.reset()
                for part in (512, 1, 341, 1024):
                    hot("tunable.TunableBucket.throttle", lambda: bucket.throttle(part))
                bucket.throttle(99)
                bucket.set_range(low, high)
            tuner = RateTuner(bucket, low, high)
            for tried, missed, waited, latency in (
                (0, 0, 0, 0),
                (9, 0, 1, 1),
                (9, 9, 0, 0),
                (SMALL_MAX, 0, SMALL_MAX, SMALL_MAX),
            ):
                hot(
                    "tuning.RateTuner.update",
                    lambda: tuner.update(tried, missed, waited, latency),
                )


def loads():
    meter = LoadMeter(clock.ticks)
    for step in (0, 1, (1 << 29) - 1, (1 << 29) - 1, 1 << 29, (1 << 29) - 1):
        for busy in (True, False):
            clock.now = clock.now + step & SMALL_MAX
            hot("load.LoadMeter.turn", lambda: meter.turn(busy))
    hot("load.LoadMeter.close_interval", meter.close_interval, meter.close_interval)


def links():
    line = Line()
    frames = Frames(line, clock.ticks)
    ring = RecordRing(4, 16, REJECT, clock.ticks)
    damaged = bytearray(frame(b"damaged"))
    damaged[4] ^= 1
    hello = b"\x81\x23\x09\x07\0\0\0\0\0\0\0\0"
    record = b"\x82\0\0\0" + b"\x07payload" + b"\x04more"
    view = memoryview(bytearray(16))
    for window in (0, 2):
        link = Session(frames, ring, clock.ticks, 1000, window)
        for line.incoming in (
            b"",
            b"text",
            frame(record),  # before any session
            frame(hello),
            frame(record),
            frame(record),  # again
            frame(b"\x82\x09\0\0\x01x"),  # after a gap
            frame(b"\x82\x02\0\0\x11" + b"x" * 17),  # too long
            frame(b"\x81\x01"),  # another version
            frame(b"\x84"),
            frame(b"\x87\x01"),
            frame(b"\x99"),
            bytes(damaged),
            b"\0" + b"x" * 120,
        ):
            for _ in range(9):  # a read may be of 16 bytes
                hot("session.Session.poll", link.poll)
            clock.now += 200
            hot("frames.Frames.receive", frames.receive)
            hot("frames.Frames.count_bad", frames.count_bad)
        for _ in range(3):
            hot("session.Session.room", link.room)
            hot("session.Session.deliver", lambda: link.deliver(view, 16, SMALL_MAX))
        for line.incoming in (
            frame(b"\x84\x07\0\0\0\0\0\xff"),
            b"",
            frame(b"\x84\x07\0\0\x01\0\0\0"),
            frame(hello),
            b"",
            frame(b"\x84\x07\0\0\x02\0\0\0"),
            frame(b"\x81\x23\x09\x08" + b"\0" * 8 + b"\xff" * 9),  # all that can be counted
        ):
            for _ in range(9):  # a read may be of 16 bytes
                hot("session.Session.poll", link.poll)
        for how in (2, 1, 4, 8):
            hot("session.Session.ended", lambda: link.ended(how, 1))
            hot("session.Session.acknowledge", lambda: link.acknowledge(1, 1))
    hot("frames.put", lambda: put_integer(frames.sent, 2, SMALL_MAX, 4))
    hot("frames.seal", lambda: seal(frames.sent, 20))
    hot("frames.Frames.send", lambda: frames.send(20))
    ctrl_c = CtrlC()
    for byte in (13, 3, 3, 13, 65, 3):
        hot("ctrl_c.CtrlC.is_made_by", lambda: ctrl_c.is_made_by(byte))
    hot("ctrl_c.CtrlC.is_made_by_rest", ctrl_c.is_made_by_rest)
    hot("ctrl_c.CtrlC.frame_passed", ctrl_c.frame_passed)
    hot("frames.Frames.write", lambda: frames.write(frames.sent, 20))
    sink = LinkSink(link, TokenBucket(1, 1))
    hot("sinks.LinkSink.room", sink.room)
    hot("sinks.LinkSink.write", lambda: sink.write(view, 16))
    uart = UartSink(line)
    hot("uart_sink.UartSink.room", uart.room)
    hot("uart_sink.UartSink.write", lambda: uart.write(view, 16))
    null = NullSink()
    hot("sinks.NullSink.room", null.room)
    hot("sinks.NullSink.write", lambda: null.write(view, 16))


def shares():
    line = Line()
    share = Share(0, print_nothing_of, print_nothing_of, clock.ticks)
    member = Member(Frames(line, clock.ticks), share, RingQueue(4), print_nothing_of, clock.ticks)
    for extra in (0, 80):
        share.greet(7)
        share.apply(7, share.count, 1, 0, extra, clock.now + 500 & SMALL_MAX)
        member._greeted = True
        for step in (0, 499, 1, 1000):
            clock.now = clock.now + step & SMALL_MAX
            hot("share.Share.clock", share.clock)
            hot("member.Member.poll", lambda: member.poll(clock.now))
            hot("member.Member.report", lambda: member.report(clock.now))
        share.apply(7, share.count, 2, 0, extra, clock.now + 500 & SMALL_MAX)
        clock.now = clock.now + 600 & SMALL_MAX
        hot("share.Share.clock", share.clock)
        hot("share.Share.poll", lambda: share.poll(clock.now))
    for ms, half_ms in ((0, 1), (0, 60000), (500, 500), (600000, 1), (600000, 60000)):
        hot("watermark.part", lambda: watermark.part(ms, half_ms))


def channels():
    for capacity, overflow in ((0, WAIT), (2, REJECT), (2, OVERWRITE)):
        for bell in (None, asyncio.Event()):
            channel = Channel(capacity, overflow)
            channel._getters.bell = bell  # of a task that waits
            channel._settle()
            for _ in range(4):
                hot("channel.Channel.try_put", lambda: channel.try_put(1))
            channel.close()
            hot("channel.Channel.try_put", lambda: channel.try_put(1))


def keyed_buckets():
    for rate in (1, 0, None):
        buckets = KeyedBuckets(2, rate, 3, 1000, clock.ticks)
        for keys in ((1, 6, 11, -4), ("a", "b", "c", "d"), (b"a", b"b", 1 << 40, 1 << 41)):
            for n in (1, 1, 3, 0, 2):
                for key in keys:
                    hot(
                        "keyed.KeyedBuckets.try_acquire",
                        lambda: buckets.try_acquire(key),
                        lambda: buckets.try_acquire(key, n),
                    )
                    hot(
                        "keyed.KeyedBuckets.wait_ticks",
                        lambda: buckets.wait_ticks(key),
                        lambda: buckets.wait_ticks(key, n),
                    )
                hot("keyed.KeyedBuckets.refill", buckets.refill)
                clock.now = clock.now + 700 & SMALL_MAX
        if rate is not None:
            assert buckets.refused > 0 and buckets.evicted > 0  # each way was gone
        buckets.refused = buckets.evicted = SMALL_MAX - 1


def gaps():
    throttle = Throttle(10, clock.ticks)
    debounce = Debounce(10, clock.ticks)
    throttle._went = throttle._over = debounce._edges = debounce._told = (1 << 29) - 2
    throttle.refused = SMALL_MAX - 1
    for step in (0, 3, 3, 10, 5, 1 << 29, SMALL_MAX):
        clock.now = clock.now + step & SMALL_MAX
        hot("throttle.Throttle.refill", throttle.refill)
        hot("throttle.Throttle.try_acquire", throttle.try_acquire, throttle.try_acquire)
        hot("debounce.Debounce.poll", debounce.poll, debounce.poll)
        hot("debounce.Debounce.edge", debounce.edge, lambda: debounce.edge(None))
    assert throttle.refused == SMALL_MAX


def routers():
    sink = Sink()
    topics = {}
    for name in ("a", "b"):
        ring = RecordRing(2, 16, REJECT, clock.ticks)
        bucket = TokenBucket(None, 1, 1000, clock.ticks)
        topics[name] = Topic(ring, bucket, sink, Stats(clock.ticks), ticks=clock.ticks)
    router = Router(topics)
    record = bytearray(16)
    for sink.answer in (True, False, True):
        for name in ("a", "b", "c"):
            for n in (16, 1, 17, 1):
                hot("router.Router.put", lambda: router.put(name, record, n))
        hot("router.Topic.enqueue", lambda: topics["a"].enqueue(record, 1))
        for _ in range(4):
            hot("router.Router.step", router.step)
            hot("router.Topic.step", topics["b"].step)
            clock.now += 100
    assert topics["a"].faults == topics["b"].faults == 0  # a fault would hide what was raised
    assert len(topics["a"].ring) == 0


def tiered_queues():
    record = bytearray(16)
    for ends in (None, Ends()):
        store = SegmentStore("/spill", 16, 3, 128, 48, ticks=clock.ticks)
        ring = RecordRing(4, 16, ticks=clock.ticks)
        sink = Sink() if ends is None else None
        queue = TieredQueue(ring, store, sink, 3, 2, ends, (1 << 30) - 9)
        for answer in (True, False, True):
            if sink is not None:
                sink.answer = answer
            for n in (16, 0, 17, 1, 1, 1, 1, 1):
                hot("tiered.TieredQueue.put", lambda: queue.put(record, n))
                hot("tiered.TieredQueue.__len__", lambda: len(queue))
                hot("store.SegmentStore.__len__", lambda: len(store))
                queue.move()
            for _ in range(30):
                hot("tiered.TieredQueue.number", queue.number)
                if queue.front.release():
                    hot("tiered.TieredQueue.ended", lambda: queue.ended(1, 1))
                hot("store.SegmentStore.loaded_ticks", store.loaded_ticks)
                hot("store.SegmentStore.loaded_number", store.loaded_number)
                queue.move()
        spill = Spill(queue)
        spill.begin(None, Pipeline(queue.front, TokenBucket(None, 1), Holder(), Stats()))
        hot("spill.Spill.number", spill.number)
        log = LogLine(200)
        hot("spill.Spill.tell", lambda: spill.tell(log))
        assert store.writes > 0 and len(queue) == 0
        assert queue.handed_over > 0 if ends is None else ends.told > 0
        store.close()


def small_parts():
    line = Line()
    log = LogLine(40)
    gain = [1, -4]
    hot("logline.LogLine.word", lambda: log.word(b"key", b"value"))
    hot(
        "logline.LogLine.number",
        lambda: log.number(b"key", -SMALL_MAX),
        lambda: log.number(b"k", 0),
    )
    hot(
        "logline.LogLine.value",
        lambda: log.value(b"key", SMALL_MAX),
        lambda: log.value(b"key", None),
        lambda: log.value(b"key", gain),
    )
    hot("logline.LogLine.hundredths", lambda: log.hundredths(b"key", SMALL_MAX))
    hot("logline.LogLine.write", lambda: log.write(line))
    buf = bytearray(8)
    hot("crc16.crc16", lambda: crc16(buf, 0, 8))
    hot("cobs.encode", lambda: encode(buf, 0, 8))
    hot("cobs.decode", lambda: decode(buf, 8), lambda: decode(buf, 1))
    hot("logline.LogLine.copy_to", lambda: log.copy_to(buf, 1, 8), lambda: log.copy_to(buf, 1, 8))
    hot("cobs.unstuff", lambda: unstuff(buf, 8), lambda: unstuff(buf, 255))
    hot("usb.trim", lambda: trim(buf, 0), lambda: trim(buf, 9))
    ring = RecordRing(1, 8)
    pulses = Pulses(ring)
    hot("pulses.Pulses.pulse", pulses.pulse, lambda: pulses.pulse(None))
    samples = Samples(RecordRing(1, 6), Adc())
    hot("samples.Samples.sample", samples.sample, lambda: samples.sample(None))


class Lines:
    """A user's module: a record in three, then none; a sink that takes, and one that refuses."""

    def __init__(self):
        self.calls = 0

    def read(self, buf):
        self.calls += 1
        return self.calls % 3

    def write(self, record, n):
        return self.calls


def own_modules():
    module = Lines()
    caught = Caught(lambda error: None)
    for overflow in (REJECT, OVERWRITE):
        ring = RecordRing(2, 16, overflow, clock.ticks)
        source = ModuleSource(ring, module.read, caught)
        for _ in range(4):
            hot("module.ModuleSource.poll", source.poll)
        hot("slots.free_slot", lambda: free_slot(ring))
    sink = ModuleSink(module, module.write, caught)
    hot("module.ModuleSink.room", sink.room)
    for module.calls in (0, 1):
        hot("module.ModuleSink.write", lambda: sink.write(b"record", 6))


class Received(Line):
    """A UART on which the same comes again and again."""

    def any(self):
        return 70

    def readinto(self, buf, n):
        n = min(n, len(buf))
        for i in range(n):
            buf[i] = self.incoming[i % len(self.incoming)]
        return n


class Silent(Received):
    def any(self):
        return 0


def uart_sources():
    uart, silent = Received(), Silent()
    uart.incoming = b"ab\r\n\ntwelve bytes\n"
    for overflow in (REJECT, OVERWRITE):
        for length, silence in ((0, 0), (5, 0), (5, 3), (0, 3)):
            ring = RecordRing(3, 8, overflow, clock.ticks)
            source = UartSource(ring, uart, lambda: None, clock.ticks, length, silence)
            for source._uart in (uart, silent, uart, silent, silent):
                for _ in range(3):
                    hot("uart_source.UartSource.poll", source.poll)
                ring.clear()
                clock.now += 2


class Board:
    """What Program asks of a board, with nothing behind it."""

    NAME = "hot"
    FLASH = ""
    TICKS_PER_S = 1000
    SLEEPS_WITH = ("timer",)
    ticks = staticmethod(clock.ticks)

    def open_led(self):
        return lambda lit: None

    def open_uart(self):
        return Uart()

    def start_timer(self, period_ms, handler):
        pass

    def lightsleep(self, ms):
        pass

    def idle(self):
        pass

    def WDT(self, timeout):
        return self

    def feed(self):
        pass


def programs():
    for values in (
        {"control": "pid", "source": "link", "sink": "link", "watchdog_ms": 1000},
        {"control": "rate", "source": "timer", "sink": "null", "light_sleep_ms": 50},
        {"control": "codel", "overflow": "overwrite"},
        {"source": "timer", "sink": "uart", "light_sleep_ms": 50},
    ):
        line = Line()
        program = Program(check(values, 1000), Board(), line)
        program.start()
        controls = program.controls
        hot("controls.Controls.rate_changed", controls.rate_changed)
        for ms in (0, 500, 600000):
            hot("controls.Controls.set_watermark", lambda: controls.set_watermark(ms))
        for ms in (1, 60000):
            hot("controls.Controls.set_half", lambda: controls.set_half(ms))
        for step in (1, 999, 1, 1000):
            clock.now = clock.now + step & SMALL_MAX
            for size in (1, 16):
                put(program.ring, size)
            for _ in range(3):
                hot("program.Program.turn", program.turn)
                hot("program.Program.rest", program.rest)
            if values.get("sink") == "uart":
                hot("parts.Parts.has_sent", program._parts.has_sent)
            for program._has_moved in (False, True):
                hot("program.Program._progresses", program._progresses)
            hot("controls.Controls.close_interval", lambda: controls.close_interval(clock.now))
            hot("statsline.StatsLine.write", program.stats_line.write)
        assert program.stats.up_s > 1


for part in (
    buckets,
    queues,
    waits,
    records,
    statistics,
    trials,
    pipelines,
    holding,
    brokers,
    servers,
    shedding,
    adaptive_limits,
    tuned_buckets,
    loads,
    links,
    shares,
    channels,
    keyed_buckets,
    gaps,
    routers,
    tiered_queues,
    waits,
    own_modules,
    uart_sources,
    programs,
    small_parts,
):
    part()
for name in names:
    if name in failures:
        print("allocates", name, failures[name])
    else:
        print("hot", name)
