"""What may meet an interrupt: every pair of uses that an ownership rule allows."""

import struct
from collections.abc import Callable
from typing import Any

from host_sim import TickClock
from host_sim.interrupts import Interrupt, Script
from sluice.flow.pipeline import BYTES, RECORD, Pipeline
from sluice.flow.pulses import SIZE, Pulses
from sluice.flow.stats import Stats
from sluice.guard import IrqGuard
from sluice.limit.bucket import TokenBucket
from sluice.limit.debounce import Debounce
from sluice.limit.throttle import Throttle
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT, RingQueue

from . import models
from .explorer import Scenario, interruptible
from .history import History
from .models import LOST, Bucket, Queue


class World:
    """What the scripts of a scenario share.

    number: of the item that was put last; it tells items apart, and is the tick of records.
    """

    def __init__(self, **objects: Any) -> None:
        self.history = History()
        self.number = 0
        for name, each in objects.items():
            setattr(self, name, each)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this scenario has no {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)

    def after(self, *scripts: Script) -> "World":
        for script in scripts:
            script(self)
        return self

    def call(self, name: str, function: Callable[[], Any], argument: Any = None) -> Any:
        return self.history.call((name,), argument, function)

    def next_number(self) -> int:
        self.number += 1
        return self.number


def steps(*scripts: Script) -> Script:
    """A script that runs each of these."""

    def script(world: World) -> None:
        for each in scripts:
            each(world)

    script.__name__ = ", ".join(each.__name__ for each in scripts)
    return script


# Any ring.


def length(world: World) -> None:
    world.call("len", lambda: len(world.ring))


def free(world: World) -> None:
    world.call("free", world.ring.free)


def limited(limit: int) -> Script:
    def script(world: World) -> None:
        world.call("set_limit", lambda: world.ring.set_limit(limit), limit)

    script.__name__ = f"set_limit({limit})"
    return script


def above(world: World) -> None:
    world.call("above", world.ring.above)


def clear(world: World) -> None:
    world.call("clear", world.ring.clear, world.number)


def counters(world: World) -> None:
    ring = world.ring
    world.call("rejected", lambda: ring.rejected)
    world.call("overwritten", lambda: ring.overwritten)
    world.call("high_water", lambda: ring.high_water)


# RingQueue.


def put(world: World) -> None:
    item = world.next_number()
    world.call("put", lambda: world.ring.try_put(item), item)


def overwrite(world: World) -> None:
    """A put into an overwriting ring that gets interrupted: it may give up the oldest item
    though the interrupt makes room."""
    item = world.next_number()
    world.history.call(("make_room", "append"), item, lambda: world.ring.try_put(item))


def get(world: World) -> None:
    world.call("get", world.ring.try_get)


def peek(world: World) -> None:
    world.call("peek", world.ring.peek)


def release(world: World) -> None:
    world.call("release", world.ring.release)


def drain_queue(world: World) -> None:
    """At rest: everything is taken, and the counters tell what became of the rest."""
    if world.ring._high:
        above(world)
    length(world)
    while len(world.ring):
        get(world)
    get(world)
    counters(world)
    if world.ring._high:
        above(world)


# RecordRing: a record of number n is one byte of it, or two if it is odd.


def new_record(world: World) -> tuple[int, bytes]:
    """A record with the tick that it will have."""
    number = world.next_number()
    return world.tick(), bytes([number]) * (number % 2 + 1)


def put_record(world: World) -> None:
    tick, record = new_record(world)
    world.call("put", lambda: world.ring.put(record, len(record)), (tick, record))


def publish(world: World) -> None:
    tick, record = new_record(world)
    world.call("put", lambda: filled_in_place(world.ring, record), (tick, record))


def overwrite_record(world: World) -> None:
    tick, record = new_record(world)
    operations = ("make_room", "append")
    world.history.call(operations, (tick, record), lambda: filled_in_place(world.ring, record))


@interruptible
def filled_in_place(ring: RecordRing, record: bytes) -> bool:
    view = ring.claim()
    if view is None:
        return False
    for at in range(len(record)):
        view[at] = record[at]
    return ring.publish(len(record))


