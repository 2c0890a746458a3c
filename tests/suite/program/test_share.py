"""A board's share of a budget: which grants it takes, and that they end to the tick."""

import time

from clock import LAST, Clock

from sluice.limit.bucket import TokenBucket
from sluice.program.share import Share


class Desk:
    """A share and its bucket of 10 tokens, on a clock that is about to wrap."""

    def __init__(self, guaranteed=0, takes_part=True):
        self.clock = Clock(LAST - 100)
        self.kept = []
        self.flash_fails = False
        adopt = self.adopt if takes_part else None
        self.share = Share(guaranteed, adopt, self.keep, self.clock.ticks)
        self.bucket = TokenBucket(guaranteed, 10, 1000, self.share.clock)
        self.share.greet(7)

    def adopt(self, rate):
        self.bucket.set_rate(rate)

    def keep(self, guaranteed):
        if self.flash_fails:
            raise OSError(28)
        self.kept.append(guaranteed)

    def apply(self, guaranteed, extra, for_ms, number=1, hello=7, count=1):
        until = time.ticks_add(self.clock.ticks(), for_ms)
        return self.share.apply(hello, count, number, guaranteed, extra, until)

    def pass_ms(self, ms):
        self.clock.advance(ms)
        self.share.poll(self.clock.ticks())

    def drain(self):
        n = self.bucket.tokens()
        assert self.bucket.try_acquire(n)
        return n


def test_a_grant_is_in_force_until_its_tick_and_then_the_guaranteed_share():
    desk = Desk()
    assert desk.apply(20, 80, 500) is True
    assert (desk.bucket.rate, desk.share.rate, desk.share.number) == (100, 100, 1)
    desk.pass_ms(499)
    assert (desk.bucket.rate, desk.share.rate) == (100, 100)
    desk.pass_ms(1)
    assert (desk.bucket.rate, desk.share.rate, desk.share.extra) == (20, 20, 0)


def test_the_bucket_is_settled_at_that_tick_however_late_the_loop_comes():
    for late in (0, 1, 150, 250):
        desk = Desk()
        desk.apply(20, 80, 50)
        desk.drain()
        desk.clock.advance(50 + late)
        assert desk.bucket.tokens() == 5  # of the extra's time, and not one of what follows
        desk.share.poll(desk.clock.ticks())
        assert desk.bucket.tokens() == 5 + late * 20 // 1000


def test_a_longer_grant_goes_on_without_a_gap():
    desk = Desk()
    desk.apply(0, 100, 60)
    desk.drain()
    desk.pass_ms(40)
    desk.apply(0, 100, 60, 2)
    desk.pass_ms(40)
    assert (desk.bucket.rate, desk.bucket.tokens()) == (100, 8)


def test_a_grant_that_comes_when_the_last_is_over_gives_nothing_for_the_time_between():
    desk = Desk()
    desk.apply(0, 100, 10)
    desk.drain()
    desk.clock.advance(1000)
    assert desk.apply(0, 100, 60, 2) is True
    assert desk.bucket.tokens() == 1


def test_other_epochs_and_older_numbers_and_what_is_over_are_ignored():
    desk = Desk()
    assert desk.apply(0, 100, 500, hello=8) is False
    assert desk.apply(0, 100, 500, count=2) is False
    assert desk.apply(0, 100, 0) is False
    assert desk.apply(0, 100, -1) is False
    assert desk.apply(0, 100, 500, 0) is False
    assert desk.apply(0, 100, 500, 5) is True
    assert desk.apply(0, 900, 500, 5) is False
    assert desk.apply(0, 900, 500, 4) is False
    assert (desk.bucket.rate, desk.share.number) == (100, 5)


def test_a_greeting_begins_an_epoch_and_leaves_the_rate():
    desk = Desk()
    desk.apply(0, 100, 500, 5)
    desk.share.greet(7)
    assert (desk.share.hello, desk.share.count, desk.share.number) == (7, 2, 0)
    assert desk.bucket.rate == 100
    assert desk.apply(0, 50, 500, 6) is False
    assert desk.apply(0, 50, 500, 1, count=2) is True
    assert desk.bucket.rate == 50


def test_a_guaranteed_share_is_kept_before_it_is_in_force():
    desk = Desk(30)
    assert desk.apply(30, 10, 500) is True
    assert desk.kept == []
    assert desk.apply(5, 10, 500, 2) is True
    assert (desk.kept, desk.share.guaranteed, desk.bucket.rate) == ([5], 5, 15)
    desk.flash_fails = True
    assert desk.apply(60, 10, 500, 3) is False
    assert (desk.share.guaranteed, desk.share.number, desk.bucket.rate) == (5, 2, 15)


def test_who_takes_part_in_no_budget_takes_no_grant():
    desk = Desk(takes_part=False)
    assert desk.share.takes_part is False
    assert desk.apply(20, 80, 500) is False
