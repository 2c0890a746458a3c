"""The token bucket as it is usually written: a float of tokens, topped up at each call."""

try:
    import time
except ImportError:  # MicroPython before 1.12
    import utime as time


class FloatBucket:
    def __init__(self, rate, burst):
        self.rate = rate  # tokens a second
        self.burst = burst
        self.tokens = burst
        self.last = time.ticks_us()

    def try_acquire(self, n=1):
        now = time.ticks_us()
        elapsed = time.ticks_diff(now, self.last) / 1000000
        self.last = now
        self.tokens = min(self.burst, self.tokens + elapsed * self.rate)
        if self.tokens < n:
            return False
        self.tokens -= n
        return True
