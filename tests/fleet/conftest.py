"""An etcd server that the tests of a file share."""

import asyncio

import pytest
from etcd_servers import EtcdServers, read_until_answered

from tools.etcd import Etcd
from tools.watermark import KEY


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EtcdServers(tmp_path_factory.mktemp("etcd"), 1) as servers:
        yield servers


@pytest.fixture
def endpoints(server):
    """Of that server, on which no watermark stands."""

    async def clean():
        async with Etcd(server.endpoints) as etcd:
            await read_until_answered(etcd, KEY)
            await etcd.delete(KEY)

    asyncio.run(clean())
    return server.endpoints
