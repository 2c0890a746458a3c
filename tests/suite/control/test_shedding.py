"""A pipeline that sheds what has waited too long, and the load of its loop."""

from bench import Bench
from clock import LAST, Clock

from sluice.control.codel import CoDel
from sluice.flow.load import LoadMeter
from sluice.queue.ring import OVERWRITE


def test_a_standing_queue_is_shed_and_counted():
    bench = Bench(rate=100, slots=16, shed=CoDel(20, 100))
    bench.put(*[b"%d" % i for i in range(16)])
    left = 0
    for _ in range(100):  # a put every 10 ms: the queue stays as long as it is
        left += bench.run(10)
        bench.put(b"x")
    stats = bench.stats
    assert stats.shed > 3
    assert stats.admitted + stats.shed == left
    assert stats.admitted == 100
    assert stats.failed == 0


def test_a_queue_that_drains_in_time_loses_nothing():
    bench = Bench(rate=100, slots=16, shed=CoDel(200, 1000))
    bench.put(*[b"x"] * 16)
    assert bench.run(1000) == 16
    assert bench.stats.shed == 0


def test_the_last_two_are_never_shed():
    codel = CoDel(1, 10)
    assert not any(codel.should_drop(1000, now, 1) for now in range(100))


def test_an_overwriting_ring_is_shed_too():
    bench = Bench(rate=100, overflow=OVERWRITE, slots=8, shed=CoDel(10, 50))
    for _ in range(300):
        bench.put(b"x")
        bench.run(2)
    bench.run(200)
    stats = bench.stats
    assert stats.shed > 0
    assert stats.admitted + stats.shed + bench.ring.overwritten == 300


def test_a_record_that_the_sink_was_offered_is_not_shed():
    bench = Bench(slots=8, shed=CoDel(1, 1), tries=3)
    bench.put(*[b"x"] * 8)
    bench.advance(5)
    bench.sink.answers = [False, False, False]
    bench.run(1000)
    assert bench.stats.failed == 1


def test_attempts_are_counted_by_the_interval():
    bench = Bench(rate=100, slots=4)
    write = bench.sink.write

    def slow(record, n):
        bench.advance(3)
        return write(record, n)

    bench.sink.write = slow
    bench.sink.answers = [False, True, True]
    bench.put(b"a", b"b")
    bench.run(200)
    stats = bench.stats
    stats.close_interval(bench.clock.ticks())
    assert (stats.tried, stats.missed, stats.sink_ticks) == (3, 1, 3)
    assert stats.waited == 1
    stats.close_interval(bench.clock.ticks())
    assert (stats.tried, stats.missed, stats.waited, stats.sink_ticks) == (0, 0, 0, 0)


def test_the_load_is_the_share_of_busy_ticks():
    clock = Clock(LAST - 5)
    meter = LoadMeter(clock.ticks)
    assert meter.close_interval() == 0
    for busy in (True, False, False, True):
        clock.advance(10)
        meter.turn(busy)
        meter.turn(not busy)
    assert meter.close_interval() == 500
    clock.advance(3)
    meter.turn(True)
    assert meter.close_interval() == 1000


def test_a_long_interval_and_a_gap_do_no_harm_to_the_load():
    clock = Clock()
    meter = LoadMeter(clock.ticks)
    for busy in (True, False, False, True, True, False):
        clock.advance(400000000)
        meter.turn(busy)
    assert 400 <= meter.close_interval() <= 600
    clock.advance(600000000)
    meter.turn(True)
    assert meter.close_interval() == 0