def get_record(world: World) -> None:
    def look() -> bool:
        world.view = world.ring.peek()
        return world.view is not None

    if world.call("look", look):
        world.call("take", lambda: copied_out(world.ring, world.view))


@interruptible
def copied_out(ring: RecordRing, view: memoryview) -> Any:
    """The record that was peeked at, with its tick, or LOST."""
    record = bytearray(ring.peek_len())
    tick = ring.peek_ticks()
    for at in range(len(record)):
        record[at] = view[at]
    return (tick, bytes(record)) if ring.release() else LOST


def look_behind(world: World) -> None:
    world.call("behind", lambda: copied_behind(world.ring))


@interruptible
def copied_behind(ring: RecordRing) -> Any:
    """The record behind the oldest, with its tick; None: there is none."""
    n = ring.peek_behind_len(1)
    if n == 0:
        return None
    view = ring.peek_behind(1)
    assert view is not None
    return ring.peek_behind_ticks(1), bytes(view[:n])


def backlog(world: World) -> None:
    world.call("backlog", world.ring.backlog)


def some_backlog(world: World) -> None:
    """Of an overwriting ring it may be a mix of what was there and what came meanwhile."""
    world.call("holds", lambda: 0 < world.ring.backlog() <= 2 * 2, "bytes of two records")


def drain_records(world: World) -> None:
    length(world)
    while len(world.ring):
        get_record(world)
    get_record(world)
    counters(world)


# Pulses: as records, number n in 8 bytes with the tick of its put.


def pulse(world: World) -> None:
    number = world.next_number()
    rejected = world.ring.rejected

    def accepted() -> bool:
        world.pulses.pulse()
        return world.ring.rejected == rejected

    world.call("put", accepted, (number, struct.pack("<II", number - 1, number)))


# Pipeline: one step is the taking of the item that its sink or its degrade hook was given.


class Sink:
    """Keeps what it was given last, with its length."""

    def __init__(self) -> None:
        self.given: bytes | None = None

    def room(self) -> int:
        return 1

    def write(self, record: memoryview, n: int) -> bool:
        self.given = bytes(record[:n])
        return True


def may_rest(world: World) -> None:
    world.call("may_rest", lambda: world.pipeline.wait_ticks() < 0)


def step(world: World) -> None:
    def one() -> Any:
        world.sink.given = None
        if not world.pipeline.step():
            return None
        record = world.sink.given
        return record if record is None else (struct.unpack("<II", record)[1], record)

    if world.call("step", one) is not None:
        world.left += 1


def lag(world: World) -> None:
    world.call("holds", lambda: world.pipeline.lag() >= 0, "a lag is never negative")


def retry(world: World) -> None:
    world.pipeline.retry_now()


def drain_pipeline(world: World) -> None:
    while len(world.ring):
        step(world)
    counters(world)
    counted = world.stats.admitted + world.stats.failed
    world.call("holds", lambda: counted == world.left, "each that left is counted once")
    spent = world.bucket.burst - world.bucket.tokens()
    world.call("holds", lambda: spent == world.stats.admitted, "each that was sent cost a token")


# TokenBucket.


def acquire(n: int) -> Script:
    def try_acquire(world: World) -> None:
        world.call("try_acquire", lambda: world.bucket.try_acquire(n), n)

    return try_acquire


def acquire_some(most: int) -> Script:
    def acquire_up_to(world: World) -> None:
        world.call("acquire_up_to", lambda: world.bucket.acquire_up_to(most), most)

    return acquire_up_to


def wait(n: int) -> Script:
    def wait_ticks(world: World) -> None:
        world.call("wait_ticks", lambda: world.bucket.wait_ticks(n), n)

    return wait_ticks


def book(n: int, max_wait: int) -> Script:
    def reserve(world: World) -> None:
        world.call("reserve", lambda: world.bucket.reserve(n, max_wait), (n, max_wait))

    return reserve


def give_back(n: int) -> Script:
    def cancel(world: World) -> None:
        world.call("cancel", lambda: world.bucket.cancel(n), n)

    return cancel


def tokens(world: World) -> None:
    world.call("tokens", world.bucket.tokens)


def refill(world: World) -> None:
    world.call("refill", world.bucket.refill)


def reset(world: World) -> None:
    world.call("reset", world.bucket.reset)


