# SPDX-License-Identifier: MIT
"""asyncio tasks waiting for the tokens of one bucket, first come, first served."""

import asyncio

from micropython import const

_LONGEST_MS = const(1000)


class TokenLine:
    """The line before a bucket; `TokenBucket.wait` makes one when it is first called.

    bucket: a TokenBucket. ticks_per_ms: 1,000 for a bucket on ticks_us, else 1.

    Ownership: the tasks of one event loop. Who takes tokens past the line, by
    `try_acquire`, makes it wait longer.
    """

    def __init__(self, bucket, ticks_per_ms=1):
        self._bucket = bucket
        self._ticks_per_ms = ticks_per_ms
        self._first = asyncio.Lock()  # held by the first in line

    async def acquire(self, n: int = 1) -> None:
        """Wait for n tokens and take them.

        Nothing is taken for n <= 0. A task that is cancelled while it waits has
        taken nothing; but MicroPython's `asyncio.wait_for` can end in
        TimeoutError although the tokens have just been taken. A changed rate is
        noticed within a second.

        Raises ValueError when they will never be there: n > burst, or rate is 0
        and too few are left.
        """
        self._wait_ms(n)  # who can never be served does not stand in line
        async with self._first:
            while not self._bucket.try_acquire(n):
                await asyncio.sleep_ms(self._wait_ms(n))

    def _wait_ms(self, n):
        bucket = self._bucket
        ticks = bucket.wait_ticks(n)
        if ticks < 0:
            raise ValueError(
                "n is %d, but there will never be that many tokens: burst %d, rate %d, now there %d"
                % (n, bucket.burst, bucket.rate, bucket.tokens())
            )
        return min(ticks // self._ticks_per_ms, _LONGEST_MS)
