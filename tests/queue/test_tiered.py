"""The tiered queue: the way of a record through its tiers, and what resets and faults cost."""

from binascii import crc_hqx
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sluice.queue.store
from host_sim import TickClock
from host_sim.interrupts import Interrupt
from sluice import (
    OVERWRITE,
    REJECT,
    Pipeline,
    RecordRing,
    SegmentStore,
    Stats,
    TieredQueue,
    TokenBucket,
)
from sluice.flow.pipeline import GIVEN_UP, TAKEN
from sluice_tools.lab.explore.explorer import Scenario, explore
from sluice_tools.lab.explore.history import History
from sluice_tools.lab.simulate.flash import EIO, ENOSPC, Flash, PowerCut

SIZE = 6
FOLDER = "/spill"
SMALL_MAX = (1 << 30) - 1


class Consumer:
    """Takes what it is handed if its answer says so."""

    def __init__(self, answer=True):
        self.answer = answer
        self.taken = []

    def room(self):
        return 1 << 20

    def write(self, record, n):
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer:
            self.taken.append(bytes(record[:n]))
        return self.answer


class Store(SegmentStore):
    """Remembers which records a write has brought to flash."""

    def __init__(self, *arguments, **options):
        self.added = []
        self.durable = 0  # so many of those added
        SegmentStore.__init__(self, *arguments, **options)

    def add(self, ring):
        view = ring.peek()
        record = view and bytes(view[: ring.peek_len()])
        before = len(self)
        done = SegmentStore.add(self, ring)
        if len(self) > before:
            self.added.append(record)
        return done

    def write(self):
        done = SegmentStore.write(self)
        if done:
            self.durable = len(self.added)
        return done


class Bench:
    """A tiered queue on a flash and a clock of its own."""

    def __init__(
        self,
        flash=None,
        consumer=None,
        slots=4,
        overflow=REJECT,
        start=SMALL_MAX - 5,
        spill_at=3,
        read_ahead=2,
        store_overflow=REJECT,
        ends=None,
        first=0,
        **options,
    ):
        self.flash = flash or Flash()
        self.clock = TickClock(start, strict=True)
        # A record takes 14 bytes on flash: 2 in a batch, 4 in a segment.
        options = {"segments": 3, "segment_bytes": 64, "batch_bytes": 28} | options
        self.flash.reset()
        with self.flash:
            self.store = Store(
                FOLDER, SIZE, overflow=store_overflow, ticks=self.clock.ticks, **options
            )
        self.ring = RecordRing(slots, SIZE, overflow, self.clock.ticks)
        self.queue = TieredQueue(self.ring, self.store, consumer, spill_at, read_ahead, ends, first)
        self.taken = []

    def put(self, *records):
        """The records that were accepted."""
        return [record for record in records if self.queue.put(record, len(record))]

    def move(self, times=1):
        with self.flash:
            return [self.queue.move() for _ in range(times)]

    def flush(self):
        with self.flash:
            return self.queue.flush()

    def take(self, most=1):
        """Take as many records as are at hand, at most so many; how many it took."""
        for took in range(most):
            front = self.queue.front
            view = front.peek()
            if view is None:
                return took
            record = bytes(view[: front.peek_len()])
            assert front.release()
            self.taken.append(record)
        return most

    def drain(self):
        """Move and take until nothing is left; all that was ever taken."""
        idle = 0
        while len(self.queue) and idle < 20:
            self.move()
            idle = 0 if self.take(99) else idle + 1
            if idle:
                self.clock.advance(1000)
        self.move(3)
        return self.taken

    def segments(self):
        return len(self.flash.files)


def records(*numbers):
    return [b"rec%03d" % number for number in numbers]


