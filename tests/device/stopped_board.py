"""Module `board` for a run of main.py on a board without pins: Ctrl-C comes at the first poll."""

import sys
import time

NAME = "stopped"
TICKS_PER_S = 1000
FLASH = "/"
SLEEPS_WITH = ()

ticks = time.ticks_ms


class Line:
    def readinto(self, buf):
        raise KeyboardInterrupt

    def write(self, buf, n):
        return sys.stdout.buffer.write(buf[:n])


def open_line():
    return Line()


def open_led():
    """None: there is none to look at."""
    return
