# SPDX-License-Identifier: MIT
"""Pulses counted in an interrupt, their times sent on by a UART that is slower.

    mpremote mip install firmware/package.json
    mpremote cp firmware/examples/pulse_counter.py :main.py

A geiger counter clicks 200 times in a second and then not for ten. Each click's
tick waits in a queue of 256; the UART gets 9 bytes for one and takes 960 a
second. What finds the queue full is counted, and sent with the next line.
"""

import time

from machine import UART, Pin, idle

from sluice import RingQueue, TokenBucket

PULSE_PIN, SLOTS = 2, 256
LINE, BYTES_PER_S = 9, 960  # 9600 baud, 8N1: ten bits for a byte


class Counter:
    """`pulse` is for the interrupt, `send_one` for the main loop."""

    def __init__(self, uart):
        self._queue = RingQueue(SLOTS, "i")
        self._uart = uart
        self._bytes = TokenBucket(BYTES_PER_S, 4 * LINE)  # 4 lines find room in its buffer
        self._told = 0  # refused pulses that a line has told of

    def pulse(self, _=None):
        """A pulse, now. Allocates nothing, so it may be a hard interrupt's handler."""
        self._queue.try_put(time.ticks_ms())

    def send_one(self):
        """Send the oldest tick if the UART can take it; False when there was nothing to do."""
        if not len(self._queue) or not self._bytes.try_acquire(LINE):
            return False
        lost = self._queue.rejected - self._told
        if lost:  # nothing is lost silently
            self._uart.write(b"!%07x\n" % lost)
            self._told += lost
        else:
            self._uart.write(b"%08x\n" % self._queue.try_get())
        return True


def main():
    counter = Counter(UART(1, 9600))
    pin = Pin(PULSE_PIN, Pin.IN, Pin.PULL_DOWN)
    pin.irq(counter.pulse, Pin.IRQ_RISING)  # hard=True on an RP2040
    while True:
        if not counter.send_one():
            idle()


if __name__ in ("__main__", "main"):
    main()
