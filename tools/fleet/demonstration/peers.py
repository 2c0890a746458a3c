"""A model of a large fleet's other gateways: what they write to etcd, and no more.

One gateway cannot tell them from real ones: it reads what stands under /budget/, and they take
turns there, each with what its boards ask for.
"""

import asyncio
import random
from contextlib import suppress

from ..budget.claim import next_claim
from ..budget.keys import GatewayEntry, Keys, write_count, write_entry
from ..etcd import Etcd, EtcdUnavailable, Transaction, Write

BOARDS = 100
"""Boards of each gateway."""

TURN_S = 1.25
"""Between two turns of a gateway, in each of which a board asks for something else: so it was
counted at a real gateway with 100 boards on a quiet machine. One whose boards ask for the same
takes 2 s."""


async def take_turns(etcd: Etcd, budget: str, gateways: int) -> None:
    """Plays so many gateways, for ever."""
    async with asyncio.TaskGroup() as group:
        for i in range(gateways):
            group.create_task(_gateway(etcd, Keys(budget), f"peer-{i}"))


async def _gateway(etcd: Etcd, keys: Keys, me: str) -> None:
    chance = random.Random(me)
    demands = [chance.randint(1, 40) for _ in range(BOARDS)]
    await asyncio.sleep(TURN_S * chance.random())
    turn = claim = 0
    while True:
        turn += 1
        demands[chance.randrange(BOARDS)] = chance.randint(1, 40)
        entry = GatewayEntry(turn, tuple(sorted(demands)))
        writes = [Write(keys.gateways + me, write_entry(entry))]
        plenty = 10 * sum(demands)
        if (claims := next_claim(claim, sum(demands), plenty, plenty)) != claim:
            writes.append(Write(keys.claims + me, write_count(claims)))
        with suppress(EtcdUnavailable):  # the next turn writes it again
            await etcd.transact(Transaction((), tuple(writes)))
            claim = claims
        await asyncio.sleep(TURN_S)
