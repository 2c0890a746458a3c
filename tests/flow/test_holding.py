"""What a sink holds: the numbers that are repeated, and waits that a wrap of the ticks meets."""

import pytest
from bench import Bench

from host_sim import StrictInt
from sluice.flow import holding, pipeline
from sluice.queue.ring import OVERWRITE, REJECT


@pytest.mark.parametrize("name", ["TAKEN", "GIVEN_UP", "SHED", "HELD"])
def test_the_numbers_are_the_pipeline_s(name):
    assert getattr(holding, "_" + name) == getattr(pipeline, name)


def test_held_is_no_way_to_end():
    ways = pipeline.TAKEN | pipeline.GIVEN_UP | pipeline.SHED | pipeline.OVERWRITTEN
    assert pipeline.HELD & ways == 0
    assert (bool(pipeline.REFUSED), pipeline.TAKEN == True) == (False, True)  # noqa: E712


class Sink:
    """Holds the first, and answers the others as it is told to."""

    answer = pipeline.HELD
    said = 0

    def __init__(self):
        self.given = 0

    def room(self):
        return StrictInt(1)

    def write(self, record, n):
        self.given += 1
        return self.answer

    def done(self):
        return self.said


def rig(**options):
    bench = Bench(sink=Sink(), slots=4, batch=4, **options)
    bench.put(b"a")
    assert bench.pipeline.step() == 0
    return bench, bench.sink


def test_a_failure_behind_what_is_held_waits_its_time():
    bench, sink = rig(first_backoff=10)
    sink.answer = False
    bench.put(b"b")
    bench.run(10)
    assert (sink.given, bench.pipeline.wait_ticks()) == (2, 0)
    bench.run(10)
    assert (sink.given, bench.pipeline.wait_ticks()) == (3, 1)


def test_a_wait_behind_what_is_held_goes_on_when_that_has_left():
    bench, sink = rig(first_backoff=10)
    sink.answer = False
    bench.put(b"b")
    bench.run(2)
    sink.said = 1
    assert bench.run(7) == 1
    assert (sink.given, bench.pipeline.wait_ticks()) == (2, 1)
    bench.run(2)
    assert sink.given == 3


def test_a_wait_is_over_when_the_clock_was_away_for_half_a_period():
    bench, sink = rig(first_backoff=10)
    sink.answer = False
    bench.put(b"b")
    bench.pipeline.step()
    bench.advance(1 << 29)
    bench.pipeline.step()
    assert sink.given == 3


@pytest.mark.parametrize("overflow", [REJECT, OVERWRITE])
def test_a_record_that_never_fits_the_bucket_is_given_up_in_its_turn(overflow):
    bench, sink = rig(overflow=overflow, rate=1000, burst=2, cost="bytes")
    bench.put(b"much", b"b")
    bench.run(5)
    assert bench.given_up == ([b"much"] if overflow == REJECT else [])
    assert bench.stats.admitted == 0
    sink.said = 1
    bench.run(5)
    assert (bench.given_up, bench.stats.admitted, len(bench.ring)) == ([b"much"], 2, 0)


def test_what_the_hook_raises_reaches_the_caller_and_the_record_stays():
    raised = []

    def degrade(record, n):
        raised.append(bytes(record[:n]))
        if len(raised) == 1:
            raise RuntimeError

    bench, sink = rig(tries=2, degrade=degrade, first_backoff=1)
    sink.answer = False
    bench.put(b"b")
    bench.run(1)
    with pytest.raises(RuntimeError):
        bench.pipeline.step()
    bench.run(1)
    assert (raised, sink.given, bench.stats.failed) == ([b"b", b"b"], 4, 1)


def test_what_the_hook_raises_leaves_in_front_what_the_sink_will_never_take():
    raised = []

    def degrade(record, n):
        raised.append(bytes(record[:n]))
        if len(raised) == 1:
            raise RuntimeError

    bench, sink = rig(degrade=degrade)
    sink.said = -2
    with pytest.raises(RuntimeError):
        bench.pipeline.step()
    assert (len(bench.ring), bench.stats.failed) == (1, 0)
    assert bench.pipeline.step() == 1
    assert (raised, bench.stats.failed, len(bench.ring)) == ([b"a", b"a"], 1, 0)


def test_what_is_said_of_nothing_held_is_not_asked():
    bench, sink = rig()
    sink.said = 1
    assert bench.pipeline.step() == 1
    sink.said = -1
    bench.run(5)
    assert (bench.pipeline.wait_ticks(), bench.stats.admitted) == (-1, 1)


def test_with_nothing_held_a_failure_waits_as_ever():
    bench, sink = rig(first_backoff=10)
    sink.said = 1
    sink.answer = False
    bench.put(b"b")
    assert (bench.pipeline.step(), bench.pipeline.wait_ticks()) == (1, 10)
    bench.pipeline.retry_now()
    assert bench.pipeline.wait_ticks() == 0


def test_a_failure_behind_does_not_keep_what_is_lost_in_front_of_it():
    bench, sink = rig(first_backoff=10, tries=9)
    sink.answer = False
    bench.put(b"b")
    bench.run(31)  # the third failure, which waits for 40
    assert sink.given == 4
    sink.said = -1
    sink.answer = pipeline.HELD
    bench.run(10)
    assert sink.given == 4
    sink.said = 0
    bench.run(1)
    assert sink.given == 6


def test_a_rate_that_is_raised_is_used_at_once_behind_what_is_held():
    bench, sink = rig(rate=1, burst=1)
    bench.put(b"b")
    bench.run(5)
    bench.bucket.set_rate(1000)
    bench.pipeline.retry_now()
    bench.run(3)
    assert sink.given == 2


@pytest.mark.parametrize("answer", [pipeline.HELD, True])
def test_each_record_that_has_to_wait_for_tokens_counts_once(answer):
    bench, sink = rig(rate=100, burst=1)
    sink.answer = answer
    bench.put(b"b", b"c", b"d")
    bench.run(25)
    assert (sink.given, bench.stats.denied) == (3, 3)


def test_what_has_to_wait_for_tokens_again_counts_again():
    bench, sink = rig(rate=10, burst=1, first_backoff=1)
    bench.put(b"b")
    bench.run(5)  # b waits
    sink.said = -1
    bench.run(1)
    sink.said = 0
    bench.run(50)  # a waits
    assert (sink.given, bench.stats.denied) == (1, 2)


def test_each_record_that_has_to_wait_counts_once_with_nothing_held():
    bench, sink = rig(rate=100, burst=1)
    sink.said = 1
    sink.answer = True
    bench.put(b"b", b"c", b"d")
    bench.run(25)
    assert (sink.given, bench.stats.denied) == (3, 3)


def test_what_is_to_leave_is_something_to_do():
    bench, sink = rig()
    pipe = bench.pipeline
    pipe._batch = 1
    bench.put(b"b", b"c")
    sink.answer = True
    pipe.step()
    sink.answer = pipeline.HELD
    pipe.step()
    bench.put(b"d")
    pipe.step()
    sink.room = pipe._several.__self__._room = lambda: 0
    sink.said = 1
    assert (pipe.step(), pipe.wait_ticks()) == (1, 0)  # b was taken behind a
    sink.said = 2
    assert (pipe.step(), pipe.wait_ticks()) == (1, 1)
    assert (pipe.step(), pipe.wait_ticks()) == (1, 0)  # c, and d is taken, too
    assert (pipe.step(), pipe.wait_ticks()) == (1, -1)
