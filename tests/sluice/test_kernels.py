"""The kernels in viper, run on CPython, and the plain classes: the same operations and answers."""

import importlib
import random
import re
import sys

import pytest

import host_sim
from host_sim import FIRMWARE, TickClock

NATIVE = FIRMWARE / "sluice" / "native"
NAMES = (
    *("bucket", "tunable", "pacer", "keyed", "ring", "records", "stats", "histogram"),
    *("pipeline", "crc16", "cobs"),
)
STATE = "capacity limit high_water rejected overwritten rate burst settled _debt"


@pytest.fixture(scope="module")
def variants():
    """variants(name): a module of the library, plain and with its kernels."""
    patch = pytest.MonkeyPatch()
    patch.delenv("SLUICE_NATIVE", raising=False)
    plain = {name: importlib.import_module(f"sluice.{name}") for name in NAMES}
    outside = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
    patch.setenv("SLUICE_NATIVE", "1")
    native = {name: importlib.import_module(f"sluice.{name}") for name in NAMES}
    for name in [name for name in sys.modules if _ours(name)]:
        del sys.modules[name]
    sys.modules.update(outside)
    yield lambda name: (plain[name], native[name])  # kernels are also made with each object
    patch.undo()


def _ours(name):
    return name.partition(".")[0] == "sluice"


def drive(objects, clocks, operations, seed, count=1500):
    """Give all objects the same random operations; what they answer and show must be the same."""
    random_ = random.Random(seed)
    for _ in range(count):
        name, arguments = random_.choice(operations)(random_)
        if name == "advance":
            for clock in clocks:
                clock.set((clock.ticks() + arguments[0]) % (1 << 30))
            continue
        answers = [_answer(each, name, arguments) for each in objects]
        assert answers[0] == answers[1], (name, arguments)
        shown = [[getattr(each, name, None) for name in STATE.split()] for each in objects]
        assert shown[0] == shown[1], (name, arguments)


def _answer(each, name, arguments):
    if name == "len":
        return len(each)
    answer = getattr(each, name)(*arguments)
    return bytes(answer) if isinstance(answer, memoryview) else answer


def ticks_to_pass(random_):
    steps = (1, 7, 1000, 70_000, 1 << 28, (1 << 29) + 5, -3, -65_536, -65_537)
    return "advance", (random_.choice(steps),)


@pytest.mark.parametrize(
    ("rate", "burst", "per"), [(500, 10, 1000), (3, 5, 7000), (None, 3, 1000), (0, 4, 1000)]
)
def test_buckets(variants, rate, burst, per):
    clocks = [TickClock((1 << 30) - 9), TickClock((1 << 30) - 9)]
    pairs = zip(variants("bucket"), clocks, strict=True)
    buckets = [module.TokenBucket(rate, burst, per, clock.ticks) for module, clock in pairs]
    assert type(buckets[0]) is not type(buckets[1])
    operations = [ticks_to_pass] + [
        lambda random_, name=name: (name, (random_.choice((-1, 0, 1, 2, burst, burst + 1)),))
        for name in ("try_acquire", "take_up_to", "wait_ticks", "reserve", "cancel")
    ]
    operations += [lambda _: ("tokens", ()), lambda _: ("refill", ())]
    drive(buckets, clocks, operations, seed=burst)


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize(("capacity", "typecode"), [(1, "H"), (4, None), (5, "i")])
def test_queues(variants, capacity, typecode, overflow):
    queues = [module.RingQueue(capacity, typecode, overflow) for module in variants("ring")]
    for queue in queues:
        queue._head = queue._floor = queue._tail = queue._wrap - 2
    operations = [lambda random_: ("try_put", (random_.randrange(1000),))] * 3
    operations += [
        lambda _, name=name: (name, ())
        for name in ("try_get", "try_get", "peek", "release", "free", "len", "above")
    ]
    operations += [lambda random_: ("set_limit", (random_.randint(1, capacity),))]
    drive(queues, [], operations, seed=capacity)


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize("slots", [1, 3, 4])
def test_record_rings(variants, slots, overflow):
    clocks = [TickClock(5), TickClock(5)]
    pairs = zip(variants("records"), clocks, strict=True)
    rings = [module.RecordRing(slots, 8, overflow, clock.ticks) for module, clock in pairs]
    operations = [ticks_to_pass, lambda _: ("claim", ())]
    operations += [lambda random_: ("put", (b"12345678", random_.randint(0, 9)))] * 2
    operations += [lambda random_: ("publish", (random_.randint(0, 9),))]
    operations += [
        lambda _, name=name: (name, ())
        for name in ("peek", "peek_len", "peek_ticks", "release", "free", "len", "clear")
    ]
    drive(rings, clocks, operations, seed=slots)


