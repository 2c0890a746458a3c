"""An etcd server, and a certificate, that the tests of a file share."""

import asyncio
import subprocess

import pytest
from etcd_servers import EtcdServers, read_until_answered

from sluice_tools.fleet.etcd import Etcd, Transaction, Write
from sluice_tools.fleet.stream.server import Tls
from sluice_tools.fleet.watermark import KEY


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EtcdServers(tmp_path_factory.mktemp("etcd"), 1) as servers:
        yield servers


@pytest.fixture
def endpoints(server):
    """Of that server, on which no watermark stands."""

    async def clean():
        async with Etcd(server.endpoints, timeout_s=60) as etcd:
            await read_until_answered(etcd, KEY)
            await etcd.transact(Transaction((), (Write(KEY, None),)))

    asyncio.run(clean())
    return server.endpoints


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return Tls(certificate, key)
