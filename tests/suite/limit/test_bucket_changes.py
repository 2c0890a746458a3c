"""The token bucket's set_rate, set_burst and reset: what stays and what is refused."""

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket


def test_set_rate_settles_at_the_old_rate_and_rounds_the_debt_up():
    clock = Clock(LAST - 2)
    bucket = TokenBucket(1, 10, 10, clock.ticks)
    assert bucket.try_acquire(10)
    clock.advance(5)  # half a token earned
    bucket.set_rate(1, 3)  # 9.5 tokens of debt are 28.5 thirds, so 29
    assert (bucket.rate, bucket.per) == (1, 3)
    assert bucket.wait_ticks() == 2
    bucket.set_rate(2)
    assert (bucket.rate, bucket.per) == (2, 3)


def test_a_rate_that_comes_and_goes():
    clock = Clock()
    bucket = TokenBucket(1, 4, 10, clock.ticks)
    assert bucket.try_acquire(4)
    bucket.set_rate(0)
    clock.advance(1000)
    assert bucket.wait_ticks() == -1
    bucket.set_rate(1)
    assert bucket.wait_ticks() == 10
    bucket.set_rate(None)
    assert bucket.try_acquire(100)
    bucket.set_rate(1)
    assert bucket.tokens() == 4


def test_set_burst_keeps_the_tokens():
    bucket = TokenBucket(1, 10, 1000, Clock().ticks)
    assert bucket.try_acquire(4)
    for burst, tokens in ((20, 6), (5, 5), (20, 5)):
        bucket.set_burst(burst)
        assert (bucket.burst, bucket.tokens()) == (burst, tokens)
    assert bucket.reserve(8) == 3000
    bucket.set_burst(1)
    assert bucket.wait_ticks() == 4000


def test_reset_fills():
    clock = Clock()
    bucket = TokenBucket(1, 10, 1000, clock.ticks)
    assert (bucket.reserve(10), bucket.reserve(10)) == (0, 10000)
    clock.advance(1)
    bucket.reset()
    assert (bucket.tokens(), bucket.settled) == (10, 1)


def test_a_wrong_rate_is_named_and_changes_nothing():
    bucket = TokenBucket(1, 5, 1, Clock().ticks)
    assert bucket.reserve(5) + bucket.reserve(3) == 3
    for arguments, error, words in (
        ((-1,), ValueError, "rate must be from 0 to 1073741823, not -1"),
        ((1.5,), TypeError, "rate must be an int from 0 to 1073741823, not 1.5"),
        ((True,), TypeError, "rate must be an int"),
        ((1, 0), ValueError, "per must be from 1 to 1073741823, not 0"),
    ):
        try:
            bucket.set_rate(*arguments)
            said = None, ""
        except (TypeError, ValueError) as refusal:
            said = type(refusal), str(refusal)[: len(words)]
        assert said == (error, words)
        assert (bucket.rate, bucket.per, bucket.wait_ticks()) == (1, 1, 4)


def test_a_wrong_burst_is_named_and_changes_nothing():
    bucket = TokenBucket(1, 5, 1, Clock().ticks)
    assert bucket.reserve(5) + bucket.reserve(3) == 3
    for burst, error, words in (
        (0, ValueError, "burst must be from 1 to 1073741823, not 0"),
        ("9", TypeError, "burst must be an int from 1 to 1073741823, not '9'"),
    ):
        try:
            bucket.set_burst(burst)
            said = None, ""
        except (TypeError, ValueError) as refusal:
            said = type(refusal), str(refusal)
        assert said == (error, words)
        assert (bucket.burst, bucket.wait_ticks()) == (5, 4)


def test_a_change_that_the_burst_or_the_debt_does_not_allow_changes_nothing():
    bucket = TokenBucket(1, 500000000, 1, Clock().ticks)
    assert bucket.reserve(500000000) + bucket.reserve(1000) == 1000
    refused = (
        (bucket.set_rate, (1, 2), "burst must be from 1 to 268435455 at rate 1 per 2"),
        (bucket.set_rate, (1, LAST), "rate 1 per 1073741823 ticks is out of range"),
        (bucket.set_rate, (LAST, 1), "rate 1073741823 per 1 ticks is out of range"),
        (bucket.set_rate, (0,), "rate 0 per 1 ticks with burst 500000000 can carry a debt of"),
        (bucket.set_burst, (LAST,), "burst must be from 1 to 536870911 at rate 1 per 1"),
    )
    for change, argument, words in refused:
        try:
            change(*argument)
            said = ""
        except ValueError as refusal:
            said = str(refusal)[: len(words)]
        assert said == words
        assert (bucket.rate, bucket.per, bucket.burst) == (1, 1, 500000000)
        assert bucket.wait_ticks() == 1001
