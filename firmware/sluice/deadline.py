# SPDX-License-Identifier: MIT
"""Waiting towards a deadline, in finer steps the nearer it is."""

import time

import machine
from micropython import const

_SLEEP_MS = const(10)  # with more than this left, sleep: other tasks run, less power is used
_IDLE_MS = const(1)  # with more than this left, idle: the next interrupt wakes; else spin
_FAR = const((1 << 29) - 1)


class Deadline:
    """Lets time pass between attempts, until a deadline.

    timeout_ms: milliseconds from now to the deadline, 0 to 2^29 - 1; negative:
    there is none. Raises ValueError for more.

    It sleeps only while more than 10 ms are left, since a sleep can take
    longer than asked for, then idles until the next interrupt, at most about a
    millisecond on every board, and spins through the last millisecond.

    For the main loop; never in an interrupt.
    """

    def __init__(self, timeout_ms: int):
        if timeout_ms > _FAR:
            raise ValueError("timeout_ms must be at most %d, not %d" % (_FAR, timeout_ms))
        self._timeout = timeout_ms
        self._start = time.ticks_ms()

    def left_ms(self) -> int:
        """Milliseconds to the deadline, 0 when it has passed; 2^29 - 1 when there is none. Hot.

        To be asked at least every 2^29 ms.
        """
        timeout = self._timeout
        if timeout < 0:
            return _FAR
        passed = time.ticks_diff(time.ticks_ms(), self._start)
        if passed < 0 or passed >= timeout:
            self._timeout = 0
            return 0
        return timeout - passed

    def wait(self, ms: int) -> None:
        """Let most of ms milliseconds pass, or none when there is at most one. Hot."""
        if ms > _SLEEP_MS:
            time.sleep_ms(ms - _SLEEP_MS)
        elif ms > _IDLE_MS:
            machine.idle()

    def pause(self) -> bool:
        """Let about a millisecond pass; False, at once, when the deadline has passed. Hot."""
        left = self.left_ms()
        if left > _SLEEP_MS:
            time.sleep_ms(1)
        elif left > _IDLE_MS:
            machine.idle()
        return left > 0
