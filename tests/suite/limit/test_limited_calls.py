"""Decorated functions run as often as their bucket grants; the coroutines' are in tests/device."""

import time

from clock import Clock

from sluice.limit.bucket import TokenBucket
from sluice.limit.limited import limited, limited_async
from sluice.limit.pacer import Pacer


def test_a_denied_call_does_not_run_and_returns_what_was_said():
    clock = Clock(7)
    bucket = TokenBucket(10, 2, 1000, clock.ticks)
    ran = []

    @limited(bucket)
    def drops(x):
        ran.append(x)
        return x * 2

    @limited(bucket, otherwise="busy")
    def refuses(x):
        ran.append(x)
        return x * 2

    assert [drops(1), refuses(2), drops(3), refuses(4)] == [2, 4, None, "busy"]
    clock.advance(100)
    assert [refuses(5), drops(6)] == [10, None]
    assert ran == [1, 2, 5]


def test_any_number_of_arguments_is_passed_on():
    def gather(*arguments):
        return arguments

    for given in ((), (1,), (None, 2), (1, 2, 3), (1, 2, 3, 4, 5, 6)):
        assert limited(TokenBucket(None, 1))(gather)(*given) == given


def test_a_method_keeps_its_object():
    class Sensor:
        count = 0

        @limited(TokenBucket(0, 2), otherwise=-1)
        def read(self, by):
            self.count += by
            return self.count

    one, two = Sensor(), Sensor()
    assert [one.read(1), two.read(5), one.read(1)] == [1, 5, -1]  # they share the bucket


def test_a_call_costs_n_tokens():
    bucket = TokenBucket(10, 5, 1000, Clock(7).ticks)
    send = limited(bucket, n=2)(lambda: True)
    assert [send(), send(), send()] == [True, True, None]
    assert bucket.tokens() == 1


def test_an_error_of_the_function_is_its_own_and_the_token_is_spent():
    bucket = TokenBucket(10, 1, 1000, Clock(7).ticks)

    @limited(bucket)
    def fails():
        raise OSError("no")

    try:
        fails()
    except OSError as error:
        assert str(error) == "no"
    else:
        raise AssertionError
    assert fails() is None


def test_a_call_that_waits_sleeps_until_it_is_granted():
    for bucket in (TokenBucket(200, 1), Pacer(200)):
        send = limited(bucket, wait=True)(lambda: True)
        before = time.ticks_ms()
        assert [send(), send(), send(), send()] == [True] * 4
        assert time.ticks_diff(time.ticks_ms(), before) >= 14  # three gaps of 5, less a part of one


def test_a_wait_for_tokens_that_never_come_is_an_error():
    bucket = TokenBucket(10, 3)
    send = limited(bucket, n=2, wait=True)(lambda: True)
    assert send()
    bucket.set_rate(0)
    try:
        send()
    except ValueError as error:
        words = "n is 2, but there will never be that many tokens: burst 3, rate 0"
        assert str(error) == words
    else:
        raise AssertionError


def test_what_is_wrong_is_named():
    bucket = TokenBucket(10, 3)
    for decorator in (limited, limited_async):
        for arguments, words in (
            ((bucket, 0), "n must be from 1 to 3, not 0"),
            ((bucket, 4), "n must be from 1 to 3, not 4"),
            ((bucket, None), "n must be an int from 1 to 3, not None"),
            ((7,), "bucket must be a TokenBucket or one of its kind, not 7"),
            ((bucket, 1, True, 5), "otherwise must be None with wait=True, which denies no call"),
        ):
            try:
                decorator(*arguments)
            except (TypeError, ValueError) as error:
                assert str(error).startswith(words)
            else:
                raise AssertionError(words)
    limited(TokenBucket(None, 1), 100)  # an unlimited bucket grants any number


def test_a_coroutine_function_is_sent_to_the_other_name():
    async def waits():
        pass

    def generates():
        yield 1

    for function in (waits, generates):
        try:
            limited(TokenBucket(10, 3))(function)
        except TypeError as error:
            assert str(error).startswith("limited is for functions; limited_async is for <")
        else:
            raise AssertionError
