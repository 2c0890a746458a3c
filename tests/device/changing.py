"""Runs on a board: what a host's requests take of the heap, and what they leave.

Prints `garbage NAME BYTES` for one request of each kind, and `loop BYTES` for the pipeline's steps
after thousands of requests, good, bad and damaged, with the collector off.
"""

import gc
import random

from sluice import Pipeline, RecordRing, Stats, TokenBucket
from sluice.flow.sinks import NullSink
from sluice.link.logline import LogLine
from sluice.program.config import adopt_bucket, adopt_limit, check
from sluice.program.settings import Settings

REQUESTS = 3000


class Nowhere:
    """The buffers of a Frames, a line and a clock, and nothing behind them."""

    def __init__(self):
        self.received = bytearray(254)
        self.sent = bytearray(256)
        self.now = 0

    def send(self, end):
        return end <= 253

    def write(self, buf, n):
        return n

    def ticks(self):
        return self.now


board = Nowhere()
ring = RecordRing(16, 16, ticks=board.ticks)
stats = Stats(board.ticks)
bucket = TokenBucket(500, 10, 1000, board.ticks)
pipeline = Pipeline(ring, bucket, NullSink(), stats, ticks=board.ticks)
settings = Settings(
    check({"slots": 16}, 1000),
    1000,
    (
        (("rate", "per_ms", "burst"), lambda config: adopt_bucket(bucket, config, 1000)),
        (("kp", "calm"), lambda config: None),
        (("limit",), lambda config: adopt_limit(ring, config)),
    ),
    stats,
    board,
    board,
    LogLine(512),
)


def hear(content):
    board.received[1 : 1 + len(content)] = content
    return settings.receive(1 + len(content))


def numbered(n, pairs):
    return b"\x83" + bytes((n & 255, n >> 8, 1)) + pairs


def request(n):
    """A good one, a bad one, one whose bytes are damaged, or noise."""
    content = bytearray(
        numbered(n, b"who=anna rate=%d burst=%d" % (1 + n % 900, n % 7))
        if n % 3
        else numbered(n, b"who=longer.than.that rate=%d limit=%d trial_s=5" % (n, n % 19))
        if n % 2
        else b"\x85" + bytes((n & 255, 0, 0))
    )
    if n % 5 == 0:
        for _ in range(1 + n % 4):
            content[random.randrange(len(content))] = random.randrange(256)
    if n % 11 == 0:
        content = bytearray(random.randrange(256) for _ in range(1 + random.randrange(250)))
        content[0] = (0x83, 0x85)[n % 2]
    return content


def requests(first):
    for n in range(first, first + REQUESTS):
        hear(request(n))
        if n % 10 == 0:
            stats.fail()
            board.now += 1000
            stats.close_interval(board.now)
            settings.judge_trial()


def garbage(content):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    settings.receive(len(content))
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def steps():
    for n in range(10000):
        slot = ring.claim()
        if slot is not None:
            ring.publish(1 + n % 16)
        pipeline.step()
        board.now += 1
        if n % 1000 == 0:
            stats.close_interval(board.now)
            settings.judge_trial()


before = after = taken = 0  # a new global could make the module's dictionary grow
random.seed(1)
requests(1)
for name, content in (
    ("change", numbered(65000, b"who=anna rate=901")),
    ("change of three", numbered(65001, b"who=anna rate=77 burst=3 per_ms=2000")),
    ("refusal", numbered(65002, b"who=anna rate=-1")),
    ("repetition", numbered(65001, b"who=anna rate=77")),
    ("entry", b"\x85\xff\xff\xff"),
):
    board.received[1 : 1 + len(content)] = content
    taken = garbage(b"\0" + content)
    print("garbage", name, taken)
gc.collect()
gc.disable()
before = gc.mem_alloc()
steps()
after = gc.mem_alloc()
gc.enable()
print("loop", after - before)