def advance(n: int) -> Script:
    """A script that lets n ticks pass; negative: the clock steps back."""

    def script(world: World) -> None:
        clock = world.clock
        world.call("advance", lambda: clock.set((clock.ticks() + n) % (1 << 30)), n)

    script.__name__ = f"advance({n})"
    return script


def drain_bucket(world: World) -> None:
    tokens(world)
    advance(20)(world)
    tokens(world)
    while world.call("try_acquire", lambda: world.bucket.try_acquire(1), 1):
        pass


# Throttle and Debounce.


def event(world: World) -> None:
    world.call("try_acquire", world.throttle.try_acquire)


def keep(world: World) -> None:
    world.call("refill", world.throttle.refill)


def drain_throttle(world: World) -> None:
    steps(event, advance(GAP - 1), event, keep, advance(1), event, keep, event)(world)
    world.call("refused", lambda: world.throttle.refused)


def edge(world: World) -> None:
    world.call("edge", world.debounce.edge)


def poll(world: World) -> None:
    world.call("poll", world.debounce.poll)


def drain_debounce(world: World) -> None:
    steps(poll, advance(GAP - 1), poll, advance(1), poll, poll, edge, advance(GAP), poll)(world)


# The worlds.


def aged(ring: Any) -> Any:
    """The ring as it is after many items: its indices start again at 0 within the next two."""
    ring._head = ring._tail = ring._floor = ring._wrap - 1
    return ring


def queue(capacity: int, overflow: int, guarded: bool = False) -> Any:
    return aged(RingQueue(capacity, "H", overflow, IrqGuard() if guarded else None))


def of_queue(capacity: int, overflow: int = REJECT, *before: Script) -> Callable[[], World]:
    return lambda: World(ring=queue(capacity, overflow)).after(*before)


def of_shared_queue(capacity: int, overflow: int, *before: Script) -> Callable[[], World]:
    return lambda: World(ring=queue(capacity, overflow, guarded=True)).after(*before)


def watch(world: World) -> None:
    world.ring.set_watermarks(3, 1)


def of_records(
    slots: int, overflow: int = REJECT, *before: Script, guarded: bool = False
) -> Callable[[], World]:
    def build() -> World:
        # With several producers the last number may be that of another's record.
        world = World(tick=lambda: 0 if guarded else world.number)
        guard = IrqGuard() if guarded else None
        world.ring = aged(RecordRing(slots, 2, overflow, world.tick, guard))
        return world.after(*before)

    return build


def of_pulses(slots: int, overflow: int, *before: Script) -> Callable[[], World]:
    def build() -> World:
        world = World()
        world.ring = aged(RecordRing(slots, SIZE, overflow, lambda: world.number))
        world.pulses = Pulses(world.ring, lambda: world.number)
        return world.after(*before)

    return build


def of_pipeline(overflow: int, cost: str, *before: Script) -> Callable[[], World]:
    """A pipeline that sends at once; by bytes, its bucket can never hold enough."""

    def build() -> World:
        world = of_pulses(2, overflow)()
        world.left = 0
        world.sink = Sink()
        world.bucket = TokenBucket(0, SIZE - 1)
        world.stats = Stats()
        world.pipeline = Pipeline(
            world.ring,
            world.bucket,
            world.sink,
            world.stats,
            cost=cost,
            degrade=world.sink.write,
        )
        return world.after(*before)

    return build


def of_bucket(*before: Script, guarded: bool = False) -> Callable[[], World]:
    """2 tokens every 3 ticks, 4 at once, shortly before the ticks wrap."""

    def build() -> World:
        clock = TickClock((1 << 30) - 4)
        guard = IrqGuard() if guarded else None
        return World(clock=clock, bucket=TokenBucket(2, 4, 3, clock.ticks, guard)).after(*before)

    return build


def of_throttle(*before: Script) -> Callable[[], World]:
    """Shortly before the ticks wrap, and the number of the event that went last."""

    def build() -> World:
        clock = TickClock((1 << 30) - 4)
        throttle = Throttle(GAP, clock.ticks)
        throttle._went = throttle._over = (1 << 29) - 2
        return World(clock=clock, throttle=throttle).after(*before)

    return build