# (what is done, with what, its result, depth of ring, of store, of front, segments), from an
# empty queue.
WAY = [
    ("put", records(0, 1), records(0, 1), 2, 0, 0, 0),
    ("take", 1, 0, 2, 0, 0, 0),  # nothing is in the front before a move
    ("move", 1, [2], 0, 0, 2, 0),
    ("move", 1, [0], 0, 0, 2, 0),  # memory holds it, and the flash is spared
    ("put", records(2, 3, 4), records(2, 3, 4), 3, 0, 2, 0),
    ("move", 1, [0], 3, 0, 2, 1),  # three wait in memory: they go to flash, the oldest first
    ("move", 1, [2], 1, 2, 2, 1),
    ("put", records(5, 6, 7), records(5, 6, 7), 4, 2, 2, 1),
    ("put", records(8), [], 4, 2, 2, 1),  # the ring is full
    ("take", 1, 1, 4, 2, 1, 1),
    ("move", 1, [2], 2, 4, 1, 2),  # nothing comes back before what is at hand is taken
    ("take", 9, 1, 2, 4, 0, 2),
    ("move", 1, [2], 2, 2, 2, 2),  # two come back
    ("put", records(9), records(9), 3, 2, 2, 2),
    ("move", 1, [2], 1, 4, 2, 2),
    ("take", 9, 2, 1, 4, 0, 2),
    ("move", 1, [2], 1, 2, 2, 1),  # the first segment is taken, and so deleted
    ("take", 9, 2, 1, 2, 0, 1),
    ("move", 1, [2], 1, 0, 2, 1),
    ("take", 9, 2, 1, 0, 0, 1),
    ("move", 1, [0], 1, 0, 0, 0),
    ("move", 1, [1], 0, 0, 1, 0),  # nothing older is in the store: it goes the short way
    ("take", 9, 1, 0, 0, 0, 0),
]


def test_a_record_goes_the_documented_way():
    bench = Bench()
    for number, (method, argument, result, ring, store, front, segments) in enumerate(WAY):
        arguments = argument if method == "put" else [argument]
        got = getattr(bench, method)(*arguments)
        queue = bench.queue
        depths = len(bench.ring), len(bench.store), len(queue.front), bench.segments()
        assert (number, got, *depths) == (number, result, ring, store, front, segments)
    assert bench.taken == records(*range(8), 9)
    assert (bench.ring.rejected, bench.store.writes, bench.store.errors) == (1, 4, 0)


def test_a_ready_consumer_takes_a_record_directly_when_nothing_waits():
    consumer = Consumer()
    bench = Bench(consumer=consumer)
    assert bench.put(*records(0, 1)) == records(0, 1)
    assert (consumer.taken, bench.queue.handed_over, len(bench.queue)) == (records(0, 1), 2, 0)


@pytest.mark.parametrize("answer", [False, None, OSError("busy"), ValueError("no")])
def test_a_consumer_that_does_not_take_a_record_finds_it_in_the_ring(answer):
    bench = Bench(consumer=Consumer(answer))
    assert bench.put(*records(0)) == records(0)
    assert (bench.queue.handed_over, len(bench.ring)) == (0, 1)
    assert bench.drain() == records(0)


def test_nothing_overtakes_what_waits_in_any_tier():
    consumer = Consumer(False)
    bench = Bench(consumer=consumer)
    bench.put(*records(0))
    consumer.answer = True
    bench.put(*records(1))  # one is in the ring
    assert consumer.taken == []
    bench.put(*records(2, 3))
    bench.move()  # into the batch
    bench.flush()  # onto flash
    bench.put(*records(4))
    assert (consumer.taken, len(bench.ring)) == ([], 1)
    bench.move()
    bench.take(9)
    bench.move()  # at hand
    bench.put(*records(5))
    assert consumer.taken == []
    assert bench.drain() == records(*range(6))
    bench.put(*records(6))
    assert consumer.taken == records(6)


def test_a_record_that_cannot_be_put_goes_to_no_tier():
    consumer = Consumer()
    bench = Bench(consumer=consumer)
    assert not bench.queue.put(b"123456789", 9)
    assert not bench.queue.put(b"", 0)
    assert not bench.queue.put(b"x", -1)
    assert (consumer.taken, len(bench.queue), bench.ring.rejected) == ([], 0, 0)


def test_handed_over_stops_at_the_largest_small_integer():
    bench = Bench(consumer=Consumer())
    bench.queue.handed_over = SMALL_MAX
    bench.put(*records(0))
    assert bench.queue.handed_over == SMALL_MAX


def test_an_empty_queue_gives_nothing():
    bench = Bench()
    queue = bench.queue.front
    assert (queue.peek(), queue.peek_len(), queue.peek_ticks(), queue.release()) == (
        None,
        0,
        0,
        False,
    )
    assert len(queue) == 0
    assert bench.move(2) == [0, 0]


