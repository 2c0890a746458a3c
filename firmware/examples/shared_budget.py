# SPDX-License-Identifier: MIT
"""Three asyncio tasks that share one budget: 20 requests a second to one API.

    mpremote mip install firmware/bucket.json
    mpremote run firmware/examples/shared_budget.py

Each task asks when it wants to; together they never exceed the budget, and they
are served in the order in which they came, so that the busy one does not starve
the others. No task polls: it sleeps until its tokens are there.
"""

import asyncio
import time

from sluice import TokenBucket

RATE, BURST = 20, 5


class Api:
    """What all tasks call; `request` stands for the real one."""

    def __init__(self, request):
        self._request = request
        self._budget = TokenBucket(RATE, BURST)

    async def call(self, name, cost=1):
        """Call the API, in turn, at a cost in tokens; returns its answer."""
        await self._budget.wait(cost)
        return self._request(name)


async def sensor(api, name, every_ms, times):
    """Report `times` times, with a pause between."""
    for _ in range(times):
        await api.call(name)
        await asyncio.sleep_ms(every_ms)


async def upload(api, pieces):
    """As fast as the budget allows; a piece costs as much as two reports."""
    for _ in range(pieces):
        await api.call("upload", cost=2)


async def main(request):
    api = Api(request)
    await asyncio.gather(
        sensor(api, "temperature", 500, 6),
        sensor(api, "door", 100, 20),
        upload(api, 25),
    )


if __name__ in ("__main__", "main"):
    asyncio.run(main(lambda name: print(time.ticks_ms(), name)))
