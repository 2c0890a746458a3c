"""What any limiter in Python costs at least: a method call, and one that reads the clock."""

try:
    import time
except ImportError:  # MicroPython before 1.12
    import utime as time

_ticks_us = time.ticks_us
_ticks_diff = time.ticks_diff


class Floor:
    def nothing(self):
        pass

    def elapsed(self, since):
        return _ticks_diff(_ticks_us(), since)
