"""The simulated etcd does what a real one does."""

import random

import pytest
from etcd_servers import EtcdServers, needs_etcd, read_until_answered
from etcd_twin import EtcdTwin

from sluice_tools.fleet.etcd import Compare, Etcd, Transaction, Write, prefix_end
from sluice_tools.fleet.etcd.data import Is, Read

pytestmark = [pytest.mark.asyncio, needs_etcd]


def some_transaction(chance, revision):
    keys = [f"/t/{name}" for name in "abcd"]
    compares = []
    for _ in range(chance.randrange(3)):
        first, ranged = chance.choice(keys), chance.random() < 0.5
        end = prefix_end("/t/") if ranged else ""
        relation = Is.LESS if ranged else chance.choice([Is.EQUAL, Is.LESS])
        known = max(0, revision + chance.randint(-6, 2))
        compares.append(Compare(first, relation, chance.choice([0, known]), end))
    writes = [
        Write(key, chance.choice([None, b"%d" % chance.randrange(100)]))
        for key in chance.sample(keys, chance.randint(1, 3))
    ]
    reads = [some_read(chance, keys, revision) for _ in range(chance.randrange(3))]
    instead = [some_read(chance, keys, revision) for _ in range(chance.randrange(3))]
    if chance.random() < 0.1:
        writes = []
    return Transaction(tuple(compares), tuple(writes), tuple(reads), tuple(instead))


def some_read(chance, keys, revision):
    since = chance.choice([0, max(0, revision + chance.randint(-6, 2))])
    return Read(chance.choice(keys), chance.choice(["", prefix_end("/t/")]), since)


async def test_the_same_transactions_have_the_same_outcomes(tmp_path):
    chance = random.Random(1)
    twin = EtcdTwin()
    committed = 0
    with EtcdServers(tmp_path, 1) as servers:
        async with Etcd(servers.endpoints, timeout_s=60) as etcd:
            await read_until_answered(etcd, "/t/")
            for _ in range(400):
                transaction = some_transaction(chance, twin.revision)
                expected = twin.transact(transaction)
                assert await etcd.transact(transaction) == expected, transaction
                committed += expected.committed
            assert await etcd.range("/t/") == twin.snapshot("/t/")
    assert 100 < committed < 350
