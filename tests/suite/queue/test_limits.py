"""Several limits on one ring."""

from sluice.queue.limits import limits_of
from sluice.queue.ring import RingQueue


def test_the_limit_is_the_least_of_all_and_each_stays_what_it_was():
    queue = RingQueue(5)
    limits = limits_of(queue)
    limits.adapt(3)
    limits.press(2)
    queue.set_limit(4)
    assert (queue.limit, queue.free()) == (2, 2)
    limits.adapt(0)
    assert (queue.limit, queue.free(), limits.controller) == (1, 1, 1)
    limits.adapt(9)
    assert (queue.limit, limits.controller) == (2, 5)
    limits.press(5)
    assert queue.limit == 4
    queue.set_limit(5)
    assert queue.limit == 5
    assert limits_of(queue) is limits
    assert limits_of(RingQueue(5)) is not limits