def test_statistics(variants):
    clocks = [TickClock(5), TickClock(5)]
    pairs = list(zip(variants("stats"), clocks, strict=True))
    stats = [module.Stats(clock.ticks) for module, clock in pairs]
    for seed in range(400):
        random_ = random.Random(seed)
        step, sojourn = random_.choice((1, 999, 5000, -3)), random_.choice((-1, 5, 16, 1 << 29))
        for each, clock in zip(stats, clocks, strict=True):
            clock.set((clock.ticks() + step) % (1 << 30))
            each.admit(clock.ticks(), sojourn)
            if seed % 9 == 0:
                each.close_interval(clock.ticks())
        assert [vars_of(each) for each in stats[:1]] == [vars_of(stats[1])], seed


def vars_of(stats):
    names = ["admitted", "denied", "qps", "up_s", "p50", "p95", "p99", "_in_second", "_since"]
    return [getattr(stats, name) for name in names]


def test_checksum_and_stuffing(variants):
    plain, native = variants("crc16")
    random_ = random.Random(1)
    for n in (1, 2, 100, 253):
        content = bytearray(random_.choice((0, 0, 7, 255)) for _ in range(n))
        assert plain.crc16(content, 0, n) == native.crc16(content, 0, n)
        frames = [bytearray(1) + content, bytearray(1) + content]
        for module, frame in zip(variants("cobs"), frames, strict=True):
            module.encode(frame, 0, n + 1)
        assert frames[0] == frames[1]
        for module, frame in zip(variants("cobs"), frames, strict=True):
            assert module.decode(frame, n + 1)
            assert frame[1:] == content


def test_a_bucket_whose_arithmetic_is_another_is_not_overtaken_by_the_kernel(variants):
    for name, kind in (("tunable", "TunableBucket"), ("pacer", "Pacer")):
        clocks = [TickClock(5), TickClock(5)]
        pairs = zip(variants(name), clocks, strict=True)
        buckets = [getattr(module, kind)(500, 4, 1000, clock.ticks) for module, clock in pairs]
        for bucket in buckets:
            bucket.set_range(1, 9000)
        operations = [ticks_to_pass, lambda random_: ("tune", (random_.choice((1, 70, 9000)),))]
        operations += [
            lambda random_, verb=verb: (verb, (random_.choice((0, 1, 4, 5)),))
            for verb in ("try_acquire", "take_up_to", "wait_ticks", "reserve", "cancel")
        ]
        drive(buckets, clocks, operations, seed=2)


def test_buckets_by_key(variants):
    clocks = [TickClock(5), TickClock(5)]
    pairs = zip(variants("keyed"), clocks, strict=True)
    buckets = [module.KeyedBuckets(2, 500, 3, 1000, clock.ticks) for module, clock in pairs]
    ask = lambda random_: ("try_acquire", (random_.randrange(5), random_.randrange(1, 4)))  # noqa: E731
    drive(buckets, clocks, [ticks_to_pass, ask, ask, ask], seed=3)


class Sink:
    """Takes its time, and fails in turn as an equal one does."""

    def __init__(self, clock, seed):
        self._clock = clock
        self._random = random.Random(seed)
        self.seen = []

    def write(self, record, n):
        self._clock.set((self._clock.ticks() + self._random.choice((0, 0, 1, 30))) % (1 << 30))
        answer = self._random.choice((True,) * 9 + (False, None, OSError("no")))
        self.seen.append((self._clock.ticks(), bytes(record[:n]), repr(answer)))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("kind", ["TokenBucket", "Pacer"])
