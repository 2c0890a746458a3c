"""Whose turn it is at a channel, at the instant between a wake-up and the step of who was woken."""

import asyncio

import pytest
from stepped import run

from host_sim import TickClock
from sluice.queue.channel import WAIT, Channel, Closed, Get, Put, select
from sluice.queue.ring import OVERWRITE, REJECT


async def put_by_select(channel, item):
    await select(Put(channel, item))


async def get_by_select(channel):
    return (await select(Get(channel))).item


async def until_they_wait():
    await asyncio.sleep(1)


@pytest.mark.parametrize("put", [Channel.put, put_by_select])
def test_who_comes_to_put_stands_behind_those_that_were_woken(put):
    async def main():
        channel = Channel(1)
        await channel.put(0)
        waiting = [asyncio.create_task(channel.put(n)) for n in (1, 2)]
        await until_they_wait()
        got = []

        async def take():
            await asyncio.sleep(1)
            got.extend([await channel.get() for _ in range(3)])

        taker = asyncio.create_task(take())
        assert channel.try_get() == 0  # there is room, and the first in line does not run yet
        await put(channel, 3)
        await asyncio.gather(taker, *waiting)
        assert got == [1, 2, 3]

    run(main(), TickClock(), {})


@pytest.mark.parametrize("get", [Channel.get, get_by_select])
@pytest.mark.parametrize("capacity", [1, 3])
def test_who_comes_to_get_stands_behind_those_that_were_woken(get, capacity):
    async def main():
        channel = Channel(capacity)
        waiting = [asyncio.create_task(channel.get()) for _ in range(2)]
        await until_they_wait()

        async def give():
            await asyncio.sleep(1)
            await channel.put("b")
            await channel.put("c")

        giver = asyncio.create_task(give())
        assert channel.try_put("a")
        assert await get(channel) == "c"
        assert await asyncio.gather(*waiting) == ["a", "b"]
        await giver

    run(main(), TickClock(), {})


@pytest.mark.parametrize("overflow", [WAIT, REJECT, OVERWRITE])
@pytest.mark.parametrize("capacity", [0, 1])
def test_a_channel_that_is_closed_takes_nothing_for_who_waits_to_get(capacity, overflow):
    async def main():
        channel = Channel(capacity, overflow)
        waiting = asyncio.create_task(channel.get())
        await until_they_wait()
        channel.close()  # and the getter does not run yet
        assert not channel.try_put("a")
        with pytest.raises(Closed):
            await waiting

    run(main(), TickClock(), {})


@pytest.mark.parametrize("put", [Channel.put, put_by_select])
@pytest.mark.parametrize("get", [Channel.get, get_by_select, None])
def test_a_rendezvous_that_is_closed_takes_nothing_from_who_waits_to_put(put, get):
    async def main():
        channel = Channel(0)
        giver = asyncio.create_task(put(channel, 1))
        await until_they_wait()
        channel.close()  # and the giver does not run yet
        if get is None:
            assert channel.try_get("none") == "none"
        else:
            with pytest.raises(Closed):
                await get(channel)
        with pytest.raises(Closed):
            await giver

    run(main(), TickClock(), {})
