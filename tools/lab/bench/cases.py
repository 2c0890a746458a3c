"""What is measured: one call each, of the library and of what its users would write instead."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    FLOOR = "floor"
    OURS = "sluice"
    PEER = "peer"


@dataclass(frozen=True)
class Case:
    """One figure.

    setup:   the program before it; it makes what `names` says.
    names:   the variables that the call uses.
    call:    the statement that is measured.
    holds:   the modules of the library that it needs.
    wants:   what it needs of MicroPython, as module or module.name.
    prepare: a statement that is run, and not measured, before each `most` calls.
    events:  how often the call does what is told; figures are for one of them.
    """

    name: str
    kind: Kind
    setup: str
    names: str
    call: str
    holds: frozenset[str] = frozenset()
    wants: str = ""
    prepare: str = "pass"
    most: int | None = None
    events: int = 1

    @property
    def awaits(self) -> bool:
        return "await " in self.call


FLOOR = "method that reads the clock"
GRANTED = "TokenBucket.try_acquire, granted"
FLOAT = "float bucket, granted"
PUT_GET = "RingQueue 'H', put + get"
DEQUE = "deque, append + popleft in a method"
EVENT = "Pipeline, one event of 16"

_BUCKET = "from sluice.limit.bucket import TokenBucket\n"
_RICH = _BUCKET + "bucket = TokenBucket(1000000, 100000, None, ticks_us)"  # gains 1 each us
_POOR = _BUCKET + "bucket = TokenBucket(1, 1, 1 << 28, ticks_us)\nbucket.try_acquire()"
_QUEUE = "from sluice.queue.ring import RingQueue\n"
_RECORDS = (
    "from sluice.queue.records import RecordRing\nring = RecordRing(64, 16, ticks=ticks_us)\n"
)
_RECORD = "record = bytearray(8)"
_SLOTS = 64


def _bucket(name: str, setup: str, call: str) -> Case:
    return Case(name, Kind.OURS, setup, "bucket", call, frozenset({"bucket"}))


def _records(name: str, call: str, prepare: str) -> Case:
    return Case(
        name,
        Kind.OURS,
        _RECORDS + _RECORD,
        "ring, record",
        call,
        frozenset({"records", "ring"}),
        prepare=prepare,
        most=_SLOTS,
    )


CASES: tuple[Case, ...] = (
    Case(
        "empty method",
        Kind.FLOOR,
        "from floor import Floor\nfloor = Floor()",
        "floor",
        "floor.nothing()",
    ),
    Case(
        FLOOR,
        Kind.FLOOR,
        "from floor import Floor\nfloor = Floor()",
        "floor",
        "floor.elapsed(5)",
    ),
    _bucket(GRANTED, _RICH, "bucket.try_acquire()"),
    _bucket("TokenBucket.try_acquire, denied", _POOR, "bucket.try_acquire()"),
    _bucket("TokenBucket.wait_ticks", _POOR, "bucket.wait_ticks()"),
    _bucket("TokenBucket.reserve", _RICH, "bucket.reserve()"),
    Case(
        FLOAT,
        Kind.PEER,
        "from float_bucket import FloatBucket\nbucket = FloatBucket(1000000, 100000)",
        "bucket",
        "bucket.try_acquire()",
    ),
    Case(
        PUT_GET,
        Kind.OURS,
        _QUEUE + "queue = RingQueue(64, 'H')",
        "queue",
        "queue.try_put(7); queue.try_get()",
        frozenset({"ring"}),
    ),
    Case(
        "RingQueue of objects, put + get",
        Kind.OURS,
        _QUEUE + "queue = RingQueue(16)",  # the smallest board has no room for 64 of them
        "queue",
        "queue.try_put(7); queue.try_get()",
        frozenset({"ring"}),
    ),
    Case(
        DEQUE,
        Kind.PEER,
        "from deque_queue import DequeTurn\nqueue = DequeTurn(64)",
        "queue",
        "queue.turn(7)",
        wants="collections.deque",
    ),
    Case(
        "deque in a queue's class, put + get",
        Kind.PEER,
        "from deque_queue import DequeQueue\nqueue = DequeQueue(64)",
        "queue",
        "queue.put(7); queue.get()",
        wants="collections.deque",
    ),
    Case(
        "RingIO, write + readinto of 2 bytes",
        Kind.PEER,
        "from micropython import RingIO\nring = RingIO(128)\nrecord = bytearray(2)",
        "ring, record",
        "ring.write(record); ring.readinto(record)",
        wants="micropython.RingIO",
    ),
    Case(
        "asyncio queue, put + get",
        Kind.PEER,
        "from async_queue import AsyncQueue\nqueue = AsyncQueue(64)",
        "queue",
        "await queue.put(7); await queue.get()",
        wants="asyncio",
    ),
    _records("RecordRing.claim + publish", "ring.claim(); ring.publish(8)", "ring.clear()"),
    _records("RecordRing.put, 8 bytes", "ring.put(record, 8)", "ring.clear()"),
    _records(
        "RecordRing.peek + release",
        "ring.peek(); ring.release()",
        "while ring.free():\n    ring.put(record, 8)",
    ),
    Case(
        "Stats.admit",
        Kind.OURS,
        "from sluice.flow.stats import Stats\nnow = ticks_us()\nstats = Stats(ticks_us, 1000000)",
        "stats, now",
        "stats.admit(now, 100)",
        frozenset({"stats", "histogram"}),
    ),
    Case(
        EVENT,
        Kind.OURS,
        "from batch import Batch\nbatch = Batch()",
        "batch",
        "batch.turn()",
        frozenset({"bucket", "pipeline", "records", "ring", "sinks", "stats", "histogram"}),
        events=16,
    ),
)
