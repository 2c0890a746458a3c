"""Several limits on one ring."""

from sluice.queue.limits import limits_of
from sluice.queue.ring import RingQueue


def test_the_limit_is_the_least_of_all_and_each_stays_what_it_was():
    queue = RingQueue(5)
    limits = limits_of(queue)
    limits.adapt(3)
    queue.set_limit(4)
    assert (queue.limit, queue.free()) == (3, 3)
    limits.adapt(0)
    assert (queue.limit, queue.free(), limits.controller) == (1, 1, 1)
    limits.adapt(9)
    assert (queue.limit, limits.controller) == (4, 5)
    queue.set_limit(5)
    assert queue.limit == 5
    assert limits_of(queue) is limits
    assert limits_of(RingQueue(5)) is not limits


def test_a_part_is_of_the_least_and_one_at_least():
    queue = RingQueue(40)
    limits = limits_of(queue)
    limits.throttle(512)
    assert (queue.limit, limits.user, limits.controller) == (20, 40, 40)
    limits.adapt(30)
    assert queue.limit == 15
    queue.set_limit(9)
    assert queue.limit == 4
    limits.throttle(1)
    assert queue.limit == 1
    limits.throttle(1024)
    assert queue.limit == 9
