"""A limiter with a queue as it is often written: floats, tuples and a list. For a board to run."""

try:
    from time import ticks_diff, ticks_us
except ImportError:  # MicroPython before 1.12
    from utime import ticks_diff, ticks_us


class NaiveQueue:
    def __init__(self, rate, burst):
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.last = ticks_us()
        self.items = []

    def put(self, item):
        self.items.append((ticks_us(), item))

    def get(self):
        now = ticks_us()
        self.tokens += ticks_diff(now, self.last) / 1000000 * self.rate
        self.tokens = min(self.tokens, self.burst)
        self.last = now
        if not self.items or self.tokens < 1:
            return None
        self.tokens -= 1
        return self.items.pop(0)
