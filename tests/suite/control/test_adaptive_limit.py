"""The limit that a controller sets: which way, how far, and what the rules do."""

from sluice.control.adaptive import RUSH_DOWN, AdaptiveLimit
from sluice.queue.ring import OVERWRITE, RingQueue

BUSY = 500  # a load at which neither rule applies


def rig(capacity=64, limit=64, **options):
    ring = RingQueue(capacity, "B")
    ring.set_limit(limit)  # where it starts
    adaptive = AdaptiveLimit(ring, **options)
    ring.set_limit(capacity)
    return ring, adaptive


def grown(ring, limit, p95, load=BUSY):
    """The limit after an interval in which the queue was full: it refused one."""
    ring.rejected += 1
    return limit.update(p95, load)


def test_a_longer_wait_than_the_target_shrinks_the_limit_and_a_shorter_one_grows_it():
    ring, limit = rig(limit=32)
    down = [limit.update(280, BUSY) for _ in range(10)]
    assert down == sorted(down, reverse=True) and down[-1] < 20
    up = [grown(ring, limit, 120) for _ in range(20)]
    assert up == sorted(up) and up[-1] > 32
    assert ring.limit == up[-1]


def test_at_the_target_the_limit_stays():
    ring, limit = rig(limit=37)
    assert [limit.update(200, BUSY) for _ in range(50)] == [37] * 50


def test_within_what_a_percentile_can_tell_the_limit_stays():
    ring, limit = rig(limit=37)
    assert [grown(ring, limit, p95) for p95 in (183, 215) * 20] == [37] * 40
    assert [grown(ring, limit, 182) for _ in range(2)] == [37, 38]  # fractions add up
    assert [limit.update(220, BUSY) for _ in range(2)] == [37, 36]


def test_the_same_ratio_of_wait_and_target_is_the_same_share_of_the_limit():
    """Whatever the capacity is: then so is the loop's gain."""
    for capacity, start in ((64, 16), (256, 16), (1024, 16), (1024, 160)):
        ring, limit = rig(capacity, start, floor=1)
        assert limit.update(250, BUSY) == start * 15 // 16  # a quarter of the error, 1/4
        assert grown(ring, limit, 160) == start * 15 * 17 // 256  # as far too short


def test_a_queue_that_is_not_full_does_not_raise_its_limit():
    ring, limit = rig(limit=16)
    assert [limit.update(50, BUSY) for _ in range(20)] == [16] * 20
    for item in range(13):
        ring.try_put(item)
    ring.set_limit(16)
    assert limit.update(50, BUSY) == 16
    ring.try_put(13)  # an eighth is left
    assert limit.update(50, BUSY) > 16


def test_what_an_overwriting_queue_replaces_is_as_what_another_refuses():
    ring = RingQueue(64, "B", OVERWRITE)
    ring.set_limit(16)
    limit = AdaptiveLimit(ring)
    for item in range(80):
        ring.try_put(item)
    ring.try_get()  # the consumer sees what was replaced
    assert ring.overwritten
    while ring.try_get() is not None:
        pass
    assert limit.update(50, BUSY) > 16
    assert limit.update(50, BUSY) == limit.update(50, BUSY)


def test_a_change_is_slewed():
    ring, limit = rig(kp=(8, 1), ki=(8, 1), slew=3, floor=1)
    assert [limit.update(299, BUSY) for _ in range(3)] == [61, 58, 55]


def test_the_limit_does_not_wind_up():
    ring, limit = rig(slew=64)
    for _ in range(1000):
        limit.update(5000, BUSY)
    assert ring.limit == 8  # the floor
    back = [grown(ring, limit, 100) for _ in range(12)]
    assert back[0] > 8 and back[-1] == 64
    for _ in range(1000):
        grown(ring, limit, 100)
    assert limit.update(300, BUSY) < 64


def test_the_proportional_and_the_derivative_part_act_on_changes_alone():
    for gains in ({"kp": (1, 2)}, {"kd": (1, 2)}):
        ring, limit = rig(limit=32, ki=(0, 1), **gains)
        assert [limit.update(200, BUSY) for _ in range(3)] == [32] * 3
        assert limit.update(250, BUSY) == 28  # half of the error's change, 1/4
        assert limit.update(250, BUSY) == (28 if "kp" in gains else 31)
        assert limit.update(250, BUSY) == (28 if "kp" in gains else 31)


def test_calm_shrinks_slowly_to_the_floor():
    ring, limit = rig(limit=64, floor=5)
    assert [limit.update(0, 0) for _ in range(5)] == [56, 49, 42, 36, 31]
    for _ in range(40):
        limit.update(0, 0)
    assert ring.limit == 5


def test_a_full_queue_is_not_calm():
    """Tokens run out while the loop has nothing to do: a low load is not a queue nobody needs."""
    ring, limit = rig(limit=8)
    assert grown(ring, limit, 50, load=10) > 8


def test_rush_grows_at_once_or_shrinks_at_once():
    ring, limit = rig(limit=16, slew=1)
    assert [limit.update(301, 851) for _ in range(5)] == [24, 36, 54, 64, 64]
    ring, limit = rig(limit=64, slew=1, rush=RUSH_DOWN)
    assert [limit.update(301, 851) for _ in range(4)] == [32, 16, 8, 8]
    ring, limit = rig(limit=64, slew=1, rush=None)
    assert limit.update(301, 851) == 63


def test_after_a_rule_the_controller_goes_on_without_a_jump():
    ring, limit = rig(limit=64, slew=64)
    for _ in range(5):
        limit.update(90, 0)
    low = ring.limit
    assert abs(limit.update(110, BUSY) - low) <= 6


def test_new_gains_do_not_move_the_limit_at_the_same_wait():
    ring, limit = rig(limit=40, slew=64)
    limit.update(210, BUSY)
    before = ring.limit
    limit.set_gains((2, 1), (0, 1))
    assert abs(limit.update(210, BUSY) - before) <= 1


def test_nothing_waiting_and_nothing_leaving_is_calm_but_a_stuck_queue_is_not():
    ring, limit = rig(limit=64)
    assert limit.update(-1, 0) == 56
    ring.try_put(1)
    assert limit.update(-1, 0) == 56


def test_what_is_queued_stays():
    ring, limit = rig(floor=1)
    for item in range(64):
        ring.try_put(item)
    for _ in range(20):
        limit.update(5000, BUSY)
    assert ring.limit == 1
    assert [ring.try_get() for _ in range(64)] == list(range(64))


def test_arguments_out_of_bounds_are_named():
    for options, text in (
        ({"target": 0}, "target must be from 1 to 536870911, not 0"),
        ({"kp": 1}, "kp must be (numerator, denominator), not 1"),
        ({"ki": (1, 0)}, "ki denominator must be from 1 to 65535, not 0"),
        ({"floor": 65}, "floor must be from 1 to 64, not 65"),
        ({"slew": 0}, "slew must be from 1 to 524287, not 0"),
        ({"calm": (1, 2)}, "calm must be (load, ticks, change) or None, not (1, 2)"),
        ({"rush": (1001, 0, 0)}, "rush load must be from 0 to 1000, not 1001"),
    ):
        try:
            rig(**options)
        except (TypeError, ValueError) as error:
            assert str(error) == text
        else:
            raise AssertionError(text)
