"""A pipeline that moves several records in one step: tokens, order, failures, sojourn."""

from bench import Bench

from sluice.control.codel import CoDel
from sluice.queue.ring import OVERWRITE, REJECT

LETTERS = b"abcdefghijklmnop"


def put_letters(bench, n):
    bench.put(*[LETTERS[i : i + 1] for i in range(n)])


def letters(bench):
    return b"".join(bench.records())


def test_a_step_moves_what_is_there_up_to_a_batch():
    bench = Bench(slots=8, batch=3)
    put_letters(bench, 7)
    assert [bench.pipeline.step() for _ in range(4)] == [3, 3, 1, 0]
    assert letters(bench) == LETTERS[:7]


def test_where_the_sink_fails_the_tokens_of_the_rest_come_back():
    for failure in (False, None, OSError("no")):
        bench = Bench(rate=1, burst=8, slots=8, batch=8, first_backoff=10)
        bench.sink.answers = [True, True, failure]
        put_letters(bench, 8)
        assert bench.pipeline.step() == 2
        assert bench.bucket.tokens() == 5  # of 8: two that were taken, one attempt that failed
        assert len(bench.ring) == 6
        stats = bench.stats
        assert (stats.admitted, stats.retried, stats.failed) == (2, 0, 0)
        bench.advance(9)
        assert bench.pipeline.step() == 0
        bench.advance(1)
        assert bench.pipeline.step() > 0
        bench.run(4000)
        assert letters(bench) == LETTERS[:8]
        assert (stats.admitted, stats.retried, stats.failed) == (8, 1, 0)
        assert bench.sink.tried_at[:4] == [0, 0, 0, 10]


def test_a_record_given_up_in_the_middle_leaves_no_gap_in_the_order():
    bench = Bench(rate=1, burst=8, slots=8, batch=8, tries=1)
    bench.sink.answers = [True, False, True, False]
    put_letters(bench, 6)
    assert bench.pipeline.step() == 6
    assert letters(bench) == b"acef"
    assert bench.given_up == [b"b", b"d"]
    assert bench.bucket.tokens() == 2
    assert (bench.stats.admitted, bench.stats.failed) == (4, 2)


def test_what_the_hook_raises_costs_no_tokens_of_records_that_were_not_offered():
    def hook(record, n):
        raise RuntimeError("no place for it")

    bench = Bench(rate=1, burst=8, slots=8, batch=8, tries=1, degrade=hook)
    bench.sink.answers = [True, False]
    put_letters(bench, 5)
    try:
        bench.pipeline.step()
        said = ""
    except RuntimeError as error:
        said = str(error)
    assert said == "no place for it"
    assert (len(bench.ring), bench.stats.failed) == (4, 0)
    assert bench.bucket.tokens() == 6
    bench.run(1)
    assert letters(bench) == LETTERS[:5]


def test_tokens_for_fewer_than_the_batch():
    bench = Bench(rate=100, burst=3, slots=8, batch=8)
    put_letters(bench, 6)
    assert bench.pipeline.step() == 3
    assert bench.pipeline.step() == 0
    assert bench.stats.denied == 1
    assert bench.pipeline.wait_ticks() == 10
    bench.run(31)
    assert [at for at, _ in bench.sink.taken] == [0, 0, 0, 10, 20, 30]
    assert letters(bench) == LETTERS[:6]
    assert bench.stats.denied == 3  # each record that had to wait, once


def test_every_token_is_granted_at_its_tick_and_none_besides():
    rate, burst = 300, 5
    bench = Bench(rate=rate, burst=burst, slots=16, batch=16)
    for now in range(2000):
        while bench.ring.free():
            bench.put(b"x")
        while bench.pipeline.step():
            pass
        assert len(bench.sink.taken) == burst + now * rate // 1000, now
        bench.advance(1)


def test_a_step_ends_after_the_next_tick_and_gives_back_the_tokens_of_the_rest():
    bench = Bench(rate=1, burst=8, slots=8, batch=8)
    put_letters(bench, 5)
    bench.sink.write_ticks = 1
    assert bench.pipeline.step() == 2
    assert bench.bucket.tokens() == 6
    bench.sink.write_ticks = 0
    assert bench.pipeline.step() == 3
    assert bench.bucket.tokens() == 3


def test_a_step_of_records_that_go_one_by_one_ends_after_the_next_tick_too():
    bench = Bench(overflow=OVERWRITE, slots=8, batch=8)
    put_letters(bench, 5)
    bench.sink.write_ticks = 1
    assert bench.pipeline.step() == 2
    bench.sink.write_ticks = 0
    assert bench.pipeline.step() == 3


def test_sojourn_is_from_the_put_to_the_end_of_each_record_s_own_write():
    bench = Bench(slots=8, batch=4)
    bench.sink.write_ticks = 3
    put_letters(bench, 4)
    assert [bench.pipeline.step() for _ in range(5)] == [1, 1, 1, 1, 0]
    stats = bench.stats
    stats.close_interval(bench.clock.ticks())
    assert (stats.p50, stats.p99) == (6, 12)
    assert (stats.tried, stats.missed, stats.sink_ticks) == (4, 0, 3)


def outcome(batch, write_ticks=0, **options):
    bench = Bench(slots=8, batch=batch, tries=2, first_backoff=5, **options)
    bench.sink.write_ticks = write_ticks
    bench.sink.answers = [True, False, True, True, False, False, True, OSError("no")]
    for i in range(120):
        bench.put(bytes([i & 255] * (1 + i % 5)))
        bench.run(3)
        if i % 40 == 0:
            bench.ring.set_limit(2 + i % 7)
    bench.run(800)
    stats = bench.stats
    counted = stats.admitted, stats.denied, stats.retried, stats.failed, stats.shed
    lost = bench.ring.rejected, bench.ring.overwritten
    return bench.sink.taken, bench.sink.tried_at, bench.given_up, counted, lost


def test_a_batch_changes_nothing_of_what_a_sink_sees_at_each_tick():
    for overflow in (REJECT, OVERWRITE):
        for cost, burst in (("record", 3), ("bytes", 9)):
            for write_ticks in (0, 1, 3):
                options = {"rate": 200, "burst": burst, "overflow": overflow, "cost": cost}
                options["write_ticks"] = write_ticks
                assert outcome(1, **options) == outcome(5, **options)


def test_nor_where_records_are_shed():
    one, five = (outcome(batch, rate=200, burst=2, shed=CoDel(5, 20)) for batch in (1, 5))
    assert one == five
    assert one[3][4] > 0


def test_a_batch_of_none_is_named():
    try:
        Bench(batch=0)
        said = ""
    except ValueError as refusal:
        said = str(refusal)
    assert said == "batch must be 1 or more, not 0"
