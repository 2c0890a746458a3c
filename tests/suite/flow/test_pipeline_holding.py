"""A sink that answers later: what it holds stays in the ring, and leaves it in order."""

from bench import Bench

from sluice.flow.pipeline import GIVEN_UP, HELD, OVERWRITTEN, REFUSED, SHED, TAKEN
from sluice.queue.ring import OVERWRITE, REJECT


class Chance:
    """Numbers that look random, the same on each runtime."""

    def __init__(self, seed):
        self._state = seed * 7919 + 1

    def below(self, n):
        self._state = (self._state * 1103 + 12345) & 0xFFFFF
        return (self._state >> 4) % n


class Holder:
    """A sink that holds.

    answers, said: what `write` and `done` answer next.  places: of `room`.
    """

    def __init__(self):
        self.answers = []
        self.said = []
        self.places = 1 << 20
        self.views = []  # of the records that are held
        self.given = []

    def room(self):
        return self.places

    def write(self, record, n):
        self.given.append(bytes(record[:n]))
        answer = self.answers.pop(0) if self.answers else HELD
        if answer == HELD:
            self.views.append((record, bytes(record[:n])))
        if answer is None:
            raise OSError("no")
        return answer

    def done(self):
        assert all(bytes(view[: len(record)]) == record for view, record in self.views)
        n = self.said.pop(0) if self.said else 0
        self.views = [] if n == -1 else self.views[n if n >= 0 else -1 - n :]
        return n


class Ends:
    def __init__(self):
        self.told = []

    def ended(self, how, n):
        self.told.append((how, n))


def rig(sink=None, **options):
    ends = Ends()
    sink = sink or Holder()
    options.setdefault("slots", 8)
    options.setdefault("batch", 8)
    bench = Bench(ends=ends, sink=sink, **options)
    return bench, sink, ends.told


def test_what_is_held_waits_in_the_ring_while_others_are_offered():
    bench, sink, told = rig()
    bench.put(b"a", b"b", b"c")
    assert (bench.run(5), sink.given, len(bench.ring)) == (0, [b"a", b"b", b"c"], 3)
    assert bench.pipeline.lag() == 5
    bench.put(b"d")
    sink.said = [2]
    assert (bench.run(1), len(bench.ring), told) == (2, 2, [(TAKEN, 1), (TAKEN, 1)])
    assert sink.given == [b"a", b"b", b"c", b"d"]
    sink.said = [0, 9]  # more than it holds
    assert (bench.run(9), len(bench.ring), len(told)) == (2, 0, 4)
    assert (bench.pipeline.wait_ticks(), bench.stats.admitted) == (-1, 4)


def test_a_wait_for_what_is_held_is_a_tick_and_no_hang():
    for overflow in (REJECT, OVERWRITE):
        bench, sink, told = rig(overflow=overflow, rate=10, burst=1, batch=1)
        bench.put(b"a")
        step, wait = bench.pipeline.step, bench.pipeline.wait_ticks
        assert (wait(), step(), wait()) == (0, 0, 1)
        bench.put(b"b")
        if overflow == REJECT:
            assert (wait(), step(), wait()) == (0, 0, 1)  # denied: 100 ticks, but the held may end
        assert wait() == 1
        bench.advance(100)
        sink.said = [1]
        assert (step(), told, len(sink.given)) == (1, [(TAKEN, 1)], 2)
        assert (bench.stats.denied, wait()) == (1 if overflow == REJECT else 0, 1)


def test_what_was_lost_is_one_failure_and_is_written_again_in_order():
    for tries, left in ((2, 0), (1, 1)):
        bench, sink, told = rig(tries=tries, first_backoff=10)
        bench.put(b"a", b"b", b"c")
        bench.run(1)
        sink.said = [-1]
        assert bench.run(10) == left
        bench.run(2)
        again = [b"a", b"b", b"c"][left:]
        assert (sink.given[3:], bench.given_up) == (again, [b"a"][:left])
        sink.said = [3]
        bench.run(1)
        assert told == [(GIVEN_UP if left else TAKEN, 1), (TAKEN, 1), (TAKEN, 1)]
        stats = bench.stats
        assert (stats.retried, stats.failed, stats.admitted) == (1 - left, left, 3 - left)
        stats.close_interval(bench.clock.ticks())
        assert (stats.tried, stats.missed) == (4 - left, 1)