@pytest.mark.parametrize("tries", [1, 2])
@pytest.mark.parametrize("overflow", [0, 1])
def test_pipelines(variants, kind, tries, overflow):
    clocks = [TickClock((1 << 30) - 50), TickClock((1 << 30) - 50)]
    rigs = []
    for i, clock in enumerate(clocks):
        module = {name: variants(name)[i] for name in NAMES}
        ring = module["records"].RecordRing(8, 4, overflow, clock.ticks)
        ring.set_watermarks(5, 2, None)
        bucket = getattr(module["bucket" if kind == "TokenBucket" else "pacer"], kind)
        bucket = bucket(200, 6, 1000, clock.ticks)
        stats = module["stats"].Stats(clock.ticks)
        sink = Sink(clock, 7)
        options = "record", tries, None, clock.ticks
        pipeline = module["pipeline"].Pipeline(ring, bucket, sink, stats, *options, batch=5)
        rigs.append((ring, bucket, stats, sink, pipeline))
    assert rigs[1][4]._known
    random_ = random.Random(1)
    for _ in range(3000):
        step = random_.choice((0, 1, 3, 20))
        puts = random_.choice((0, 0, 1, 4))
        for (ring, _, stats, _, pipeline), clock in zip(rigs, clocks, strict=True):
            clock.set((clock.ticks() + step) % (1 << 30))
            for n in range(puts):
                ring.put(b"%4d" % n, 1 + n)
            stats.moved = pipeline.step()
            if step == 20:
                stats.close_interval(clock.ticks())
        shown = [
            [*vars_of(stats), *intervals_of(stats), bucket._debt, len(ring), sink.seen[-5:]]
            for ring, bucket, stats, sink, _ in rigs
        ]
        assert shown[0] == shown[1]
    assert len(rigs[0][3].seen) > 500 and rigs[0][2].denied > 5


def intervals_of(stats):
    names = ["tried", "missed", "waited", "sink_ticks", "retried", "failed", "moved"]
    return [getattr(stats, name) for name in names]


def test_what_a_hook_of_the_watermarks_raises_is_not_taken_for_the_sink_s(variants):
    for i in (0, 1):
        clock = TickClock(5)
        ring = variants("records")[i].RecordRing(8, 4, 0, clock.ticks)
        bucket = variants("bucket")[i].TokenBucket(1, 8, 1000, clock.ticks)
        stats = variants("stats")[i].Stats(clock.ticks)
        sink = Sink(clock, 7)
        sink.write = lambda record, n: True
        pipeline = variants("pipeline")[i].Pipeline(
            ring, bucket, sink, stats, ticks=clock.ticks, batch=8
        )
        ring.set_watermarks(3, 1, fail_below)
        for _ in range(4):
            ring.put(b"a", 1)
        with pytest.raises(ZeroDivisionError):
            pipeline.step()
        assert (len(ring), stats.admitted, bucket.tokens()) == (1, 3, 5), i
        assert pipeline.step() == 1


def fail_below(ring, above):
    if not above:
        raise ZeroDivisionError


def test_words_of_a_state_have_the_same_number_in_every_file():
    numbers = {}
    for name in ("ring", "records"):
        found = re.findall(r"(?m)^(_[A-Z_]+) = const\((\d+)\)", (NATIVE / f"{name}.py").read_text())
        for word, number in found:
            if word != "_WORDS":
                assert numbers.setdefault(word, number) == number, (name, word)
    assert len(numbers) > 12


def test_a_host_without_the_emitter_runs_the_plain_classes(monkeypatch):
    monkeypatch.delenv("SLUICE_NATIVE", raising=False)
    from sluice.limit.bucket import TokenBucket

    assert TokenBucket.__module__ == "sluice.limit.bucket"
    with pytest.raises(ImportError, match="SLUICE_NATIVE"):
        host_sim.micropython.viper  # noqa: B018