def test_ticks_stay_with_their_records_through_every_tier():
    bench = Bench(start=SMALL_MAX - 1)
    for number in range(4):
        bench.put(*records(number))
        bench.clock.advance(1)
    bench.flush()
    bench.put(*records(4))
    ticks = []
    while len(bench.queue):
        bench.move()
        if bench.queue.front.peek() is not None:
            ticks.append(bench.queue.front.peek_ticks())
            bench.queue.front.release()
    assert ticks == [SMALL_MAX - 1, SMALL_MAX, 0, 1, 2]


def test_a_queue_that_is_full_in_all_tiers_refuses_and_counts():
    bench = Bench()
    accepted = []
    for number in range(30):
        accepted += bench.put(*records(number))
        bench.move()
    # 3 segments of 4, a batch of 2, a ring of 4
    assert accepted == records(*range(18))
    assert (len(bench.queue), bench.ring.rejected, bench.segments()) == (18, 12, 3)
    assert bench.drain() == accepted
    assert (bench.segments(), bench.store.lost, bench.store.errors) == (0, 0, 0)


def test_a_full_store_can_give_way_and_counts():
    bench = Bench(store_overflow=OVERWRITE)
    for number in range(30):
        assert bench.put(*records(number)) == records(number)
        bench.move()
    taken = bench.drain()
    assert taken == records(0, 1, *range(32 - len(taken), 30))  # the first two were at hand
    assert bench.store.overwritten == 30 - len(taken)
    assert len(taken) >= 12


def test_a_flush_brings_all_from_ram_to_flash():
    bench = Bench()
    bench.put(*records(0, 1, 2))
    bench.move()
    bench.put(*records(3))
    assert bench.flush()
    assert Bench(bench.flash.copy()).drain() == records(0, 1, 2, 3)
    assert bench.drain() == records(0, 1, 2, 3)


def test_a_flush_of_what_came_back_and_is_not_taken_keeps_it_for_after_a_reset():
    bench = Bench()
    bench.put(*records(0, 1, 2))
    bench.move(2)
    assert len(bench.store) == 0  # the one that went to the batch is at hand again
    assert bench.flush()
    assert Bench(bench.flash.copy()).drain() == records(0, 1, 2)
    assert bench.drain() == records(0, 1, 2)


def test_a_flush_that_the_flash_does_not_take_says_so_and_keeps_everything():
    bench = Bench()
    bench.put(*records(0, 1, 2, 3))
    bench.flash.fails = lambda done, path: ENOSPC if done == "write" else 0
    assert not bench.flush()
    bench.flash.heal()
    assert bench.drain() == records(0, 1, 2, 3)
    assert bench.store.lost == 0


def test_a_flush_of_an_empty_queue_writes_nothing():
    bench = Bench()
    assert bench.flush()
    assert (bench.store.writes, bench.segments()) == (0, 0)


def test_what_an_earlier_run_left_comes_before_what_is_put_now():
    bench = Bench()
    bench.put(*records(0, 1, 2))
    bench.flush()
    consumer = Consumer()
    again = Bench(bench.flash, consumer)
    assert len(again.queue) == 3
    assert again.put(*records(3)) == records(3)
    assert consumer.taken == []
    assert again.drain() == records(0, 1, 2, 3)


def test_it_serves_a_pipeline_as_a_ring_does():
    bench = Bench(start=SMALL_MAX - 40)
    sink = Consumer()
    ticks = bench.clock.ticks
    stats = Stats(ticks)
    bucket = TokenBucket(100, 1, 1000, ticks)
    pipeline = Pipeline(bench.queue.front, bucket, sink, stats, ticks=ticks)
    for number in range(12):
        assert bench.put(*records(number))
        bench.move()
    for _ in range(200):
        pipeline.step()
        bench.move()
        bench.clock.advance(1)
    assert sink.taken == records(*range(12))
    assert (stats.admitted, bench.segments()) == (12, 0)
    stats.close_interval(ticks())
    assert abs(stats.p99 - 110) <= 7


