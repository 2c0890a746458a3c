"""The router: which topic a record goes to, and that each has its turn."""

from bench import START, Sink
from clock import Clock

from sluice.flow.router import Router, Topic
from sluice.flow.stats import Stats
from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing


def topic_at(clock, rate, sink, **options):
    ticks = clock.ticks
    bucket = TokenBucket(rate, 1, 1000, ticks)
    return Topic(RecordRing(2, 8, ticks=ticks), bucket, sink, Stats(ticks), ticks=ticks, **options)


def test_each_record_goes_through_the_queue_and_the_bucket_of_its_topic():
    clock = Clock(START)
    now = [0]
    sinks = [Sink(lambda: now[0]), Sink(lambda: now[0])]
    router = Router({"alarm": topic_at(clock, None, sinks[0]), 7: topic_at(clock, 100, sinks[1])})
    for name, record in (("alarm", b"fire"), ("alarm", b"flood"), (7, b"a"), (7, b"b")):
        assert router.put(name, record, len(record))
    for _ in range(12):
        router.step()
        clock.advance(1)
        now[0] += 1
    assert sinks[0].taken == [(0, b"fire"), (1, b"flood")]
    assert sinks[1].taken == [(0, b"a"), (10, b"b")]


def test_each_topic_moves_one_record_in_a_step():
    clock = Clock(START)
    sink = Sink(clock.ticks)
    router = Router({name: topic_at(clock, None, sink) for name in "abc"})
    for name in "abab":
        assert router.put(name, b"x", 1)
    assert [router.step() for _ in range(3)] == [2, 2, 0]


def test_unknown_topics_and_full_queues_refuse_each_in_its_own_count():
    clock = Clock(START)
    router = Router({name: topic_at(clock, None, Sink(clock.ticks)) for name in "ab"})
    assert [router.put("a", b"x", 1) for _ in range(3)] == [True, True, False]
    assert not router.put("c", b"x", 1)
    assert router.put("b", b"x", 1)
    assert not router.put("b", b"123456789", 9)
    rings = [router.topics[name].ring for name in "ab"]
    assert [ring.rejected for ring in rings] == [1, 0]
    assert router.unknown == 1


def test_a_degrade_hook_that_raises_stops_its_own_topic_alone():
    clock = Clock(START)
    good, bad = Sink(clock.ticks), Sink(clock.ticks)
    bad.answers = [False] * 3

    def hopeless(record, n):
        raise RuntimeError("nowhere to put it")

    topics = {
        "bad": topic_at(clock, None, bad, tries=1, degrade=hopeless),
        "good": topic_at(clock, None, good),
    }
    router = Router(topics)
    router.put("bad", b"x", 1)
    router.put("good", b"y", 1)
    assert [router.step() for _ in range(4)] == [1, 0, 0, 1]
    assert (topics["bad"].faults, topics["good"].faults) == (3, 0)
    assert (len(good.taken), len(bad.taken)) == (1, 1)
