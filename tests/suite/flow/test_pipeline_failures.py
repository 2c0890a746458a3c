"""The pipeline with a sink that fails: retries, backoff, giving up."""

from bench import Bench

from sluice.queue.ring import OVERWRITE, REJECT


def test_a_failed_record_stays_in_front_and_is_retried_with_backoff():
    for overflow in (REJECT, OVERWRITE):
        for failure in (False, None, OSError("no"), ValueError("no")):
            bench = Bench(overflow=overflow, first_backoff=10, last_backoff=15, tries=9)
            bench.sink.answers = [failure, failure, failure]
            bench.put(b"a", b"b")
            assert bench.run(45) == 2
            assert bench.sink.tried_at == [0, 10, 25, 40, 40]
            assert bench.sink.taken == [(40, b"a"), (40, b"b")]
            stats = bench.stats
            assert (stats.retried, stats.failed, stats.admitted) == (3, 0, 2)


def test_each_attempt_costs_its_tokens():
    bench = Bench(rate=100, burst=1, first_backoff=1)
    bench.sink.answers = [False, False]
    bench.put(b"a")
    bench.run(40)
    assert bench.sink.taken == [(20, b"a")]


def test_after_the_last_try_the_hook_has_the_record_and_the_next_moves_up():
    for overflow in (REJECT, OVERWRITE):
        bench = Bench(overflow=overflow, tries=3, first_backoff=2)
        bench.sink.answers = [False, False, False, True]
        bench.put(b"bad", b"good")
        assert bench.run(10) == 2
        assert bench.given_up == [b"bad"]
        assert bench.records() == [b"good"]
        stats = bench.stats
        assert (stats.failed, stats.retried, stats.admitted) == (1, 2, 1)


def test_without_a_hook_a_record_given_up_is_still_counted():
    bench = Bench(tries=1, degrade=None)
    bench.sink.answers = [False]
    bench.put(b"a")
    assert bench.run(1) == 1
    assert (bench.stats.failed, bench.given_up) == (1, [])


def test_what_the_hook_raises_reaches_the_caller_and_the_record_stays():
    def hook(record, n):
        raise RuntimeError("no place for it")

    bench = Bench(tries=1, degrade=hook)
    bench.sink.answers = [False]
    bench.put(b"a")
    try:
        bench.pipeline.step()
        said = ""
    except RuntimeError as error:
        said = str(error)
    assert said == "no place for it"
    assert (len(bench.ring), bench.stats.failed) == (1, 0)
    assert bench.run(1) == 1


def test_a_record_taken_out_of_an_overwriting_ring_cannot_be_replaced():
    bench = Bench(overflow=OVERWRITE, slots=1, first_backoff=10)
    bench.sink.answers = [False]
    bench.put(b"a")
    bench.run(1)
    bench.put(b"b", b"c")
    bench.run(20)
    assert bench.records() == [b"a", b"c"]


def test_wrong_options_are_named():
    for option, value in (("cost", "packet"), ("tries", 0)):
        try:
            Bench(**{option: value})
            said = ""
        except ValueError as refusal:
            said = str(refusal)
        assert said.startswith(option + " must be ")
