"""The router: which topic a record goes to, and that none of them waits for another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import TickClock
from sluice import RecordRing, Router, Stats, TokenBucket, Topic

SMALL_MAX = (1 << 30) - 1


class Sink:
    """Takes records at their ticks, unless it is told to fail or to raise."""

    def __init__(self, clock):
        self.clock = clock
        self.taken = []
        self.answer = True

    def room(self):
        return 1 << 20

    def write(self, record, n):
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer:
            self.taken.append((self.clock.ticks(), bytes(record[:n])))
        return self.answer


class Bench:
    """A router with topics of given rates, on a clock of its own."""

    def __init__(self, start=0, slots=4, burst=1, options=None, **rates):
        self.clock = TickClock(start, strict=True)
        self.sinks = {}
        topics = {}
        for name, rate in rates.items():
            self.sinks[name] = Sink(self.clock)
            topics[name] = Topic(
                RecordRing(slots, 8, ticks=self.clock.ticks),
                TokenBucket(rate, burst, 1000, self.clock.ticks),
                self.sinks[name],
                Stats(self.clock.ticks),
                ticks=self.clock.ticks,
                **(options or {}).get(name, {}),
            )
        self.router = Router(topics)

    def put(self, name, *records):
        return [self.router.put(name, record, len(record)) for record in records]

    def run(self, ticks):
        moved = 0
        for _ in range(ticks):
            moved += self.router.step()
            self.clock.advance(1)
        return moved

    def taken(self, name):
        return self.sinks[name].taken


def test_each_record_goes_through_the_queue_and_the_bucket_of_its_topic():
    bench = Bench(alarm=None, log=100)
    assert bench.put("alarm", b"fire", b"flood") == [True, True]
    assert bench.put("log", b"a", b"b") == [True, True]
    assert bench.run(12) == 4
    assert bench.taken("alarm") == [(0, b"fire"), (1, b"flood")]
    assert bench.taken("log") == [(0, b"a"), (10, b"b")]


def test_each_topic_moves_one_record_in_a_step():
    bench = Bench(a=None, b=None, c=None)
    for name in ("a", "b"):
        bench.put(name, b"1", b"2", b"3")
    assert [bench.router.step() for _ in range(4)] == [2, 2, 2, 0]


def test_an_unknown_topic_is_refused_and_counted():
    bench = Bench(a=None)
    assert bench.put("b", b"x", b"y") == [False, False]
    assert not bench.router.put(None, b"x", 1)
    assert (bench.router.unknown, bench.router.step()) == (3, 0)
    bench.router.unknown = SMALL_MAX
    bench.put("b", b"x")
    assert bench.router.unknown == SMALL_MAX


def test_a_full_queue_refuses_for_its_own_topic_alone():
    bench = Bench(a=None, b=None, slots=2)
    assert bench.put("a", b"1", b"2", b"3") == [True, True, False]
    assert bench.put("b", b"1") == [True]
    topics = bench.router.topics
    assert (topics["a"].ring.rejected, topics["b"].ring.rejected) == (1, 0)
    assert bench.router.unknown == 0


@pytest.mark.parametrize("n", [0, 9, -1])
def test_a_length_that_does_not_fit_is_refused(n):
    bench = Bench(a=None)
    assert not bench.router.put("a", b"123456789", n)
    assert (len(bench.router.topics["a"].ring), bench.router.unknown) == (0, 0)


def hopeless(record, n):
    raise RuntimeError("nowhere to put it")


TROUBLES = {
    "no token": ({"bad": 0}, True, {}),
    "a sink that takes nothing": ({"bad": None}, False, {}),
    "a sink that raises": ({"bad": None}, OSError("no line"), {}),
    "a degrade hook that raises": ({"bad": None}, False, {"tries": 1, "degrade": hopeless}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("order", [["bad", "good"], ["good", "bad"]])
def test_a_topic_in_trouble_delays_no_other(trouble, order):
    """The good topic's records leave at the very ticks at which they leave when it is alone."""
    rates, answer, options = TROUBLES[trouble]
    rates = {name: (rates | {"good": 200})[name] for name in order}
    together = Bench(options={"bad": options}, **rates)
    alone = Bench(good=200)
    together.sinks["bad"].answer = answer
    if trouble == "no token":
        together.put("bad", b"last")
        together.run(0)
        together.router.topics["bad"].bucket.try_acquire()
    for bench in (together, alone):
        for turn in range(300):
            if turn % 7 == 0:
                bench.put("good", b"%d" % turn, b"second")
                if bench is together:
                    bench.put("bad", b"x")
            bench.run(1)
    assert len(alone.taken("good")) > 40
    assert together.taken("good") == alone.taken("good")
    assert together.taken("bad") == []
    assert len(together.router.topics["bad"].ring) > 0


