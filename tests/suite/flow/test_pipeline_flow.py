"""The pipeline while its sink takes everything: what leaves when, and what waits."""

from bench import Bench

from sluice.queue.ring import OVERWRITE, REJECT


def test_records_leave_in_order_when_their_tokens_are_there():
    bench = Bench(rate=100, burst=2)
    bench.put(b"a", b"bb", b"ccc", b"d")
    assert bench.run(25) == 4
    assert bench.sink.taken == [(0, b"a"), (0, b"bb"), (10, b"ccc"), (20, b"d")]
    stats = bench.stats
    assert (stats.admitted, stats.denied, stats.retried, stats.failed) == (4, 2, 0, 0)
    stats.close_interval(bench.clock.ticks())
    assert (stats.p50, stats.p99) == (0, 20)


def test_an_empty_ring_moves_nothing_and_takes_no_token():
    bench = Bench(rate=1, burst=1)
    assert bench.pipeline.step() == 0
    assert bench.bucket.tokens() == 1


def test_bytes_cost_as_many_tokens_as_the_record_has():
    bench = Bench(rate=1000, burst=16, cost="bytes")
    bench.put(b"x" * 16, b"x" * 5, b"x")
    bench.run(10)
    assert [at for at, _ in bench.sink.taken] == [0, 5, 6]


def test_a_record_that_can_never_have_its_tokens_is_given_up_at_once():
    bench = Bench(rate=1000, burst=4, cost="bytes")
    bench.put(b"fits", b"too long", b"ok")
    assert bench.run(20) == 3
    assert bench.records() == [b"fits", b"ok"]
    assert bench.given_up == [b"too long"]
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


def test_an_overwriting_ring_sends_what_is_oldest_when_the_tokens_come():
    bench = Bench(rate=10, burst=1, overflow=OVERWRITE, slots=2)
    bench.put(b"a", b"b")
    assert bench.run(50) == 1
    bench.put(b"c", b"d", b"e")
    assert bench.run(100) == 1
    assert bench.sink.taken == [(0, b"a"), (100, b"d")]
    assert bench.ring.overwritten == 2


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
    assert bench.records() == [b"b"]


def test_the_pipeline_says_how_long_there_is_nothing_to_do():
    bench = Bench(rate=10, burst=1)
    wait_ticks = bench.pipeline.wait_ticks
    assert wait_ticks() == -1
    bench.put(b"a", b"b")
    assert wait_ticks() == 0
    assert (bench.pipeline.step(), wait_ticks()) == (1, 0)
    assert (bench.pipeline.step(), wait_ticks()) == (0, 100)
    bench.put(b"c")
    bench.advance(60)
    assert wait_ticks() == 40
    bench.pipeline.retry_now()
    assert wait_ticks() == 0
    assert (bench.pipeline.step(), wait_ticks()) == (0, 40)
    bench.advance(40)
    assert (wait_ticks(), bench.pipeline.step()) == (0, 1)
    assert bench.run(200) == 1
    assert wait_ticks() == -1


def test_a_copied_record_is_still_to_be_sent():
    bench = Bench(overflow=OVERWRITE)
    bench.sink.answers = [False]
    bench.put(b"a")
    bench.pipeline.step()
    assert (len(bench.ring), bench.pipeline.wait_ticks()) == (0, 10)
    bench.pipeline.retry_now()
    assert bench.pipeline.wait_ticks() == 0


def test_sojourn_is_from_put_to_taken():
    bench = Bench()
    bench.put(b"a")
    bench.advance(15)
    bench.pipeline.step()
    bench.stats.close_interval(bench.clock.ticks())
    assert bench.stats.p50 == 15


def test_with_demand_always_waiting_the_bound_is_met_exactly():
    for rate, burst in ((7, 3), (500, 10), (5000, 20)):
        bench = Bench(rate=rate, burst=burst, slots=8)
        moved = 0
        for elapsed in range(40):
            for _ in range(bench.ring.free()):
                bench.put(b"x")
            while bench.pipeline.step():
                moved += 1
                bench.put(b"x")
            assert moved == burst + elapsed * rate // 1000
            bench.advance(1)


def test_the_lag_is_how_long_the_record_in_front_has_waited():
    for overflow in (REJECT, OVERWRITE):
        bench = Bench(rate=10, burst=1, overflow=overflow, slots=2)
        assert bench.pipeline.lag() == 0
        bench.put(b"a", b"b")
        bench.run(40)
        assert bench.pipeline.lag() == 40
        bench.run(80)
        assert bench.pipeline.lag() == 0


def test_a_lag_is_never_negative():
    bench = Bench(rate=0, burst=1)
    bench.put(b"a", b"b")
    bench.run(1)
    bench.clock.advance(1 << 29)
    assert bench.pipeline.lag() == (1 << 29) - 1
