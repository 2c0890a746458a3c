"""A ring queue for asyncio as it is usually written: two indices and two events."""

import asyncio


class AsyncQueue:
    def __init__(self, capacity):
        self.items = [None] * capacity
        self.capacity = capacity
        self.count = 0
        self.head = 0
        self.filled = asyncio.Event()
        self.drained = asyncio.Event()

    async def put(self, item):
        while self.count == self.capacity:
            self.drained.clear()
            await self.drained.wait()
        self.items[(self.head + self.count) % self.capacity] = item
        self.count += 1
        self.filled.set()

    async def get(self):
        while not self.count:
            self.filled.clear()
            await self.filled.wait()
        item = self.items[self.head]
        self.head = (self.head + 1) % self.capacity
        self.count -= 1
        self.drained.set()
        return item
