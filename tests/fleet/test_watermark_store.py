"""The watermark in a real etcd: several operators at once, and those who follow it."""

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from etcd_servers import EtcdServers, needs_etcd

from sluice_tools.fleet.etcd import Etcd, EtcdUnavailable
from sluice_tools.fleet.watermark import KEY, after, backlog, change, follow, lag, read, resolved
from sluice_tools.fleet.watermark.rule import HOLD_MS

pytestmark = [pytest.mark.asyncio, needs_etcd]

NOW = 1_700_000_000_000


async def test_operators_that_write_at_once_lose_nothing(endpoints):
    async with Etcd(endpoints) as one, Etcd(endpoints) as other:
        await asyncio.gather(
            *(
                change(etcd, partial(backlog, fingerprint=f"f{i}", now=NOW))
                for i in range(10)
                for etcd in (one, other)
            )
        )
        mark = read((await one.get(KEY)).value)
        assert mark.ms == 10 * 500
        assert len(mark.firing) == 10


async def test_what_changes_nothing_is_not_written(endpoints):
    async with Etcd(endpoints) as etcd:
        await change(etcd, partial(backlog, fingerprint="a", now=NOW))
        before = await etcd.get(KEY)
        await change(etcd, partial(backlog, fingerprint="a", now=NOW + 10))
        await change(etcd, partial(resolved, fingerprint="b", now=NOW + 10))
        await change(etcd, partial(after, now=NOW + 5000))
        assert await etcd.get(KEY) == before


async def test_a_follower_hears_of_every_level(endpoints):
    async with Etcd(endpoints) as etcd, aclosing(follow(etcd)) as levels:
        assert await anext(levels) == 0
        await change(etcd, partial(backlog, fingerprint="a", now=NOW))
        assert await anext(levels) == 500
        await change(etcd, partial(lag, fingerprint="l", lag_ms=12000, now=NOW))
        assert await anext(levels) == 12500
        await change(etcd, partial(resolved, fingerprint="l", now=NOW))
        await change(etcd, partial(after, now=NOW + HOLD_MS))
        assert await anext(levels) == 6250
        await change(etcd, partial(after, now=NOW + 60_000))
        assert await anext(levels) == 500
        await change(etcd, partial(resolved, fingerprint="a", now=NOW + 60_000))
        await change(etcd, partial(after, now=NOW + 70_000))
        assert await anext(levels) == 0


async def change_until_answered(etcd, rule):
    """Applies the rule again until there is an answer, as an operator does."""
    while True:
        try:
            return await change(etcd, rule)
        except EtcdUnavailable:
            await asyncio.sleep(0.05)


async def test_a_change_that_nobody_answers_says_so_and_may_be_made_again(tmp_path):
    first, second = (partial(backlog, fingerprint=name, now=NOW) for name in "ab")
    with EtcdServers(tmp_path, 1) as servers:
        async with Etcd(servers.endpoints, timeout_s=1) as etcd:
            await change_until_answered(etcd, first)
            servers.nodes[0].kill()
            with pytest.raises(EtcdUnavailable, match="etcd at 127.0.0.1"):
                await change(etcd, second)
            await asyncio.to_thread(servers.start, servers.nodes[0])
            mark = await change_until_answered(etcd, second)
            assert mark.ms == 1000
            assert await change_until_answered(etcd, second) == mark