def test_what_a_degrade_hook_raises_is_counted_and_its_record_stays():
    bench = Bench(bad=None, options={"bad": {"tries": 1, "degrade": hopeless}})
    topic = bench.router.topics["bad"]
    bench.sinks["bad"].answer = False
    bench.put("bad", b"x")
    assert bench.run(3) == 0
    assert (topic.faults, len(topic.ring), topic.stats.failed) == (3, 1, 0)
    topic.faults = SMALL_MAX
    bench.run(1)
    assert topic.faults == SMALL_MAX
    bench.sinks["bad"].answer = True
    assert bench.run(1) == 1
    assert [record for _, record in bench.taken("bad")] == [b"x"]


def test_ctrl_c_in_a_sink_stops_the_program():
    bench = Bench(a=None)
    bench.put("a", b"x")
    bench.sinks["a"].write = lambda record, n: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run(1)


def test_the_topics_are_fixed_from_the_start():
    clock = TickClock()
    topic = Topic(RecordRing(1, 8), TokenBucket(None, 1), Sink(clock), Stats())
    topics = {"a": topic}
    router = Router(topics)
    topics["b"] = topic
    assert not router.put("b", b"x", 1)


def topic(ring=None, bucket=None):
    ring = RecordRing(1, 8) if ring is None else ring
    return Topic(ring, bucket or TokenBucket(1, 1), Sink(None), Stats())


RING, BUCKET, TOPIC = RecordRing(1, 8), TokenBucket(1, 1), topic()


@pytest.mark.parametrize(
    ("topics", "error", "words"),
    [
        ({}, ValueError, "topics must be a dict of one Topic or more, not {}"),
        ([TOPIC], TypeError, "topics must be a dict of one Topic or more"),
        ({"a": RING}, TypeError, "topic 'a' must be a Topic, not"),
        ({"a": TOPIC, "b": TOPIC}, ValueError, "topics 'a' and 'b' have the same ring"),
        ({"a": topic(RING), "b": topic(RING)}, ValueError, "'a' and 'b' have the same ring"),
        (
            {"a": topic(None, BUCKET), "b": topic(None, BUCKET)},
            ValueError,
            "'a' and 'b' have the same bucket",
        ),
    ],
)
def test_wrong_topics_are_named(topics, error, words):
    with pytest.raises(error, match=words):
        Router(topics)


@settings(max_examples=150, derandomize=True)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 400)), min_size=2),
    st.integers(1, 4),
    st.lists(
        st.tuples(
            st.sampled_from("abcde"),  # topic; "e" is unknown
            st.integers(0, 3),  # records put
            st.sampled_from([True, True, False, OSError("no")]),  # what its sink does from here on
            st.integers(0, 20),  # ticks
        ),
        max_size=60,
    ),
)
def test_every_topic_fares_as_if_it_were_alone(rates, burst, script):
    start = SMALL_MAX - 100
    together = Bench(start, burst=burst, **rates)
    alone = {name: Bench(start, burst=burst, **{name: rate}) for name, rate in rates.items()}
    unknown = 0
    for name, count, answer, ticks in script:
        for bench in (together, *alone.values()):
            if name in bench.sinks:
                bench.sinks[name].answer = answer
                bench.put(name, *[b"%d" % number for number in range(count)])
            bench.run(ticks)
        if name not in rates:
            unknown += count
            together.put(name, *[b"x"] * count)
    assert together.router.unknown == unknown
    for name, bench in alone.items():
        assert together.taken(name) == bench.taken(name)
        mine, its = together.router.topics[name], bench.router.topics[name]
        assert (len(mine.ring), mine.ring.rejected) == (len(its.ring), its.ring.rejected)
        assert mine.stats.admitted == its.stats.admitted
