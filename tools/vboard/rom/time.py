"""The module `time` of the board: sleeping lets Ctrl-C and timers through and burns no CPU."""

import _board
from utime import *  # noqa: F403

_sleep = _board["sleep"]
ticks_us = _board["ticksUs"]
ticks_cpu = ticks_us


def sleep_ms(ms):
    while _sleep(ms):
        pass  # interrupted: the jump back raises KeyboardInterrupt


def sleep_us(us):
    sleep_ms(us / 1000)


def sleep(seconds):
    sleep_ms(seconds * 1000)
