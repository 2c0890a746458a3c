"""Grants spread evenly, at the set rate, whatever came before."""

from clock import LAST, Clock

from sluice.limit.pacer import Pacer

RATES = (  # (rate, per, ticks that are counted, slack)
    (1, 60000, 12000000, 1),  # 1 per minute, in ms
    (300, 1000, 10000, 1),
    (999, 1000, 1000, 1),
    (1000, 1000, 1000, 1),
    (1700, 1000, 1000, 1),
    (5000, 1000, 1000, 1),
    (1, 60000000, 12000000000, 1),  # the same in us
    (5000, 1000000, 1000000, 200),
)


def grants(pacer, clock, ticks, late=0):
    """Take all that is due, again and again, for so many ticks; the tick of each grant."""
    now = 0
    while True:
        while pacer.try_acquire():
            yield now
        wait = int(pacer.wait_ticks()) + late
        if now + wait > ticks:
            return
        clock.advance(wait)
        now += wait


def test_the_rate_is_met_to_the_grant():
    for rate, per, ticks, slack in RATES:
        clock = Clock(LAST - 7)
        pacer = Pacer(rate, 1, per, clock.ticks, slack)
        assert sum(1 for _ in grants(pacer, clock, ticks)) == 1 + ticks * rate // per


def test_grants_are_a_token_apart_and_no_idle_time_changes_that():
    clock = Clock()
    pacer = Pacer(300, 1, 1000, clock.ticks)
    assert list(grants(pacer, clock, 20)) == [0, 4, 7, 10, 14, 17, 20]
    clock.advance(5000)
    assert list(grants(pacer, clock, 20)) == [0, 3, 6, 10, 13, 16, 20]


def test_no_rate_is_lost_by_a_caller_late_within_the_slack():
    clock = Clock()
    pacer = Pacer(300, 1, 1000, clock.ticks, 6)
    assert sum(1 for _ in grants(pacer, clock, 1000, 2)) >= 299


def test_bytes_are_paid_for_after_they_were_sent():
    clock = Clock()
    pacer = Pacer(1000, 64, 1000, clock.ticks)
    assert pacer.try_acquire(64)
    assert not pacer.try_acquire(1)
    assert pacer.wait_ticks(1) == pacer.wait_ticks(64) == 64
    clock.advance(64)
    assert pacer.tokens() == 64
    assert pacer.try_acquire(1)
    assert pacer.wait_ticks(64) == 1
    assert not pacer.try_acquire(65)
    assert pacer.wait_ticks(65) == -1
    assert pacer.reserve(65) == -1


def test_reservations_are_a_token_apart():
    clock = Clock()
    pacer = Pacer(10, 1, 1000, clock.ticks)
    assert [pacer.reserve() for _ in range(3)] == [0, 100, 200]
    assert pacer.reserve(1, 299) == -1
    assert pacer.reserve(1, 300) == 300
    pacer.cancel(1)
    assert pacer.reserve(1, 300) == 300


def test_rate_zero_grants_once_and_no_rate_always():
    clock = Clock()
    pacer = Pacer(0, 1, 1000, clock.ticks)
    assert pacer.try_acquire()
    clock.advance(100000)
    assert not pacer.try_acquire()
    assert pacer.wait_ticks() == pacer.reserve() == -1
    pacer = Pacer(None, 1, 1000, clock.ticks)
    assert all(pacer.try_acquire(n) for n in (1, 1, 1000))


def test_a_change_of_burst_or_rate_keeps_what_is_owed():
    clock = Clock()
    pacer = Pacer(100, 4, 1000, clock.ticks)
    pacer.try_acquire(2)
    pacer.set_burst(1)
    assert pacer.wait_ticks() == 20
    pacer.set_rate(200)
    assert pacer.wait_ticks() in (9, 10)
    pacer.set_range(10, 1000)
    assert pacer.tune(100) == 100
    assert pacer.wait_ticks() in (19, 20, 21)


def test_no_change_is_refused_because_of_what_is_owed_just_then():
    terms = ((600, 1000, 1), (10000, 1000, 64), (0, 1000, 1), (1, 60000, 7), (None, 1, 3))
    for slack in (1, 10, 60000):
        for rate, per, burst in terms:
            clock = Clock(LAST - 7)
            pacer = Pacer(600, 64, 1000, clock.ticks, slack)
            for step in (0, 1, 2, 1000, 100000):
                clock.advance(step)
                while pacer.rate != 0 and pacer.rate is not None and pacer.try_acquire(64):
                    pass
                pacer.set_burst(burst)
                pacer.set_rate(rate, per)
                assert (pacer.rate, pacer.per, pacer.burst) == (rate, per, burst)
                pacer.set_rate(600, 1000)
                pacer.set_burst(64)


def test_what_is_to_be_paid_before_the_next_grant_stays_whatever_the_slack():
    for slack in (1, 10, 60000):
        clock = Clock(LAST - 7)
        pacer = Pacer(1000, 1, 1000, clock.ticks, slack)
        while pacer.try_acquire():
            pass
        assert pacer.wait_ticks() == 1  # a token
        pacer.set_rate(10)
        assert pacer.wait_ticks() in (100, 101)
        clock.advance(50)
        pacer.set_rate(0)
        assert pacer.wait_ticks() == -1
        pacer.set_rate(100)
        assert pacer.wait_ticks() in (10, 11)  # the half token that is owed, as a whole one
        pacer.set_range(1, 1000)
        for rate in (1, 1000, 2, 50):
            pacer.tune(rate)
            assert 1000 // rate <= pacer.wait_ticks() <= 1100 // rate + 1


def test_a_grant_that_is_due_stays_due_at_rate_zero():
    clock = Clock()
    pacer = Pacer(600, 1, 1000, clock.ticks, 10)
    pacer.set_rate(0)
    assert [pacer.try_acquire() for _ in range(3)] == [True, False, False]


def test_a_rate_that_leaves_no_slack_is_named():
    try:
        Pacer(1000000000, 1, 999999937, Clock().ticks)
    except ValueError as error:
        assert "rate 1000000000 per 999999937 ticks" in str(error)
    else:
        raise AssertionError


def test_a_slack_out_of_bounds_is_named():
    for slack in (0, 1 << 29, 1 << 28):
        try:
            Pacer(1000, 1, 1000, Clock().ticks, slack)
        except ValueError as error:
            assert str(error).startswith("slack must be from 1 to ")
        else:
            assert slack == 1 << 28


def test_many_taken_at_once_are_those_that_would_be_granted_one_by_one():
    for rate, slack in ((300, 1), (1700, 1), (300, 40), (0, 1), (None, 1)):
        clocks = Clock(LAST - 7), Clock(LAST - 7)
        one, many = (Pacer(rate, 1, 1000, clock.ticks, slack) for clock in clocks)
        for step in (0, 1, 2, 3, 50, 1, 0, 7, 1000, 5) * 5:
            for clock in clocks:
                clock.advance(step)
            taken = 0
            while taken < 5 and one.try_acquire():
                taken += 1
            assert many.acquire_up_to(5) == taken, (rate, slack, step)
            assert one.wait_ticks() == many.wait_ticks()
