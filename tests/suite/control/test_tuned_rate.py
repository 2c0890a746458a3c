"""The rate that follows the sink, and the bucket that lets it."""

from clock import Clock

from sluice.control.tuning import RateTuner
from sluice.limit.tunable import TunableBucket


def test_a_change_is_exact_to_the_unit():
    clock = Clock()
    bucket = TunableBucket(500, 1, 1000, clock.ticks)
    bucket.set_range(1, 1000)
    assert bucket.try_acquire()
    clock.advance(1)  # pays 500 of 1,000 units
    assert bucket.tune(100) == 100
    clock.advance(4)  # pays 400
    assert bucket.tune(99) == 99
    clock.advance(1)  # pays 99
    assert not bucket.try_acquire()
    assert bucket.wait_ticks() == 1
    clock.advance(1)
    assert bucket.try_acquire()


def test_an_idle_time_pays_at_the_rate_that_is_in_force():
    clock = Clock()
    bucket = TunableBucket(1000000, 100, 1000, clock.ticks)
    bucket.set_range(1, 1000000)
    assert bucket.try_acquire(100)
    bucket.tune(1)
    clock.advance(5000)  # any debt is paid in so many ticks at the highest rate
    assert bucket.tokens() == 5


def test_a_rate_is_kept_within_the_range():
    bucket = TunableBucket(500, 10, 1000, Clock().ticks)
    assert bucket.tune(7) == 0
    assert bucket.rate == 500
    bucket.set_range(20, 300)
    assert bucket.rate == 300
    assert bucket.tune(1) == bucket.rate == 20
    assert bucket.tune(1000000000) == bucket.rate == 300
    bucket.set_rate(500)
    assert (bucket.low, bucket.high, bucket.tune(7)) == (0, 0, 0)


def test_a_range_that_the_burst_does_not_fit_changes_nothing():
    bucket = TunableBucket(1000000, 1000, 1000000, Clock().ticks)
    try:
        bucket.set_range(1, 10)
    except ValueError as error:
        assert "burst must be from 1 to 536" in str(error)
    else:
        raise AssertionError
    assert (bucket.rate, bucket.high) == (1000000, 0)


def test_a_range_has_bounds():
    bucket = TunableBucket(500, 10, 1000, Clock().ticks)
    for low, high, said in (
        (1, 0, "high must be from 1 to 1073741823, not 0"),
        (1, 1073741824, "high must be from 1 to 1073741823, not 1073741824"),
        (0, 10, "low must be from 1 to 10, not 0"),
        (11, 10, "low must be from 1 to 10, not 11"),
    ):
        try:
            bucket.set_range(low, high)
        except ValueError as error:
            assert said in str(error)
        else:
            raise AssertionError
        assert (bucket.rate, bucket.high) == (500, 0)


def test_a_range_begins_with_what_was_earned_before():
    clock = Clock()
    bucket = TunableBucket(500, 10, 1000, clock.ticks)
    assert bucket.try_acquire(10)
    clock.advance(10)
    bucket.set_range(1, 100)
    assert bucket.tokens() == 5
    unlimited = TunableBucket(None, 1, 1000, clock.ticks)
    unlimited.set_range(1, 100)
    assert unlimited.tokens() == 1


def tuner(**options):
    bucket = TunableBucket(1000, 10, 1000, Clock().ticks)
    return RateTuner(bucket, 100, 1000, 50, **options)


def test_failures_and_latency_cut_the_rate_and_success_raises_it():
    tune = tuner()
    assert tune.update(1000, 11, 500, 1) == 500
    assert tune.update(1000, 10, 500, 1) == 550  # 1 in 100 is tolerated
    assert tune.update(500, 0, 1, 100) == 600
    assert tune.update(500, 0, 1, 101) == 300
    assert tune.update(5, 1, 0, 1) == 150
    assert tune.update(5, 5, 0, 1) == 100
    assert tune.update(5, 5, 0, 1) == 100
    assert [tune.update(9, 0, 9, 9) for _ in range(20)][-3:] == [1000, 1000, 1000]


def test_what_was_not_used_is_not_raised():
    tune = tuner()
    tune.update(10, 10, 0, 0)
    assert tune.update(0, 0, 0, 0) == 500
    assert tune.update(400, 0, 0, 1) == 500
    assert tune.update(500, 0, 1, 1) == 550


def test_a_cut_is_one_token_at_least():
    tune = tuner(keep=(1, 1))
    assert tune.update(1, 1, 0, 0) == 999


def test_arguments_out_of_bounds_are_named():
    for options, text in (
        ({"keep": (2, 1)}, "keep numerator must be from 0 to 1, not 2"),
        ({"tolerated": (0, 0)}, "tolerated denominator must be from 1 to 32767, not 0"),
        ({"latency": 0}, "latency must be from 1 to 536870911, not 0"),
        ({"keep": 1}, "keep must be (numerator, denominator), not 1"),
    ):
        try:
            tuner(**options)
        except (TypeError, ValueError) as error:
            assert str(error) == text
        else:
            raise AssertionError(text)


def test_a_new_burst_keeps_the_tokens_of_a_bucket_with_a_range():
    bucket = TunableBucket(500, 10, 1000, Clock().ticks)
    bucket.set_range(1, 1000)
    bucket.try_acquire(4)
    bucket.set_burst(20)
    assert (bucket.tokens(), bucket.burst, bucket.high) == (6, 20, 0)
