"""A clock that only moves when it is told to, small enough for any board."""

LAST = 0x3FFFFFFF  # the tick before 0; in digits, since MicroPython 1.9.2 keeps 2**30 - 1 big


class Clock:
    """The interface of host_sim.TickClock, for steps of 0 to 2^30 - 1."""

    def __init__(self, start=0):
        self.now = start

    def ticks(self):
        return self.now

    def advance(self, n):
        left = LAST - self.now
        self.now = self.now + n if n <= left else n - left - 1

    def set(self, t):
        self.now = t
