"""A sink without room: the pipeline waits, and nothing is spent or counted."""

from bench import Bench

from sluice.queue.ring import OVERWRITE, REJECT


class Shed:
    """Sheds every record that has another behind it."""

    def should_drop(self, sojourn, now, behind):
        return behind > 0


def test_no_room_is_no_attempt_and_takes_no_token():
    for batch in (1, 8):
        for overflow in (REJECT, OVERWRITE):
            bench = Bench(rate=1, burst=8, slots=8, batch=batch, tries=1, overflow=overflow)
            bench.sink.places = 2
            bench.put(b"a", b"b", b"c", b"d")
            assert bench.run(500) == 2
            assert (bench.bucket.tokens(), len(bench.sink.tried_at), len(bench.ring)) == (6, 2, 2)
            bench.sink.places = 3
            assert bench.run(1) == 1
            bench.sink.places = 9
            assert bench.run(1) == 1
            assert bench.records() == [b"a", b"b", b"c", b"d"]
            stats = bench.stats
            assert (stats.denied, stats.retried, stats.failed, stats.admitted) == (0, 0, 0, 4)
            stats.close_interval(bench.clock.ticks())
            assert (stats.tried, stats.missed, stats.waited) == (4, 0, 0)


def test_wait_ticks_says_that_there_is_something_to_wait_for():
    bench = Bench()
    bench.sink.places = 0
    assert bench.pipeline.wait_ticks() == -1
    bench.put(b"a")
    assert (bench.pipeline.step(), bench.pipeline.wait_ticks()) == (0, 1)
    bench.advance(5)
    assert bench.pipeline.wait_ticks() == 1
    bench.sink.places = 1
    assert (bench.pipeline.wait_ticks(), bench.pipeline.step()) == (0, 1)


def test_what_the_sink_refused_waits_for_room_without_another_attempt():
    bench = Bench(tries=2, first_backoff=10)
    bench.sink.answers = [False]
    bench.put(b"a")
    bench.run(5)
    bench.sink.places = 0
    bench.run(1000)
    assert (len(bench.sink.tried_at), bench.stats.retried, bench.stats.failed) == (1, 0, 0)
    bench.sink.places = 1
    bench.run(1)
    assert (bench.records(), bench.stats.retried) == ([b"a"], 1)


def test_a_sink_that_stalls_is_shed_for_all_the_same():
    for overflow in (REJECT, OVERWRITE):
        bench = Bench(rate=1, burst=1, shed=Shed(), overflow=overflow)
        bench.sink.places = 0
        bench.put(b"a", b"b", b"c")
        assert bench.run(3) == 2
        assert (bench.stats.shed, bench.bucket.tokens()) == (2, 1)
        bench.sink.places = 1
        bench.run(1)
        assert bench.records() == [b"c"]