def test_a_ring_that_overwrites_is_refused():
    with pytest.raises(ValueError, match="ring must reject"):
        Bench(overflow=OVERWRITE)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"spill_at": 0}, ValueError, "spill_at must be from 1 to 4, not 0"),
        ({"spill_at": 5}, ValueError, "spill_at must be from 1 to 4, not 5"),
        ({"spill_at": "3"}, TypeError, "spill_at must be an int from 1 to 4, not '3'"),
        ({"first": -1}, ValueError, "first must be from 0 to 1073741823, not -1"),
        (
            {"consumer": Consumer(), "ends": Consumer()},
            ValueError,
            "consumer must be None with ends",
        ),
        ({"read_ahead": 0}, ValueError, "read_ahead must be from 1 to 2, not 0"),
    ],
)
def test_wrong_arguments_are_named(options, error, words):
    with pytest.raises(error, match=words):
        Bench(**options)


def test_a_store_for_other_records_is_refused():
    bench = Bench()
    with pytest.raises(
        ValueError, match="store must be for records of up to 9 bytes, as the ring is, not 6"
    ):
        TieredQueue(RecordRing(4, 9), bench.store)


def test_by_default_the_ring_is_relieved_at_three_quarters():
    for slots, expected in ((1, 1), (2, 1), (4, 3), (16, 12)):
        bench = Bench(slots=slots, spill_at=None, batch_bytes=56)
        bench.put(*records(*range(expected - 1)))
        bench.move()
        assert bench.segments() == 0
        bench.put(*records(expected))
        bench.move()
        assert bench.segments() == 1


def test_a_ring_at_its_limit_is_relieved_too():
    bench = Bench()
    bench.ring.set_limit(2)
    accepted = bench.put(*records(0, 1, 2))
    assert accepted == records(0, 1)
    bench.move()
    assert bench.segments() == 1
    accepted += bench.put(*records(3))
    assert bench.drain() == records(0, 1, 3)


def test_it_reads_ahead_eight_records_or_what_the_batch_holds():
    for batch_bytes, expected in ((28, 2), (500, 8)):
        bench = Bench(read_ahead=None, segment_bytes=600, batch_bytes=batch_bytes)
        assert bench.queue.front.capacity == expected


# Ends and numbers


class Told:
    """What is told of each record's end."""

    def __init__(self):
        self.ends = []

    def ended(self, how, n):
        assert n > 0
        self.ends += [how] * n


class Numbered:
    """A sink that notes the number with which each record came, and is away now and then."""

    def __init__(self, bench):
        self.queue = bench.queue
        self.away = False
        self.taken = []

    def room(self):
        return 0 if self.away else 1

    def write(self, record, n):
        self.taken.append((bytes(record[:n]), self.queue.number()))
        return True


class Line:
    """A tiered queue with a pipeline behind it, and what is told of it."""

    def __init__(self, flash=None, **options):
        self.told = Told()
        self.bench = bench = Bench(flash, ends=self.told, **options)
        self.sink = Numbered(bench)
        ticks = bench.clock.ticks
        self.pipeline = Pipeline(
            bench.queue.front,
            TokenBucket(None, 1, 1000, ticks),
            self.sink,
            Stats(ticks),
            ticks=ticks,
            ends=bench.queue,
        )

    def turn(self):
        self.pipeline.step()
        self.bench.move()
        self.bench.clock.advance(1)


def test_a_record_has_ended_when_it_is_taken_or_on_flash_and_is_told_once():
    line = Line()
    ends = line.told.ends
    line.bench.put(*records(0, 1))
    line.turn()
    assert ends == []  # at the front
    line.turn()
    assert ends == [TAKEN]
    line.turn()
    line.sink.away = True
    line.bench.put(*records(2, 3))
    line.turn()
    assert (len(ends), line.bench.segments()) == (2, 0)
    line.bench.put(*records(4, 5, 6))
    line.turn()  # the two in the front are written, and so are safe
    assert (len(ends), line.bench.segments()) == (4, 1)
    line.bench.move(2)
    assert (len(ends), len(line.bench.ring)) == (6, 1)
    line.bench.flush()
    assert (len(ends), len(line.bench.ring)) == (7, 0)
    line.sink.away = False
    for _ in range(20):
        line.turn()
    assert [record for record, _ in line.sink.taken] == records(*range(7))
    assert ends == [TAKEN] * 7
    line.bench.put(*records(7))
    line.turn()
    line.turn()
    assert (ends, line.bench.segments()) == ([TAKEN] * 8, 0)


