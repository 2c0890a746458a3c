# SPDX-License-Identifier: MIT
"""A ring's logical limit, set by a PID controller from latency and load.

Which way it acts. In overload a queue is as long as its limit, and an event
waits for those before it: sojourn time = depth / rate (Little's law). So a
larger limit means a longer wait, and the controller lowers the limit while the
wait is above the target and raises it while it is below. That holds as long as
the consumer's rate does not depend on the queue. Where the loop is starved of
CPU for a while it does, and what the queue cannot take is refused or lost; the
rule `rush` is for that.

The controller is the textbook's PID with the derivative on the measurement, an
output with limits of value and speed, and an integral that stands still while
the output is at one of them in the error's direction and takes over without a
bump from a rule (Astrom and Hagglund, Advanced PID Control, 2006, chapter 3).
"""

from micropython import const

from sluice.arguments import check_int
from sluice.queue.limits import limits_of

ONE = const(1024)  # an error as large as the target; an output of the whole capacity
_WORST = const(-4 * 1024)  # errors beyond it count as that
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


def _bounded(output):
    # What is beyond cannot be seen in the limit, and a product with the capacity stays small.
    return _within(-ONE, output, ONE)


class AdaptiveLimit:
    """Sets a ring's limit once an interval, so that the p95 sojourn time nears a target.

    ring:   a Ring of at most 2^19 - 1 slots. Its limit is where the controller's
            starts: see sluice.queue.limits. While the user's or the fleet's is
            the least, it does not raise its own to no effect.
    target: ticks, 1 to 2^29 - 1; 200 ms.
    kp, ki, kd: the gains, as (numerator, denominator), each at most 65,535. With
            a gain of 1 an error as large as the target moves the limit by the
            whole capacity: kp at once, ki in every interval that it lasts, kd
            when the sojourn time has changed by that much since the interval
            before. An error is at least -4 targets.
    floor:  slots, 1 to the ring's capacity: the limit is never below. It should
            hold what arrives in a round trip to whoever sends.
    slew:   slots, 1 or more, that the limit moves at most in an interval.
            None, for both: an eighth of the capacity, or 1.
    calm:   (load, ticks, change): while the load is below `load`, in 1/1,000,
            and p95 below `ticks`, the limit changes by change / 1,000 of itself,
            at least one slot, instead: a queue that nobody needs gives its room
            back, so that the next burst meets a short one. None: never.
    rush:   (load, ticks, change): the same while both are above. It is not
            slewed. With RUSH the limit grows by half of itself, to take in what
            comes while the consumer is starved; with RUSH_DOWN it halves, to
            have less to serve late. None: never.

    CALM, RUSH and RUSH_DOWN are for ticks of a ms. A limit below the present
    depth drops nothing: the ring refuses (or replaces) until it fits.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed. The attributes of these names are read only.

    Ownership: one owner, the main loop. The ring's producers may go on meanwhile.
    """

    def __init__(
        self,
        ring,
        target=200,
        kp=(1, 4),
        ki=(1, 8),
        kd=(0, 1),
        floor=None,
        slew=None,
        calm=CALM,
        rush=RUSH,
    ):
        check_int("ring.capacity", ring.capacity, 1, _MOST_CAPACITY)
        self._ring = ring
        self._limits = limits_of(ring)
        self._last = -1  # the p95 before
        self.set_target(target)
        eighth = max(1, ring.capacity // 8)
        self.set_bounds(eighth if floor is None else floor, eighth if slew is None else slew)
        self.set_rules(calm, rush)
        self._integral = 0  # in 1/ONE of the capacity, with what is left of it to divide
        self._rest = 0
        self._set(ring.limit)
        self.set_gains(kp, ki, kd)

    def set_target(self, target) -> None:
        """Change the target, while it is in use. Raises TypeError or ValueError."""
        check_int("target", target, 1, _MOST_TICKS)
        shift = 0
        while target >> shift >= 1 << 17:  # then 4 targets times ONE are a small integer
            shift += 1
        self.target = target
        self._shift = shift
        self._last = -1

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
        self._track(self._proportional(self._last) if self._last >= 0 else 0)

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
        ring = self._ring
        if p95 < 0:
            if len(ring):
                self._last = -1
                return self._limits.controller
            p95 = 0
        if load < self._calm_load and p95 < self._calm_ticks:
            self._jump(self._calm_change, self._proportional(p95))
        elif load > self._rush_load and p95 > self._rush_ticks:
            self._jump(self._rush_change, self._proportional(p95))
        elif p95 >= self.target or ring.limit >= self._limits.controller:
            self._control(p95)
        self._last = p95
        return self._limits.controller

    def _set(self, limit):
        self._limits.adapt(max(self.floor, limit))

    def _error(self, p95):
        """How far below the target, in 1/ONE of it."""
        target = self.target >> self._shift
        error = target - (p95 >> self._shift)
        if error < -4 * target:
            return _WORST
        return error * ONE // target

    def _proportional(self, p95):
        """The output without the integral: proportional and derivative part."""
        error = self._error(p95)
        output = error * self._kp // self._kp_den
        if self._last >= 0:
            output = _bounded(output)
            output += _bounded((error - self._error(self._last)) * self._kd // self._kd_den)
        return _bounded(output)

    def _control(self, p95):
        error = self._error(p95)
        other = self._proportional(p95)
        wanted = self._limit_for(self._integral + other)
        if not self._stopped(wanted, error):
            self._integrate(error)
            wanted = self._limit_for(self._integral + other)
        self._move_to(wanted)

    def _move_to(self, wanted):
        limit = self._limits.controller
        self._set(_within(limit - self.slew, wanted, limit + self.slew))

    def _stopped(self, wanted, error):
        """Whether the output is at one of its ends, or slewing, in the error's direction."""
        limit = self._limits.controller
        if error > 0:
            return wanted >= self._ring.capacity or wanted > limit + self.slew
        return wanted <= self.floor or wanted < limit - self.slew

    def _integrate(self, error):
        rest = self._rest + error * self._ki
        step = rest // self._ki_den
        self._rest = rest - step * self._ki_den
        step = _bounded(step) + self._integral
        self._integral = _within(0, step, ONE)

    def _limit_for(self, output):
        """Slots for an output, between floor and capacity."""
        capacity = self._ring.capacity
        if output >= ONE:
            return capacity
        return max(self.floor, output * capacity // ONE) if output > 0 else self.floor

    def _jump(self, change, other):
        """Change the limit by a rule, and let the controller go on from there."""
        limit = self._limits.controller
        by = limit * change // 1000  # never 0 when it is negative
        if change > 0 and by == 0:
            by = 1
        self._set(limit + by)
        self._track(other)

    def _track(self, other):
        """Set the integral to what gives the present limit with the other parts."""
        capacity = self._ring.capacity
        output = (self._limits.controller * ONE + capacity - 1) // capacity
        self._integral = _within(0, output - other, ONE)
        self._rest = 0