def of_debounce(*before: Script) -> Callable[[], World]:
    """Shortly before the ticks wrap, and the number of edges."""

    def build() -> World:
        clock = TickClock((1 << 30) - 4)
        debounce = Debounce(GAP, clock.ticks)
        debounce._edges = debounce._told = (1 << 29) - 2
        return World(clock=clock, debounce=debounce).after(*before)

    return build


LOW, HIGH = 1, 2
GAP = 5  # ticks of a Throttle, and of quiet for a Debounce

PUTS = (Interrupt(put), Interrupt(steps(put, put, put)))
TIME = (Interrupt(advance(2)), Interrupt(advance(-2)))

SCENARIOS = (
    # One producer and one consumer, no guard.
    Scenario(
        "queue, empty: main puts, an interrupt gets",
        of_queue(2),
        put,
        (Interrupt(get),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue, full: main puts, an interrupt gets",
        of_queue(2, REJECT, put, put),
        put,
        (Interrupt(get),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue: main, the producer, asks for room, an interrupt gets",
        of_queue(2, REJECT, put, put),
        free,
        (Interrupt(get), Interrupt(steps(peek, release))),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue: main lowers the limit below its depth and raises it, an interrupt puts",
        of_queue(3, REJECT, put, put),
        steps(limited(1), free, limited(3)),
        PUTS,
        drain_queue,
        Queue(3),
    ),
    Scenario(
        "queue: main gets, an interrupt puts",
        of_queue(2, REJECT, put),
        get,
        (Interrupt(put),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue, empty: main gets and gets, an interrupt puts",
        of_queue(2),
        steps(get, get),
        PUTS,
        drain_queue,
        Queue(2),
        most=1,
    ),
    Scenario(
        "queue: main peeks and releases, an interrupt puts",
        of_queue(2, REJECT, put),
        steps(peek, release),
        (Interrupt(put),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue: main, the consumer, asks for its depth, an interrupt puts",
        of_queue(2, REJECT, put),
        length,
        (Interrupt(put),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "queue: main clears and gets, an interrupt puts",
        of_queue(2, REJECT, put, put),
        steps(clear, get),
        (Interrupt(put),),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "overwriting queue: main gets, an interrupt puts",
        of_queue(2, OVERWRITE, put, put),
        get,
        PUTS,
        drain_queue,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting queue: main peeks and releases, an interrupt puts",
        of_queue(2, OVERWRITE, put, put),
        steps(peek, release),
        PUTS,
        drain_queue,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting queue: main, the consumer, asks for its depth, an interrupt puts",
        of_queue(2, OVERWRITE, put, put),
        length,
        PUTS,
        drain_queue,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting queue: main puts, an interrupt gets",
        of_queue(2, OVERWRITE, put, put),
        overwrite,
        (Interrupt(get),),
        drain_queue,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting queue: main clears and gets, an interrupt puts",
        of_queue(2, OVERWRITE, put, put),
        steps(clear, get),
        PUTS,
        drain_queue,
        Queue(2, overwrite=True),
    ),
    # Watermarks.
    Scenario(
        "watermarks: main puts up to the high one, an interrupt gets",
        of_queue(4, REJECT, watch, put, put),
        put,
        (Interrupt(steps(get, get)),),
        drain_queue,
        Queue(4, high=3, low=1),
    ),
    Scenario(
        "watermarks: main gets down to the low one, an interrupt puts",
        of_queue(4, REJECT, watch, put, put, put, get),
        get,
        (Interrupt(steps(put, put)),),
        drain_queue,
        Queue(4, high=3, low=1),
    ),
    Scenario(
        "watermarks: main asks at every stage, an interrupt gets or puts",
        of_shared_queue(4, REJECT, watch, put, put),
        steps(put, above, get, above, get, above),
        (Interrupt(get), Interrupt(steps(get, get)), *PUTS),
        drain_queue,
        Queue(4, high=3, low=1),
        most=1,
    ),
    Scenario(
        "watermarks: main clears, an interrupt puts",
        of_queue(4, REJECT, watch, put, put, put),
        clear,
        (Interrupt(steps(put, put, put)),),
        drain_queue,
        Queue(4, high=3, low=1),
    ),
    Scenario(
        "watermarks of an overwriting queue: main gets, an interrupt puts",
        of_queue(4, OVERWRITE, watch, put, put, put, get),
        get,
        (Interrupt(steps(put, put, put, put, put)),),
        drain_queue,
        Queue(4, overwrite=True, high=3, low=1),
        most=1,
    ),
    # Records.
    Scenario(
        "records, none: main fills in place, an interrupt takes",
        of_records(2),
        publish,
        (Interrupt(get_record),),
        drain_records,
        Queue(2),
    ),
    Scenario(
        "records, full: main fills in place, an interrupt takes",
        of_records(1, REJECT, publish),
        publish,
        (Interrupt(get_record),),
        drain_records,
        Queue(1),
    ),
    Scenario(
        "records, none: main puts copies, an interrupt takes",
        of_records(2),
        put_record,
        (Interrupt(get_record),),
        drain_records,
        Queue(2),
    ),
    Scenario(
        "records, full: main puts copies, an interrupt takes",
        of_records(1, REJECT, put_record),
        put_record,
        (Interrupt(get_record),),
        drain_records,
        Queue(1),
    ),
    Scenario(
        "records: main takes, an interrupt fills in place",
        of_records(2, REJECT, publish),
        get_record,
        (Interrupt(publish),),
        drain_records,
        Queue(2),
    ),
    Scenario(
        "records: main looks behind the oldest, an interrupt fills in place",
        of_records(3, REJECT, publish, publish),
        look_behind,
        (Interrupt(publish),),
        drain_records,
        Queue(3),
    ),
    Scenario(
        "records: main asks for the backlog, an interrupt fills in place",
        of_records(3, REJECT, publish, publish),
        backlog,
        (Interrupt(publish),),
        drain_records,
        Queue(3),
    ),
    Scenario(
        "overwriting records: main asks for the backlog, an interrupt fills in place",
        of_records(2, OVERWRITE, publish, publish),
        some_backlog,
        (Interrupt(publish), Interrupt(steps(publish, publish, publish))),
        drain_records,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting records: main takes, an interrupt fills in place",
        of_records(2, OVERWRITE, publish, publish),
        get_record,
        (Interrupt(publish),),
        drain_records,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting records: main takes, an interrupt fills three in place",
        of_records(2, OVERWRITE, publish, publish),
        get_record,
        (Interrupt(steps(publish, publish, publish)),),
        drain_records,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "overwriting records: main fills in place, an interrupt takes",
        of_records(2, OVERWRITE, publish, publish),
        overwrite_record,
        (Interrupt(get_record),),
        drain_records,
        Queue(2, overwrite=True),
    ),
    # Pulses and the pipeline.
    Scenario(
        "pulses, none: main pulses, an interrupt takes",
        of_pulses(2, REJECT),
        pulse,
        (Interrupt(get_record),),
        drain_records,
        Queue(2),
    ),
    Scenario(
        "pulses: main takes, an interrupt pulses",
        of_pulses(1, OVERWRITE, pulse),
        get_record,
        (Interrupt(pulse),),
        drain_records,
        Queue(1, overwrite=True),
        most=1,
    ),
    Scenario(
        "pipeline: main steps, an interrupt pulses",
        of_pipeline(REJECT, RECORD, pulse),
        steps(step, retry, step),
        (Interrupt(pulse),),
        drain_pipeline,
        Queue(2),
        most=1,
    ),
    Scenario(
        "pipeline: main asks for the lag, an interrupt pulses",
        of_pipeline(REJECT, RECORD),
        steps(lag, lag),
        (Interrupt(pulse),),
        drain_pipeline,
        Queue(2),
    ),
    Scenario(
        "pipeline: main asks whether it may rest, an interrupt pulses",
        of_pipeline(REJECT, RECORD),
        steps(may_rest, may_rest),
        (Interrupt(pulse),),
        drain_pipeline,
        Queue(2),
    ),
    Scenario(
        "overwriting pipeline: main steps, an interrupt pulses",
        of_pipeline(OVERWRITE, RECORD, pulse, pulse),
        step,
        (Interrupt(pulse), Interrupt(steps(pulse, pulse, pulse))),
        drain_pipeline,
        Queue(2, overwrite=True),
        most=1,
    ),
    Scenario(
        "overwriting pipeline of records that cost too much: main steps, an interrupt pulses",
        of_pipeline(OVERWRITE, BYTES, pulse, pulse),
        step,
        (Interrupt(pulse), Interrupt(steps(pulse, pulse, pulse))),
        drain_pipeline,
        Queue(2, overwrite=True),
        most=1,
    ),
    # Guarded: main, low and high interrupts are producers and consumers.
    Scenario(
        "guarded queue: everybody puts and gets",
        of_shared_queue(2, REJECT, put),
        steps(put, length, get, free, peek, release),
        (Interrupt(put, LOW), Interrupt(steps(put, get, get), HIGH)),
        drain_queue,
        Queue(2),
    ),
    Scenario(
        "guarded queue, full: everybody is refused",
        of_shared_queue(1, REJECT, put),
        steps(put, put),
        (Interrupt(put, LOW), Interrupt(put, HIGH)),
        drain_queue,
        Queue(1),
    ),
    Scenario(
        "guarded overwriting queue: everybody puts, main gets",
        of_shared_queue(2, OVERWRITE, put, put),
        steps(put, get, length, clear, get),
        (Interrupt(put, LOW), Interrupt(put, HIGH)),
        drain_queue,
        Queue(2, overwrite=True),
    ),
    Scenario(
        "guarded records: everybody puts",
        of_records(3, guarded=True),
        steps(put_record, put_record),
        (Interrupt(put_record, LOW), Interrupt(put_record, HIGH)),
        drain_records,
        Queue(3),
    ),
    Scenario(
        "guarded overwriting records: everybody puts, main takes",
        of_records(2, OVERWRITE, put_record, put_record, guarded=True),
        get_record,
        (Interrupt(put_record, LOW), Interrupt(put_record, HIGH)),
        drain_records,
        Queue(2, overwrite=True),
    ),
    # Buckets.
    Scenario(
        "bucket: time passes, or the clock steps back, while main takes",
        of_bucket(acquire(3)),
        acquire(2),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket: time passes, or the clock steps back, while main takes what is there",
        of_bucket(acquire(3)),
        steps(acquire_some(2), acquire_some(0)),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket: time passes, or the clock steps back, while main reserves",
        of_bucket(acquire(4)),
        book(2, 3),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket: time passes, or the clock steps back, while main asks how long to wait",
        of_bucket(acquire(4)),
        wait(2),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket: time passes, or the clock steps back, while main refills",
        of_bucket(acquire(4), advance(1)),
        steps(refill, acquire(1)),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket, after most of a period of the ticks: time passes while main refills and takes",
        of_bucket(acquire(4), advance((1 << 29) + 7)),
        steps(refill, acquire(4)),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    Scenario(
        "bucket: time passes while main asks for nothing, and for more than there can ever be",
        of_bucket(acquire(2)),
        steps(acquire(0), acquire(5), wait(0), wait(5), book(0, 1), book(5, -1), give_back(0)),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
        most=1,
    ),
    Scenario(
        "bucket: time passes while main gives back more than was taken",
        of_bucket(acquire(2)),
        steps(give_back(9), tokens, book(4, 0), book(4, 1), wait(1)),
        TIME,
        drain_bucket,
        Bucket(2, 3, 4),
        most=1,
    ),
    Scenario(
        "guarded bucket: everybody takes",
        of_bucket(acquire(1), guarded=True),
        steps(
            acquire(2),
            wait(2),
            acquire(1),
            book(2, 3),
            give_back(1),
            tokens,
            refill,
            reset,
            acquire_some(9),
        ),
        (
            Interrupt(steps(advance(1), acquire(1)), LOW),
            Interrupt(steps(advance(2), book(1, -1)), HIGH),
            Interrupt(steps(give_back(1), tokens), HIGH),
        ),
        drain_bucket,
        Bucket(2, 3, 4),
    ),
    # Throttle and Debounce.
    Scenario(
        "throttle: main forgets a gap that is over, an interrupt's events come",
        of_throttle(event, advance(GAP)),
        steps(keep, keep),
        (Interrupt(event), Interrupt(steps(event, advance(GAP), event))),
        drain_throttle,
        models.Throttle(GAP),
    ),
    Scenario(
        "throttle: main forgets a gap that is not over, time passes and an interrupt's events come",
        of_throttle(event, advance(GAP - 1)),
        steps(keep, keep),
        (Interrupt(steps(advance(1), event)), Interrupt(steps(event, advance(1)))),
        drain_throttle,
        models.Throttle(GAP),
    ),
    Scenario(
        "throttle: main's events come, time passes and an interrupt forgets a gap that is over",
        of_throttle(event, advance(GAP - 1)),
        steps(event, event),
        (Interrupt(steps(advance(1), keep)), Interrupt(steps(keep, advance(GAP), keep))),
        drain_throttle,
        models.Throttle(GAP),
    ),
    Scenario(
        "debounce: main asks, an interrupt's edges come",
        of_debounce(edge, advance(GAP)),
        steps(poll, poll),
        (Interrupt(edge), Interrupt(steps(edge, advance(GAP)))),
        drain_debounce,
        models.Debounce(GAP),
    ),
    Scenario(
        "debounce: main asks before the line was quiet, time passes and an interrupt's edges come",
        of_debounce(edge, advance(GAP - 1)),
        steps(poll, poll),
        (Interrupt(advance(1)), Interrupt(steps(edge, edge)), Interrupt(steps(advance(1), edge))),
        drain_debounce,
        models.Debounce(GAP),
    ),
    Scenario(
        "debounce: main's edges come, time passes",
        of_debounce(edge, advance(GAP)),
        steps(edge, poll, edge),
        (Interrupt(advance(1)), Interrupt(advance(GAP))),
        drain_debounce,
        models.Debounce(GAP),
    ),
)

# Hot code that never meets an interrupt, or does so elsewhere, and why.
EXEMPT = {
    "control.adaptive": "the main loop's own",
    "deadline": "the main loop's own",
    "program.share": "the main loop's own",
    "queue.channel": "the tasks' own, but for try_put: an interrupt at each opcode of a get is in"
    " tests/queue/test_channel_interrupts.py",
    "link.cobs": "on buffers of the link",
    "control.codel": "the pipeline's own",
    "crc16": "on buffers of the link",
    "program.controls": "the main loop's own",
    "program.member": "the main loop's own",
    "program.module": "the main loop's own; records go in by RecordRing's claim and publish",
    "program.parts": "the main loop's own",
    "program.program": "the main loop itself",
    "program.spill": "the main loop's own",
    "program.statsline": "the main loop's own",
    "link.frames": "the link's own",
    "link.ctrl_c": "the link's own",
    "flow.histogram": "the statistics' own",
    "flow.holding": "the pipeline's own; an interrupt meets what it asks of the ring",
    "limit.keyed": "one owner",
    "link.session": "the main loop's own",
    "flow.load": "the main loop's own",
    "link.logline": "the main loop's own",
    "limit.pacer": "one owner; what it does with the clock is TokenBucket's",
    "flow.router": "put is that of RecordRing, step is that of Pipeline",
    "program.settings": "the main loop's own",
    "flow.samples": "what it asks of the ring is what Pulses asks, which has scenarios",
    "flow.sinks": "called by the pipeline alone",
    "flow.slots": "the sources' own; what it asks of the ring is what Pulses asks",
    "flow.stats": "the pipeline's own",
    "flow.uart_sink": "called by the pipeline alone",
    "flow.uart_source": "the main loop's own; records go in by RecordRing's claim and publish",
    "link.stdio": "the link's own",
    "link.usb": "the link's own",
    "net.answer": "the main loop's own",
    "net.backoff": "the main loop's own",
    "net.batch": "the main loop's own",
    "net.http": "the main loop's own",
    "net.mqtt": "the main loop's own; the ring's slots stay as they are while it holds them",
    "queue.limits": "the main loop's own; the ring's limit is one store",
    "queue.store": "the main loop's own",
    "queue.tiered": "put is that of RecordRing; the rest is the main loop's own",
    "program.trial": "the main loop's own",
    "limit.tunable": "tune and throttle are the main loop's own; the rest is TokenBucket's",
    "control.tuning": "the main loop's own",
    "program.watermark": "without state",
}
