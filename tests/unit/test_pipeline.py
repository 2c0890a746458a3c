"""The pipeline: what leaves when, what waits, what is given up, and what is counted."""

import pytest

from host_sim import TickClock
from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, Stats, TokenBucket


class Sink:
    """Takes records, unless its answers say otherwise."""

    def __init__(self, clock):
        self.clock = clock
        self.taken = []
        self.tried_at = []
        self.answers = []

    def write(self, record, n):
        self.tried_at.append(self.clock.ticks())
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.taken.append((self.clock.ticks(), bytes(record[:n])))
        return answer


class Bench:
    """A pipeline with everything around it, on a clock of its own."""

    def __init__(
        self, rate=None, burst=1, overflow=REJECT, slots=4, start=(1 << 30) - 20, **options
    ):
        self.start = start
        self.clock = TickClock(start, strict=True)
        ticks = self.clock.ticks
        self.ring = RecordRing(slots, 16, overflow, ticks)
        self.bucket = TokenBucket(rate, burst, 1000, ticks)
        self.sink = Sink(self.clock)
        self.stats = Stats(ticks)
        self.pipeline = Pipeline(
            self.ring, self.bucket, self.sink, self.stats, ticks=ticks, **options
        )

    def put(self, *records):
        for record in records:
            slot = self.ring.claim()
            if slot is not None:
                slot[: len(record)] = record
                self.ring.publish(len(record))

    def run(self, ticks):
        moved = 0
        for _ in range(ticks):
            while step := self.pipeline.step():
                moved += step
            self.clock.advance(1)
        return moved

    def taken(self):
        """(ticks since the start, record) of what the sink took."""
        return [((at - self.start) % (1 << 30), record) for at, record in self.sink.taken]


def test_records_leave_in_order_when_their_tokens_are_there():
    bench = Bench(rate=100, burst=2)
    bench.put(b"a", b"bb", b"ccc", b"d")
    assert bench.run(25) == 4
    assert bench.taken() == [(0, b"a"), (0, b"bb"), (10, b"ccc"), (20, b"d")]
    assert (bench.stats.admitted, bench.stats.denied) == (4, 2)
    assert (bench.stats.retried, bench.stats.failed) == (0, 0)
    bench.stats.close_interval(bench.clock.ticks())
    assert (bench.stats.p50, bench.stats.p99) == (0, 20)


def test_an_empty_ring_moves_nothing_and_takes_no_token():
    bench = Bench(rate=1, burst=1)
    assert bench.pipeline.step() == 0
    assert bench.bucket.tokens() == 1


def test_bytes_cost_as_many_tokens_as_the_record_has():
    bench = Bench(rate=1000, burst=16, cost="bytes")
    bench.put(b"x" * 16, b"x" * 5, b"x")
    bench.run(10)
    assert [at for at, _ in bench.taken()] == [0, 5, 6]


def test_a_record_that_can_never_have_its_tokens_is_given_up_at_once():
    given_up = []
    bench = Bench(
        rate=1000, burst=4, cost="bytes", degrade=lambda r, n: given_up.append(bytes(r[:n]))
    )
    bench.put(b"fits", b"too long", b"ok")
    assert bench.run(20) == 3
    assert [record for _, record in bench.taken()] == [b"fits", b"ok"]
    assert given_up == [b"too long"]
    assert bench.stats.failed == 1


def test_at_rate_zero_a_record_waits_until_the_rate_changes():
    bench = Bench(rate=0, burst=1)
    bench.put(b"a", b"b")
    assert bench.run(50) == 1
    bench.bucket.set_rate(1000)
    assert bench.run(50) == 1


def test_retry_now_ends_a_wait_that_a_new_rate_has_made_pointless():
    bench = Bench(rate=1, burst=1)
    bench.put(b"a", b"b")
    assert bench.run(5) == 1
    bench.bucket.set_rate(1000)
    assert bench.run(5) == 0
    bench.pipeline.retry_now()
    assert bench.run(1) == 1


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
@pytest.mark.parametrize("failure", [False, None, OSError("no"), ValueError("no")])
def test_a_failed_record_stays_in_front_and_is_retried_with_backoff(overflow, failure):
    bench = Bench(overflow=overflow, first_backoff=10, last_backoff=15, tries=9)
    bench.sink.answers = [failure, failure, failure]
    bench.put(b"a", b"b")
    assert bench.run(60) == 2
    assert [(at - bench.start) % (1 << 30) for at in bench.sink.tried_at] == [0, 10, 25, 40, 40]
    assert bench.taken() == [(40, b"a"), (40, b"b")]
    assert (bench.stats.retried, bench.stats.failed, bench.stats.admitted) == (3, 0, 2)


