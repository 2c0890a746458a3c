"""CoDel in integer ticks against the pseudo-code of RFC 8289 in floating point."""

import random
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import StrictInt
from sluice import CoDel

WRAP = 1 << 30
LONGEST = (1 << 25) - 1


class Rfc:
    """`deque` and `dodequeue` of RFC 8289, section 5, on a time that never wraps.

    queue: (sojourn of the record) for each record that waits, at the same tick.
    """

    def __init__(self, target, interval):
        self.target, self.interval = target, interval
        self.first_above = self.drop_next = 0.0
        self.count = self.last_count = 0
        self.dropping = False
        self.schedule = []  # each drop_next

    def control_law(self, t):
        self.drop_next = t + self.interval / sqrt(self.count)
        self.schedule.append(self.drop_next)

    def do_dequeue(self, now, queue):
        if not queue:
            self.first_above = 0.0
            return False
        sojourn = queue.pop(0)
        if sojourn < self.target or len(queue) <= 1:
            self.first_above = 0.0
        elif self.first_above == 0:
            self.first_above = now + self.interval
        else:
            return now >= self.first_above
        return False

    def dequeue(self, now, queue):
        """Take the next record to send from the queue; how many are dropped before it."""
        dropped = 0
        ok_to_drop = self.do_dequeue(now, queue)
        if self.dropping:
            if not ok_to_drop:
                self.dropping = False
            while self.dropping and now >= self.drop_next:
                dropped += 1
                self.count += 1
                if self.do_dequeue(now, queue):
                    self.control_law(self.drop_next)
                else:
                    self.dropping = False
        elif ok_to_drop:
            dropped = 1
            self.do_dequeue(now, queue)
            self.dropping = True
            delta = self.count - self.last_count
            self.count = 1
            if delta > 1 and now - self.drop_next < 16 * self.interval:
                self.count = delta
            self.control_law(now)
            self.last_count = self.count
        return dropped


def drops(codel, now, queue):
    """What Rfc.dequeue returns, by asking for record after record."""
    dropped = 0
    while queue:
        sojourn = queue.pop(0)
        if not codel.should_drop(StrictInt(sojourn), StrictInt(now % WRAP), StrictInt(len(queue))):
            break
        dropped += 1
    return dropped


@settings(max_examples=100)
@given(
    interval=st.sampled_from([1, 2, 7, 100, 1000, 100_000, LONGEST]),
    share=st.integers(1, 20),
    start=st.sampled_from([1, WRAP - 500, WRAP - 5]),
    seed=st.integers(0, 1 << 32),
)
def test_every_record_is_dropped_that_the_rfc_drops(interval, share, start, seed):
    chance = random.Random(seed)
    target = max(1, interval // share)
    rfc, codel = Rfc(target, interval), CoDel(target, interval)
    now = start
    late = chance.random()
    for _ in range(400):
        if chance.random() < 0.02:
            late = chance.random()
            now += chance.randrange(20 * interval)
        now += chance.randrange(max(2, interval // 3))
        queue = [
            target + chance.randrange(9) if chance.random() < late else chance.randrange(target)
            for _ in range(chance.choice([1, 2, 3, 5, 30]))
        ]
        sent_by_rfc, sent = list(queue), list(queue)
        assert drops(codel, now, sent) == rfc.dequeue(now, sent_by_rfc)
        assert sent == sent_by_rfc


@pytest.mark.parametrize("calm", [1, 3, 10, 14, 15, 16, 17, 30])
def test_a_spell_begins_where_the_last_one_ended_if_that_is_not_long_ago(calm):
    interval = 100
    rfc, codel = Rfc(10, interval), CoDel(10, interval)
    now = WRAP - 1000
    counts = []
    for _ in range(2):
        dropped = 0
        for _ in range(300):
            queue, same = [50] * 4, [50] * 4
            dropped += rfc.dequeue(now, queue)
            drops(codel, now, same)
            assert same == queue
            now += interval // 20
        counts.append(dropped)
        rfc.dequeue(now, [0] * 4)
        drops(codel, now, [0] * 4)
        now += calm * interval
    assert counts[0] > 20
    assert (counts[1] > counts[0] + 5) == (calm < 15)  # and an interval until it is above again


@pytest.mark.parametrize("since", [1599, 1600, 1601, 1602])
def test_not_long_ago_is_less_than_16_intervals_after_the_drop_that_was_due(since):
    rfc, codel = Rfc(10, 100), CoDel(10, 100)
    now = 1
    for _ in range(500):
        assert drops(codel, now, [50] * 4) == rfc.dequeue(now, [50] * 4)
        now += 1
    rfc.dequeue(now, [0] * 4)
    drops(codel, now, [0] * 4)
    due = int(rfc.drop_next)
    spells = []
    for now in range(due + since - 100, due + since + 250):
        spells.append(rfc.dequeue(now, [50] * 4))
        assert drops(codel, now, [50] * 4) == spells[-1]
    assert (sum(spells) > 4) == (since <= 1600)


def test_what_is_not_allowed_is_named():
    cases = [
        ((1, 0), "interval must be from 1 to 33554431, not 0"),
        ((1, LONGEST + 1), "interval must be from 1 to 33554431, not 33554432"),
        ((0, 100), "target must be from 1 to 100, not 0"),
        ((101, 100), "target must be from 1 to 100, not 101"),
    ]
    for arguments, said in cases:
        codel = CoDel(5, 100)
        with pytest.raises(ValueError, match=said):
            codel.set_target(*arguments)
        assert (codel.target, codel.interval) == (5, 100)
        with pytest.raises(ValueError, match=said):
            CoDel(*arguments)
    CoDel(1, 1)
    CoDel(LONGEST, LONGEST)


@pytest.mark.parametrize(("interval", "stride"), [(100, 1), (1000, 1), (100_000, 16)])
def test_over_millions_of_ticks_the_schedule_stays_within_a_tick(interval, stride):
    codel = CoDel(1, interval)
    codel._next = WRAP - 77
    exact = worst = 0.0
    passed = 0
    drops = 40_000
    for n in range(1, drops * stride, stride):  # a stride reaches counts of half a million
        before = codel._next
        codel._count = n
        codel._schedule(before)
        passed += (codel._next - before) % WRAP
        exact += interval / sqrt(n)
        worst = max(worst, abs(passed + codel._part / (1 << codel._part_bits) - exact))
    assert worst < 1


@given(st.integers(1, LONGEST), st.integers(1, (1 << 27) - 1))
def test_a_distance_is_the_nearest_fraction_of_a_tick(interval, count):
    codel = CoDel(1, interval)
    for name in ("_high", "_low"):
        setattr(codel, name, StrictInt(getattr(codel, name)))
    found = int(codel._distance(StrictInt(count)))
    square = (interval << codel._part_bits) ** 2  # found is the root of square / count
    assert (2 * found - 1) ** 2 * count <= 4 * square <= (2 * found + 1) ** 2 * count
