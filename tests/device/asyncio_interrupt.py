"""Runs on a board: a timer's handler puts into channels, a task gets.

Hard interrupts where the board has them. Prints `received COUNT of COUNT refused COUNT`.
"""

import asyncio

from machine import Timer

from sluice.queue.channel import Channel, Get, select

PULSES = 200
PERIOD_MS = 2


class Pulses:
    """Puts numbers, the even ones into one channel and the odd ones into the other."""

    def __init__(self, even, odd):
        self.even = even
        self.odd = odd
        self.n = 0
        self.refused = 0

    def pulse(self, timer):
        n = self.n
        if n == PULSES:
            return
        channel = self.odd if n & 1 else self.even
        if not channel.try_put(n):
            self.refused += 1
        self.n = n + 1


def start_timer(handler):
    try:
        return Timer(-1, period=PERIOD_MS, callback=handler, hard=True)
    except (TypeError, ValueError):  # this board's handlers are soft
        return Timer(-1, period=PERIOD_MS, callback=handler)


async def main():
    even, odd = Channel(8, interrupts=True), Channel(8, interrupts=True)
    pulses = Pulses(even, odd)
    timer = start_timer(pulses.pulse)
    received = 0
    while received + pulses.refused < PULSES:
        case = await select(Get(even), Get(odd), timeout_ms=2000)
        if case is None:
            break
        assert case.item & 1 == (case.channel is odd)
        received += 1
    timer.deinit()
    print("received", received, "of", PULSES, "refused", pulses.refused)


asyncio.run(main())
