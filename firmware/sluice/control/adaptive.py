# SPDX-License-Identifier: MIT
"""A ring's logical limit, set by a PID controller from latency and load.

Which way it acts. In overload a queue is as long as its limit, and an event
waits for those before it: sojourn time = depth / rate (Little's law). So a
larger limit means a longer wait, and the controller lowers the limit while the
wait is above the target and raises it while it is below. That holds as long as
the consumer's rate does not depend on the queue. Where the loop is starved of
CPU for a while it does, and what the queue cannot take is refused or lost; the
rule `rush` is for that.

The controller is a PID in its velocity form (Astrom and Hagglund, Advanced PID
Control, 2006, chapter 3), with the derivative on the measurement: it computes
by how much the limit changes, so nothing winds up, and a rule or new gains take
over without a bump. The change is a share of the limit, and the error a ratio of
wait and target. Then the loop has the same gain whatever the capacity, the rate
and the target are, for wait / target = limit / (rate * target); a change in
slots of the capacity would have a gain of capacity / (rate * target).
"""

from micropython import const

from sluice.arguments import check_int
from sluice.queue.limits import limits_of

ONE = const(1024)  # a slot; an error of a wait twice the target, or half; a change of all the limit
_MOST_ERROR = const(4)  # in ONE
# A percentile of a histogram is up to 6% off, and the next class another 6%: within this, in
# 1/ONE, a limit that moved would only move back.
_BLUR = const(96)
_MOST_CAPACITY = const((1 << 19) - 1)
_MOST_GAIN = const((1 << 16) - 1)
_MOST_TICKS = const((1 << 29) - 1)

CALM = (300, 100, -125)
RUSH = (850, 300, 500)
RUSH_DOWN = (850, 300, -500)


def _check_gain(name, gain):
    if not isinstance(gain, tuple) or len(gain) != 2:
        raise TypeError("%s must be (numerator, denominator), not %r" % (name, gain))
    check_int(name + " numerator", gain[0], 0, _MOST_GAIN)
    check_int(name + " denominator", gain[1], 1, _MOST_GAIN)


def _check_rule(name, rule):
    if rule is None:
        return
    if not isinstance(rule, tuple) or len(rule) != 3:
        raise TypeError("%s must be (load, ticks, change) or None, not %r" % (name, rule))
    check_int(name + " load", rule[0], 0, 1000)
    check_int(name + " ticks", rule[1], 0, _MOST_TICKS)
    check_int(name + " change", rule[2], -1000, 1000)


def _within(low, value, high):
    return max(low, min(value, high))


def _bounded(change):
    return _within(-ONE, change, ONE)  # its product with the limit is a small integer


def _ratio(more, least):
    """more / least in 1/ONE, an error."""
    if least == 0:
        return _MOST_ERROR * ONE
    ratio = _within(-_MOST_ERROR * least, more, _MOST_ERROR * least) * ONE // least
    return ratio if ratio < -_BLUR or ratio > _BLUR else 0


