"""The pipeline at the ends of its waits, and with a record that is replaced under its hands."""

import pytest
from bench import START, Bench

from host_sim import StrictInt
from sluice import OVERWRITE, REJECT

PERIOD = 1 << 30


def count_calls(owner, name):
    """A list that grows by one at each call of the method."""
    calls = []
    method = getattr(owner, name)

    def counted(*arguments):
        calls.append(arguments)
        return method(*arguments)

    setattr(owner, name, counted)
    return calls


def steps(bench, n):
    return [bench.pipeline.step() for _ in range(n)]


def test_a_failed_attempt_is_not_repeated_in_the_same_tick():
    bench = Bench(first_backoff=1)
    bench.sink.answers = [False]
    bench.put(b"a")
    assert steps(bench, 2) == [0, 0]
    assert len(bench.sink.tried_at) == 1
    bench.advance(1)
    assert steps(bench, 1) == [1]


def test_a_step_that_comes_late_finds_the_wait_over():
    bench = Bench(rate=100, burst=1)
    bench.put(b"a", b"b")
    assert steps(bench, 2) == [1, 0]
    bench.advance(15)
    assert steps(bench, 1) == [1]


@pytest.mark.parametrize("away", [PERIOD - 1, 1 << 29])
def test_a_wait_is_over_when_the_clock_was_away_for_half_a_period(away):
    bench = Bench()
    bench.sink.answers = [False]
    bench.put(b"a")
    assert steps(bench, 1) == [0]
    bench.clock.set((START + away) % PERIOD)
    assert steps(bench, 1) == [1]


def test_a_wait_that_is_over_does_not_come_back_with_its_tick():
    bench = Bench(rate=100, burst=1)
    bench.put(b"a", b"b")
    assert steps(bench, 2) == [1, 0]
    bench.advance(10)
    assert steps(bench, 1) == [1]
    bench.bucket.set_rate(None)
    bench.clock.set(START)  # once round
    bench.put(b"c")
    assert steps(bench, 1) == [1]


def test_retry_now_counts_in_the_tick_of_the_denial_and_denies_the_record_once():
    bench = Bench(rate=1, burst=1)
    bench.put(b"a", b"b")
    assert steps(bench, 2) == [1, 0]
    bench.pipeline.retry_now()
    assert steps(bench, 1) == [0]
    assert bench.stats.denied == 1
    bench.bucket.set_rate(None)
    bench.pipeline.retry_now()
    assert steps(bench, 1) == [1]


def test_at_rate_zero_a_record_asks_for_its_token_once_a_tick():
    bench = Bench(rate=0, burst=2)
    bench.put(b"a", b"b", b"c")
    assert steps(bench, 2) == [1, 1]
    asked = count_calls(bench.bucket, "try_acquire")
    for tick in range(3):
        assert steps(bench, 2) == [0, 0]
        assert len(asked) == tick + 1
        bench.advance(1)
    assert (len(bench.ring), bench.stats.failed, bench.stats.denied) == (1, 0, 1)


@pytest.mark.parametrize(("first", "last"), [(10, 1000), (1, 1 << 29), (1 << 29, 1 << 29)])
def test_backoff_stays_small_however_often_the_sink_fails(first, last):
    bench = Bench(tries=60, first_backoff=StrictInt(first), last_backoff=last)
    bench.sink.answers = [False] * 59
    bench.put(b"a")
    for _ in range(59):
        assert steps(bench, 1) == [0]
        bench.pipeline.retry_now()
    assert steps(bench, 1) == [1]


def test_a_record_whose_hook_raised_is_given_up_at_its_next_failure():
    given_up = []

    def hook(record, n):
        given_up.append(bytes(record[:n]))
        if len(given_up) == 1:
            raise RuntimeError("no place for it")

    bench = Bench(tries=2, first_backoff=1, degrade=hook)
    bench.sink.answers = [False] * 3
    bench.put(b"a")
    assert steps(bench, 1) == [0]
    bench.advance(1)
    with pytest.raises(RuntimeError):
        bench.pipeline.step()
    assert steps(bench, 1) == [1]
    assert given_up == [b"a", b"a"]
    assert bench.stats.failed == 1


@pytest.mark.parametrize("newer", [b"longer than that", b"s"])
def test_a_record_replaced_by_one_of_another_length_is_sent_whole_the_next_time(newer):
    bench = Bench(rate=1000, burst=1, overflow=OVERWRITE, slots=1)
    bench.put(b"older")
    acquire = bench.bucket.try_acquire

    def interrupted(n):
        if not bench.ring.overwritten:
            bench.put(newer)
        return acquire(n)

    bench.bucket.try_acquire = interrupted
    assert steps(bench, 1) == [0]
    assert bench.bucket.tokens() == 1
    assert steps(bench, 1) == [1]
    assert bench.records() == [newer]


def test_a_record_too_long_for_its_tokens_and_replaced_meanwhile_is_not_given_up():
    bench = Bench(rate=1, burst=4, overflow=OVERWRITE, slots=1, cost="bytes")
    bench.put(b"too long")
    wait_ticks = bench.bucket.wait_ticks

    def interrupted(n):
        bench.put(b"fits")
        return wait_ticks(n)

    bench.bucket.wait_ticks = interrupted
    assert steps(bench, 2) == [0, 1]
    assert (bench.given_up, bench.stats.failed) == ([], 0)
    assert bench.records() == [b"fits"]


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
def test_sojourn_is_from_put_to_taken_out_of_any_ring(overflow):
    bench = Bench(overflow=overflow)
    bench.put(b"a")
    bench.advance(9)
    assert steps(bench, 1) == [1]
    bench.stats.close_interval(bench.clock.ticks())
    assert bench.stats.p50 == 9


def test_the_seconds_of_the_statistics_pass_while_nothing_moves():
    bench = Bench()
    bench.put(b"a")
    assert steps(bench, 1) == [1]
    for up_s, qps in ((1, 1), (2, 0), (3, 0)):
        bench.advance(1000)
        assert steps(bench, 1) == [0]
        assert (bench.stats.up_s, bench.stats.qps) == (up_s, qps)