def test_what_the_pipeline_gives_up_is_told_unless_it_was_told_as_safe():
    line = Line()
    queue, ends = line.bench.queue, line.told.ends

    def give_up():
        line.bench.move()
        assert queue.front.release()
        queue.ended(GIVEN_UP, 1)

    line.bench.put(*records(0))
    give_up()
    assert ends == [GIVEN_UP]
    line.bench.put(*records(1))
    line.bench.flush()
    give_up()
    assert ends == [GIVEN_UP, TAKEN]


def test_a_record_in_the_batch_that_the_flash_does_not_take_ends_in_the_sink():
    line = Line()
    line.bench.flash.fails = lambda done, path: ENOSPC if done == "write" else 0
    line.sink.away = True
    accepted = []
    for number in range(9):
        accepted += line.bench.put(*records(number))
        line.turn()
    assert line.told.ends == []
    line.sink.away = False
    for _ in range(20):
        line.turn()
    taken = [record for record, _ in line.sink.taken]
    assert taken == accepted[: len(taken)] and len(taken) >= 2
    assert line.told.ends == [TAKEN] * len(taken)
    line.bench.flash.heal()
    for _ in range(2000):
        line.turn()
    assert [record for record, _ in line.sink.taken] == accepted
    assert line.told.ends == [TAKEN] * len(accepted)


def test_numbers_count_all_records_also_those_that_pass_no_flash_and_wrap():
    line = Line(first=SMALL_MAX - 10)
    for number in range(30):
        line.sink.away = 8 <= number < 20
        assert line.bench.put(*records(number))
        line.turn()
    for _ in range(40):
        line.turn()
    expected = [(SMALL_MAX - 10 + number) & SMALL_MAX for number in range(30)]
    assert [number for _, number in line.sink.taken] == expected