class AdaptiveLimit:
    """Sets a ring's limit once an interval, so that the p95 sojourn time nears a target.

    ring:   a Ring of at most 2^19 - 1 slots. Its limit is where the controller's
            starts: see sluice.queue.limits. While the user's or the fleet's is
            the least, it does not raise its own to no effect.
    target: ticks, 1 to 2^29 - 1; 200 ms.
    kp, ki, kd: the gains, as (numerator, denominator), each at most 65,535. The
            error is 0 while p95 is within a tenth of the target; else it is
            how much the larger of the two exceeds the smaller, in parts of the
            smaller, 4 at most. With a gain of 1 an error of 1 (twice or half of
            the target) moves the limit by all of itself: ki in every interval
            that it lasts, kp when the error has changed by that much since the
            interval before, kd when that change has.
    floor:  slots, 1 to the ring's capacity: the limit is never below. It should
            hold what arrives in a round trip to whoever sends. None: an eighth
            of the capacity, or 1.
    slew:   slots, 1 or more, that the limit moves at most in an interval. None: a
            quarter of the capacity, or 1.
    calm:   (load, ticks, change): while the load is below `load`, in 1/1,000,
            p95 below `ticks` and the queue not full, the limit changes by change /
            1,000 of itself, at least one slot, instead: a queue that nobody needs
            gives its room back, so that the next burst meets a short one. None:
            never.
    rush:   (load, ticks, change): the same while both are above. It is not
            slewed. With RUSH the limit grows by half of itself, to take in what
            comes while the consumer is starved; with RUSH_DOWN it halves, to
            have less to serve late. None: never.

    A queue is full that has refused or replaced something in the interval, or has
    no more than an eighth of its limit free at the end. Only then is the limit
    raised for a short wait: elsewhere the limit is not why the wait is short.

    CALM, RUSH and RUSH_DOWN are for ticks of a ms. A limit below the present
    depth drops nothing: the ring refuses (or replaces) until it fits.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed. The attributes of these names are read only.

    Ownership: one owner, the main loop. The ring's producers may continue meanwhile.
    """

    def __init__(
        self,
        ring,
        target=200,
        kp=(0, 1),
        ki=(1, 4),
        kd=(0, 1),
        floor=None,
        slew=None,
        calm=CALM,
        rush=RUSH,
    ):
        check_int("ring.capacity", ring.capacity, 1, _MOST_CAPACITY)
        self._ring = ring
        self._limits = limits_of(ring)
        self._last = self._before = -1  # the p95 before, and the one before that
        self._lost = 0  # what the ring had refused or replaced
        self.set_target(target)
        self.set_bounds(
            max(1, ring.capacity // 8) if floor is None else floor,
            max(1, ring.capacity // 4) if slew is None else slew,
        )
        self.set_rules(calm, rush)
        self.set_gains(kp, ki, kd)
        self._set(ring.limit * ONE)

    def set_target(self, target) -> None:
        """Change the target, while it is in use. Raises TypeError or ValueError."""
        check_int("target", target, 1, _MOST_TICKS)
        shift = 0
        while target >> shift >= 1 << 17:  # then its most errors are small integers
            shift += 1
        self.target = target
        self._shift = shift

    def set_gains(self, kp, ki, kd=(0, 1)) -> None:
        """Change the gains, while it is in use; the limit does not jump.

        Raises TypeError or ValueError; then nothing changed.
        """
        _check_gain("kp", kp)
        _check_gain("ki", ki)
        _check_gain("kd", kd)
        self.kp, self.ki, self.kd = kp, ki, kd
        self._kp, self._kp_den = kp
        self._ki, self._ki_den = ki
        self._kd, self._kd_den = kd

    def set_bounds(self, floor, slew) -> None:
        """Change the floor and the slew, while it is in use. Raises TypeError or ValueError."""
        check_int("floor", floor, 1, self._ring.capacity)
        check_int("slew", slew, 1, _MOST_CAPACITY)
        self.floor = floor
        self.slew = slew

    def set_rules(self, calm, rush) -> None:
        """Change the rules, while it is in use; None: none. Raises TypeError or ValueError."""
        _check_rule("calm", calm)
        _check_rule("rush", rush)
        self.calm = calm
        self.rush = rush
        # Loads that none is below or above:
        self._calm_load, self._calm_ticks, self._calm_change = calm or (-1, 0, 0)
        self._rush_load, self._rush_ticks, self._rush_change = rush or (1 << 29, 0, 0)

    def update(self, p95: int, load: int) -> int:
        """Set the controller's limit for the next interval, and return it. Hot.

        p95: sojourn ticks in the interval that ends, -1: nothing left the queue.
        Then an empty queue counts as 0 ticks; a waiting one tells nothing, and
        the limit stays.  load: busy ticks in 1,000.
        """
        full = self._is_full()
        if p95 < 0:
            if len(self._ring):
                self._last = self._before = -1
                return self._limits.controller
            p95 = 0
        if load < self._calm_load and p95 < self._calm_ticks and not full:
            self._jump(self._calm_change)
        elif load > self._rush_load and p95 > self._rush_ticks:
            self._jump(self._rush_change)
        elif p95 >= self.target or full and self._ring.limit >= self._limits.controller:
            self._control(p95)
        self._before = self._last
        self._last = p95
        return self._limits.controller

    def _is_full(self):
        """Whether the queue refused or replaced something in the interval, or is about to."""
        ring = self._ring
        lost = ring.overwritten if ring.overflow else ring.rejected
        before = self._lost
        self._lost = lost
        return lost != before or ring.free() * 8 <= ring.limit

    def _error(self, p95):
        """How far below the target, in 1/ONE; 0 when that is no more than p95 can tell."""
        wait = p95 >> self._shift
        target = self.target >> self._shift
        return _ratio(target - wait, min(wait, target))

    def _change(self, p95):
        """By how much to change the limit, in 1/ONE of itself."""
        error = self._error(p95)
        change = _bounded(error * self._ki // self._ki_den)
        if self._last >= 0:
            error -= self._error(self._last)
            change += _bounded(error * self._kp // self._kp_den)
            if self._before >= 0:
                error += self._error(self._before) - self._error(self._last)
                change += _bounded(error * self._kd // self._kd_den)
        return _bounded(change)

    def _control(self, p95):
        by = self._limits.controller * self._change(p95)
        self._set(self._exact + _within(-self.slew * ONE, by, self.slew * ONE))

    def _jump(self, change):
        """Change the limit by a rule, and let the controller continue from there."""
        limit = self._limits.controller
        by = limit * change // 1000  # never 0 when it is negative
        if change > 0 and by == 0:
            by = 1
        self._set((limit + by) * ONE)

    def _set(self, exact):
        """Set the limit, in 1/ONE slots: what is below a slot adds up."""
        self._exact = _within(self.floor * ONE, exact, self._ring.capacity * ONE)
        self._limits.adapt(self._exact // ONE)
