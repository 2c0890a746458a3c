"""What a pipeline tells of each record's end: once, in the ring's order, when it happens."""

from bench import Bench

from sluice.flow.pipeline import GIVEN_UP, OVERWRITTEN, SHED, TAKEN
from sluice.queue.ring import OVERWRITE, REJECT


class Ends:
    def __init__(self):
        self.told = []

    def ended(self, how, n):
        self.told.append((how, n))


class Shed:
    """Sheds the records for which its answers say so."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def should_drop(self, sojourn, now, behind):
        return self._answers.pop(0)


def told(records, answers=(), **options):
    ends = Ends()
    bench = Bench(slots=8, batch=8, tries=1, ends=ends, **options)
    bench.sink.answers = list(answers)
    bench.put(*records)
    bench.run(100)
    return ends.told


def test_what_the_sink_took_and_what_was_given_up():
    for overflow in (REJECT, OVERWRITE):
        ends = told([b"a", b"b", b"c"], [True, False, True], overflow=overflow)
        assert ends == [(TAKEN, 1), (GIVEN_UP, 1), (TAKEN, 1)]


def test_what_was_shed_in_between():
    for overflow in (REJECT, OVERWRITE):
        ends = told([b"a", b"b", b"c"], shed=Shed(True, False, True), overflow=overflow)
        assert ends == [(SHED, 1), (TAKEN, 1), (SHED, 1)]


def test_what_costs_more_than_the_bucket_holds():
    assert told([b"abc", b"d"], rate=1000, burst=2, cost="bytes") == [(GIVEN_UP, 1), (TAKEN, 1)]


def test_what_was_overwritten_is_told_before_what_is_behind_it():
    ends = Ends()
    bench = Bench(rate=100, slots=2, overflow=OVERWRITE, ends=ends, tries=2, first_backoff=10)
    bench.sink.answers = [False]
    bench.put(b"a")
    bench.run(1)  # held in the copy, and refused
    bench.put(b"b", b"c", b"d", b"e")
    assert ends.told == []
    bench.run(100)
    assert ends.told == [(TAKEN, 1), (OVERWRITTEN, 2), (TAKEN, 1), (TAKEN, 1)]
    assert bench.records() == [b"a", b"d", b"e"]


def test_a_record_that_a_hook_keeps_in_front_has_not_ended():
    def hook(record, n):
        raise RuntimeError("no place for it")

    ends = Ends()
    bench = Bench(tries=1, degrade=hook, ends=ends)
    bench.sink.answers = [False]
    bench.put(b"a")
    try:
        bench.pipeline.step()
        said = ""
    except RuntimeError as error:
        said = str(error)
    assert (said, ends.told) == ("no place for it", [])
    bench.run(10)
    assert ends.told == [(TAKEN, 1)]