def busy_line(line, accepted):
    number = 0
    for turn in range(36):
        for _ in range((2, 0, 1)[turn // 12]):
            accepted += line.bench.put(*records(number))
            number += 1
        line.sink.away = turn % 7 < 4
        line.turn()


@pytest.mark.parametrize("fat", [False, True])
def test_a_power_cut_at_any_byte_costs_nothing_that_was_told_and_numbers_stay(fat):
    line = Line()
    busy_line(line, [])
    steps = line.bench.flash.steps
    assert steps > 300
    came_twice = 0
    for cut in range(steps):
        line = Line(Flash(fat=fat), first=99)
        accepted = []
        line.bench.flash.cut_at(cut)
        with suppress(PowerCut):
            busy_line(line, accepted)
        line.bench.flash.heal()
        again = Line(line.bench.flash, first=12345)
        for _ in range(60):
            again.turn()
        before, after = dict(line.sink.taken), dict(again.sink.taken)
        told = accepted[: len(line.told.ends)]
        assert set(told) <= {*before, *after}, cut
        assert list(after) == sorted(after) and len(after) == len(again.sink.taken), cut
        for record in before.keys() & after.keys():
            assert before[record] == after[record], cut
            came_twice += 1
        assert again.told.ends == []  # all of it was told before the cut
    assert came_twice > 0


# Resets


def busy_hour(bench, accepted):
    """Records come, wait, spill, come back and are taken, in turns that favour one or the other."""
    number = 0
    for turn in range(36):
        for _ in range((3, 0, 1)[turn // 12]):
            accepted += bench.put(*records(number))
            number += 1
        bench.move()
        bench.take((1, 2, 2)[turn // 12])
        if turn == 30:
            bench.flush()
    return number


def steps_of_a_busy_hour():
    bench = Bench()
    begun = bench.flash.steps
    busy_hour(bench, [])
    return bench.flash.steps - begun


@pytest.mark.parametrize("fat", [False, True])
def test_a_power_cut_at_any_byte_costs_nothing_that_was_on_flash(fat):
    """Every byte written, every file made, closed or removed: the power goes right before it."""
    steps = steps_of_a_busy_hour()
    assert steps > 300
    most_again = 0
    for cut in range(steps):
        bench = Bench(Flash(fat=fat))
        accepted = []
        bench.flash.cut_at(cut)
        with pytest.raises(PowerCut):
            busy_hour(bench, accepted)
        bench.flash.heal()
        again = Bench(bench.flash)
        assert again.store.torn <= 1
        replayed = again.drain()
        # What comes is a stretch of what was accepted, each record once.
        start = accepted.index(replayed[0]) if replayed else 0
        assert replayed == accepted[start : start + len(replayed)], cut
        durable = bench.store.added[: bench.store.durable]
        assert set(durable) - set(bench.taken) <= set(replayed), cut
        taken_again = set(bench.taken) & set(replayed)
        assert len(taken_again) <= 4, cut  # one segment
        most_again = max(most_again, len(taken_again))
        assert (again.store.lost, again.segments()) == (0, 0), cut
    assert most_again > 0


@pytest.mark.parametrize("part", range(16))
def test_a_second_power_cut_during_the_replay_costs_nothing_either(part):
    bench = Bench()
    bench.flash.cut_at(steps_of_a_busy_hour() * part // 16)
    with pytest.raises(PowerCut):
        busy_hour(bench, [])
    left = Bench(bench.flash.copy()).drain()
    for second in range(100):
        flash = bench.flash.copy()
        again = Bench(flash)
        flash.cut_at(second)
        try:
            again.drain()
        except PowerCut:
            pass
        else:
            break
        flash.heal()
        last = Bench(flash).drain()
        assert last == left[len(left) - len(last) :]
        assert set(left) - set(again.taken) <= set(last)
        assert len(set(again.taken) & set(last)) <= 4
    assert second > 0 or not left


# Interrupts


class InOrder:
    """A queue without end that may refuse, and may have its oldest where it is not at hand."""

    start = ()

    def after(self, state, operation):
        name, argument, result = operation[:3]
        if name == "put":
            return ((*state, argument) if result else state,)
        if name == "hand over":
            return (state,) if not state else ()  # nothing may wait before it
        if result is None:
            return (state,)
        return (state[1:],) if state[:1] == (result,) else ()


class Shared:
    """What the main loop and an interrupt have in common."""

    def __init__(self, ready, *scripts):
        self.history = History()
        self.number = 0
        self.consumer = Consumer(ready)
        self.bench = Bench(consumer=self.consumer, read_ahead=1, batch_bytes=18)
        for script in scripts:
            script(self)


def put(shared):
    record = b"%d" % shared.number
    shared.number += 1
    before = len(shared.consumer.taken)
    operation = shared.history.call(("put",), record, lambda: shared.bench.put(record) != [])
    if len(shared.consumer.taken) > before:
        last = shared.history.operations.pop()
        shared.history.operations.append(last._replace(name="hand over"))
    return operation


def take(shared):
    front = shared.bench.queue.front

    def one():
        view = front.peek()
        if view is None:
            return None
        record = bytes(view[: front.peek_len()])
        return record if front.release() else None

    shared.history.call(("take",), None, one)


def move(shared):
    shared.bench.move()


def flush(shared):
    shared.bench.flush()


def put_three(shared):
    answer, shared.consumer.answer = shared.consumer.answer, False
    for _ in range(3):
        put(shared)
    shared.consumer.answer = answer


def finish(shared):
    for _ in range(40):
        take(shared)
        move(shared)
    assert len(shared.bench.queue) == 0
    assert shared.bench.ring.rejected == sum(
        not operation.result for operation in shared.history.operations if operation.name == "put"
    )


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize(
    ("before", "main"),
    [
        ([], [take]),
        ([put_three], [take, take]),
        ([put_three], [move]),  # into the batch
        ([put_three, put_three], [move]),  # onto flash
        ([put_three, move], [move, take]),  # back from the batch
        ([put_three, flush], [move, take]),  # back from flash
        ([put_three, flush, move, take, move, take], [move, take, move]),  # the last of them
        ([put_three], [flush]),
    ],
)
def test_an_interrupt_may_put_between_any_two_opcodes(before, main, ready, monkeypatch):
    # The checksum is of a buffer that the interrupt does not know, and takes most opcodes.
    monkeypatch.setattr(sluice.queue.store, "crc16", lambda data, a, b: crc_hqx(data[a:b], 0xFFFF))
    scenario = Scenario(
        "tiered queue",
        lambda: Shared(ready, *before),
        lambda shared: [script(shared) for script in main],
        (Interrupt(put),),
        finish,
        InOrder(),
    )
    explored = explore(scenario, scenario.interrupts)
    assert explored.violation is None, str(explored.violation)
    assert explored.interleavings > 20


# Any order of anything


calls = [
    st.tuples(st.just("put"), st.integers(1, 5)),
    st.tuples(st.just("put"), st.integers(1, 3)),
    st.tuples(st.just("move"), st.integers(1, 2)),
    st.tuples(st.just("take"), st.integers(1, 6)),
    st.tuples(st.just("ready"), st.booleans()),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 1500)),
]
resets = [st.tuples(st.just("reset"), st.just(0))]
faults = [
    st.tuples(
        st.just("fail"),
        st.sampled_from(["open wb", "open ab", "open rb", "read", "write", "close", "remove"]),
    ),
    st.tuples(st.just("fill"), st.integers(0, 60)),
    st.tuples(st.just("heal"), st.just(0)),
]


def scripts(*operations):
    return st.lists(st.one_of(operations), min_size=20, max_size=60)


class Account:
    """Drives a tiered queue and keeps the books of what was accepted and taken."""

    def __init__(self, flash, **options):
        self.options = options
        self.consumer = Consumer(False)
        self.bench = Bench(flash, self.consumer, **options)
        self.number = 0
        self.accepted = []

    def carry_out(self, method, argument):
        bench = self.bench
        if method == "put":
            for _ in range(argument):
                before = len(self.consumer.taken)
                self.accepted += bench.put(b"%06d" % self.number)
                self.number += 1
                if len(self.consumer.taken) > before:
                    bench.taken.append(self.consumer.taken[-1])
        elif method == "ready":
            self.consumer.answer = argument
        elif method == "wait":
            bench.clock.advance(argument)
        elif method == "fail":
            bench.flash.fails = lambda done, path: EIO if done == argument else 0
        elif method == "fill":
            bench.flash.room = bench.flash.used() + argument
        elif method == "heal":
            bench.flash.heal()
        elif method == "reset":
            self.reset()
        elif method == "flush":
            bench.flush()
        else:
            getattr(bench, method)(argument)

    def reset(self):
        """Go on in a new run, when all is on flash, with what comes again or for the first time."""
        if not self.bench.flush():
            self.bench.drain()
        untaken = len(self.accepted) - len(self.bench.taken)
        self.bench = Bench(self.bench.flash, self.consumer, **self.options)
        again = len(self.bench.queue) - untaken
        assert 0 <= again <= self.options["segment_bytes"] // 14
        self.accepted = self.accepted[len(self.accepted) - untaken - again :]


options = st.fixed_dictionaries(
    {
        "slots": st.integers(1, 5),
        "spill_at": st.none(),
        "read_ahead": st.integers(1, 2),
        "segments": st.integers(1, 4),
        "segment_bytes": st.integers(36, 120),
        "start": st.sampled_from([0, SMALL_MAX, SMALL_MAX - 50]),
    }
)


@settings(max_examples=250, derandomize=True)
@given(options, st.booleans(), scripts(*calls, *resets))
def test_order_is_kept_and_nothing_is_lost_whatever_the_order_of_calls(options, fat, script):
    account = Account(Flash(fat=fat), **options)
    for method, argument in script:
        account.carry_out(method, argument)
        taken = account.bench.taken
        assert taken == account.accepted[: len(taken)]
        assert len(account.bench.queue) == len(account.accepted) - len(taken)
    store = account.bench.store
    assert account.bench.drain() == account.accepted
    assert (store.lost, store.torn, store.errors, len(store)) == (0, 0, 0, 0)
    assert account.bench.segments() == 0


@settings(max_examples=250, derandomize=True)
@given(
    options,
    st.booleans(),
    st.sampled_from([REJECT, OVERWRITE]),
    scripts(*calls, *faults),
)
def test_with_a_flash_that_fails_the_books_still_balance(options, fat, overflow, script):
    account = Account(Flash(fat=fat), store_overflow=overflow, **options)
    for method, argument in script:
        account.carry_out(method, argument)  # never raises
    account.bench.flash.heal()
    account.bench.clock.advance(2000)
    bench = account.bench
    taken = bench.drain()
    assert taken == sorted(set(taken))
    missing = len(account.accepted) - len(taken)
    assert missing == bench.store.lost + bench.store.overwritten
    assert (len(bench.queue), bench.flash.open_files) == (0, 0)