def test_what_a_sink_will_never_take_is_given_up_at_once_and_the_rest_stays_held():
    bench, sink, told = rig(tries=9)
    bench.put(b"a", b"b", b"c")
    bench.run(1)
    sink.said = [-3]
    assert (bench.run(5), bench.given_up, len(bench.ring)) == (2, [b"a", b"b"], 1)
    sink.said = [1]
    bench.run(1)
    assert told == [(GIVEN_UP, 1), (GIVEN_UP, 1), (TAKEN, 1)]
    assert len(sink.given) == 3
    bench.put(b"d")
    bench.run(1)
    sink.said = [-9]  # more than it holds
    assert (bench.run(1), bench.given_up[2:], bench.pipeline.wait_ticks()) == (1, [b"d"], -1)
    stats = bench.stats
    assert (stats.retried, stats.failed, stats.admitted) == (0, 3, 1)
    stats.close_interval(bench.clock.ticks())
    assert (stats.tried, stats.missed) == (4, 3)


def test_an_attempt_takes_until_its_answer():
    bench, sink, told = rig()
    bench.put(b"a", b"b")
    bench.run(30)
    sink.said = [2]
    bench.run(1)
    bench.stats.close_interval(bench.clock.ticks())
    assert (bench.stats.sink_ticks, bench.stats.p50) == (30, 30)


def test_what_ends_behind_what_is_held_is_told_after_it():
    bench, sink, told = rig(tries=1)
    sink.answers = [HELD, True, REFUSED, None, HELD, TAKEN]
    bench.put(b"a", b"b", b"c", b"d", b"e", b"f")
    bench.run(9)
    assert (told, bench.given_up, len(bench.ring)) == ([], [b"c", b"d"], 6)
    sink.said = [-1]
    bench.run(1)
    assert (told[0], bench.given_up[2:]) == ((GIVEN_UP, 1), [b"a"])
    bench.run(1)
    assert (told[1:], sink.given[6:]) == ([(TAKEN, 1), (GIVEN_UP, 1), (GIVEN_UP, 1)], [b"e"])
    sink.said = [1]
    assert (bench.run(1), told[4:]) == (2, [(TAKEN, 1), (TAKEN, 1)])


def test_of_an_overwriting_ring_one_is_held_and_the_others_can_be_replaced():
    bench, sink, told = rig(overflow=OVERWRITE, slots=2)
    bench.put(b"a", b"b")
    bench.run(2)
    bench.put(b"c", b"d", b"e")
    bench.run(5)
    assert (sink.given, told) == ([b"a"], [])
    sink.said = [-1]
    bench.run(11)
    assert sink.given == [b"a", b"a"]
    sink.said = [1, 1, 1]
    bench.run(5)
    assert sink.given[2:] == [b"d", b"e"]
    assert told == [(TAKEN, 1), (OVERWRITTEN, 2), (TAKEN, 1), (TAKEN, 1)]


def test_a_sink_that_stalls_is_shed_for_behind_what_it_holds():
    class Shed:
        def should_drop(self, sojourn, now, behind):
            return behind > 0

    bench, sink, told = rig(shed=Shed(), rate=1, burst=8)
    bench.put(b"a")
    bench.run(1)
    sink.places = 0
    bench.put(b"b", b"c", b"d")
    bench.run(3)
    assert (bench.stats.shed, bench.bucket.tokens(), told, len(bench.ring)) == (2, 7, [], 4)
    sink.said = [1]
    assert (bench.run(1), told) == (3, [(TAKEN, 1), (SHED, 1), (SHED, 1)])
    sink.places = 1
    bench.run(1)
    assert sink.given == [b"a", b"d"]


def test_a_step_drops_and_offers_no_more_than_a_batch():
    bench, sink, told = rig(batch=2)
    bench.put(b"a", b"b", b"c", b"d", b"e")
    for given in (2, 4, 5):
        assert (bench.pipeline.step(), len(sink.given)) == (0, given)
    sink.said = [5]
    assert [bench.pipeline.step() for _ in range(4)] == [2, 2, 1, 0]


def test_a_queue_that_keeps_no_slots_is_named():
    class Queue:
        overflow = REJECT
        size = 16

    try:
        rig(ring=Queue())
        said = ""
    except ValueError as refusal:
        said = str(refusal)
    assert said.startswith("a sink that holds needs a RecordRing, not <")