def test_each_attempt_costs_its_tokens():
    bench = Bench(rate=10, burst=1, first_backoff=1)
    bench.sink.answers = [False, False]
    bench.put(b"a")
    bench.run(400)
    assert bench.taken() == [(200, b"a")]


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
def test_after_the_last_try_the_degrade_hook_has_the_record_and_the_next_moves_up(overflow):
    given_up = []
    bench = Bench(overflow=overflow, tries=3, degrade=lambda r, n: given_up.append(bytes(r[:n])))
    bench.sink.answers = [False, False, False, True]
    bench.put(b"bad", b"good")
    assert bench.run(200) == 2
    assert given_up == [b"bad"]
    assert [record for _, record in bench.taken()] == [b"good"]
    assert (bench.stats.failed, bench.stats.retried, bench.stats.admitted) == (1, 2, 1)


def test_without_a_hook_a_record_given_up_is_still_counted():
    bench = Bench(tries=1)
    bench.sink.answers = [False]
    bench.put(b"a")
    assert bench.run(1) == 1
    assert bench.stats.failed == 1


def test_what_the_hook_raises_reaches_the_caller_and_the_record_stays():
    def hook(record, n):
        raise RuntimeError("no place for it")

    bench = Bench(tries=1, degrade=hook)
    bench.sink.answers = [False]
    bench.put(b"a")
    with pytest.raises(RuntimeError, match="no place"):
        bench.pipeline.step()
    assert (len(bench.ring), bench.stats.failed) == (1, 0)
    assert bench.run(1) == 1


def test_an_overwriting_ring_sends_what_is_oldest_when_the_tokens_come():
    bench = Bench(rate=10, burst=1, overflow=OVERWRITE, slots=2)
    bench.put(b"a", b"b")
    assert bench.run(50) == 1
    bench.put(b"c", b"d", b"e")
    assert bench.run(100) == 1
    assert bench.taken() == [(0, b"a"), (100, b"d")]
    assert bench.ring.overwritten == 2


def test_a_record_taken_out_of_an_overwriting_ring_cannot_be_replaced():
    bench = Bench(overflow=OVERWRITE, slots=1, first_backoff=10)
    bench.sink.answers = [False]
    bench.put(b"a")
    bench.run(1)
    bench.put(b"b", b"c")
    bench.run(20)
    assert [record for _, record in bench.taken()] == [b"a", b"c"]


def test_a_record_replaced_while_it_is_copied_costs_nothing():
    bench = Bench(rate=1000, burst=1, overflow=OVERWRITE, slots=1)
    bench.put(b"a")
    whole_peek = bench.ring.peek
    peeks = []

    def peek():
        view = whole_peek()
        peeks.append(view)
        if len(peeks) == 2:  # the one before the copy
            bench.put(b"b")
        return view

    bench.ring.peek = peek
    assert bench.pipeline.step() == 0
    assert bench.bucket.tokens() == 1
    assert bench.pipeline.step() == 1
    assert [record for _, record in bench.taken()] == [b"b"]


def test_sojourn_is_from_put_to_taken():
    bench = Bench()
    bench.put(b"a")
    bench.clock.advance(30)
    bench.pipeline.step()
    bench.stats.close_interval(bench.clock.ticks())
    assert abs(bench.stats.p50 - 30) <= 1


@pytest.mark.parametrize("options", [{"cost": "packet"}, {"tries": 0}])
def test_wrong_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Bench(**options)


@pytest.mark.parametrize(("rate", "burst"), [(7, 3), (500, 10), (1000, 1), (5000, 20)])
def test_with_demand_always_waiting_the_bound_is_met_exactly(rate, burst):
    bench = Bench(rate=rate, burst=burst, slots=8)
    moved = 0
    for elapsed in range(3000):
        bench.put(*[b"x"] * bench.ring.free())
        while step := bench.pipeline.step():
            moved += step
            bench.put(b"x")
        assert moved == burst + elapsed * rate // 1000
        bench.clock.advance(1)
