"""The token bucket's constructor: wrong arguments are named, with what is allowed."""

import time

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket


def test_arguments_out_of_range_are_named():
    for arguments, words in (
        ((1, 0), "burst must be from 1 to 1073741823, not 0"),
        ((1, 1, 0), "per must be from 1 to 1073741823, not 0"),
        ((1 << 30, 1), "rate must be from 0 to 1073741823, not 1073741824"),
    ):
        try:
            TokenBucket(*arguments)
            said = ""
        except ValueError as refusal:
            said = str(refusal)
        assert said == words


def test_arguments_of_a_wrong_type_are_named():
    for arguments, words in (
        ((1, None), "burst must be an int from 1 to 1073741823, not None"),
        (("5", 1), "rate must be an int from 0 to 1073741823, not '5'"),
        ((1, 1, 1, 5), "ticks must be a function that returns ticks, not 5"),
    ):
        try:
            TokenBucket(*arguments)
            said = ""
        except TypeError as refusal:
            said = str(refusal)
        assert said == words


def test_a_rate_that_does_not_fit_its_ticks_or_burst_is_named():
    for rate, per, words in (
        (1, LAST, "rate 1 per 1073741823 ticks is out of range: reduced to 1 / 1073741823"),
        (LAST, 1, "rate 1073741823 per 1 ticks is out of range"),
        (LAST - 1, 2, "burst must be from 1 to 536870912 at rate 1073741822 per 2 ticks"),
    ):
        try:
            TokenBucket(rate, 536870913, per)
            said = ""
        except ValueError as refusal:
            said = str(refusal)[: len(words)]
        assert said == words


def test_per_is_a_second_of_its_clock_by_default():
    assert TokenBucket(1, 1).per == 1000
    assert TokenBucket(1, 1, ticks=Clock().ticks).per == 1000
    assert TokenBucket(1, 1, ticks=time.ticks_us).per == 1000000