class Record:
    def __init__(self, content):
        self.content = content
        self.state = "new"  # or "held", or how it ended
        self.failures = 0


class Model:
    """A sink and a shedding control with random answers, and what a pipeline must make of them."""

    def __init__(self, chance, tries):
        self.chance = chance
        self.tries = tries
        self.records = []  # all that were ever put
        self.left = 0  # of them, those that were told to have ended
        self.writes = self.taken = self.given_up = self.retried = self.answered = self.missed = 0
        self.shed = 0

    def put(self, content):
        self.records.append(Record(content))

    def next(self):
        for record in self.records[self.left :]:
            if record.state == "new":
                return record
        raise AssertionError("nothing to offer")

    def held(self):
        return [record for record in self.records[self.left :] if record.state == "held"]

    def room(self):
        return self.chance.below(3)

    def write(self, view, n):
        record = self.next()
        assert bytes(view[:n]) == record.content
        self.writes += 1
        self.retried += record.failures > 0
        answer = (HELD, HELD, HELD, TAKEN, True, REFUSED, None)[self.chance.below(7)]
        if answer == HELD:
            record.state = "held"
            return HELD
        self.answered += 1
        if answer:
            self.take(record)
        else:
            self.fail(record)
            if self.chance.below(2):
                raise OSError("no")
        return answer

    def done(self):
        held = self.held()
        assert held
        n = self.chance.below(6) - 1
        if n == 4:
            n = self.chance.below(3)
            for record in held[:n]:
                record.state = GIVEN_UP
                self.given_up += 1
                self.answered += 1
                self.missed += 1
            return -1 - n if n else 0
        if n < 0:
            for record in held:
                record.state = "new"
            self.answered += 1
            self.fail(held[0])
        else:
            for record in held[:n]:
                self.answered += 1
                self.take(record)
        return n

    def take(self, record):
        record.state = TAKEN
        self.taken += 1

    def fail(self, record):
        record.failures += 1
        self.missed += 1
        if record.failures == self.tries:
            record.state = GIVEN_UP
            self.given_up += 1

    def should_drop(self, sojourn, now, behind):
        record = self.next()
        assert record.failures == 0
        assert behind == len(self.records) - self.records.index(record) - 1
        if behind < 2 or self.chance.below(4):
            return False
        record.state = SHED
        self.shed += 1
        return True

    def ended(self, how, n):
        assert n == 1
        record = self.records[self.left]
        assert record.state == how
        self.left += 1


def against_the_model(seed, batch, sheds, overflow=REJECT):
    chance = Chance(seed)
    model = Model(chance, 3)
    most = 1 << 14
    bench = Bench(
        rate=0,
        burst=most,
        slots=5,
        overflow=overflow,
        tries=3,
        batch=batch,
        shed=model if sheds else None,
        ends=model,
        sink=model,
        first_backoff=1,
        last_backoff=2,
    )
    ring, stats = bench.ring, bench.stats
    before = 0
    for i in range(150 + 200):
        for _ in range(chance.below(4) if i < 150 else 0):
            content = b"%d" % len(model.records)
            # What an overwriting ring loses is another test's.
            if len(ring) < ring.capacity and ring.put(content, len(content)):
                model.put(content)
        moved = bench.pipeline.step()
        assert moved == model.left - before
        before = model.left
        waiting = len(model.records) - model.left
        if overflow == REJECT:
            assert len(ring) == waiting
        assert (bench.pipeline.wait_ticks() == -1) == (waiting == 0)
        bench.advance(1)
    assert model.left == len(model.records) > 50
    assert bench.bucket.tokens() == most - model.writes
    counted = stats.admitted, stats.failed, stats.retried, stats.shed
    assert counted == (model.taken, model.given_up, model.retried, model.shed)
    stats.close_interval(bench.clock.ticks())
    assert (stats.tried, stats.missed) == (model.answered, model.missed)
    assert len(bench.given_up) == model.given_up > 0


def test_a_sink_with_any_answers_against_a_simple_model():
    for seed in range(4):
        for batch in (1, 8):
            for sheds in (False, True):
                against_the_model(seed, batch, sheds)
            against_the_model(seed, batch, False, OVERWRITE)
