"""Real etcd servers on loopback, that a test may kill and start again."""

import asyncio
import contextlib
import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from sluice_tools.fleet.demonstration.servers import EtcdNode
from sluice_tools.fleet.etcd import Etcd, EtcdUnavailable, KeyValue

MISSING = shutil.which("etcd") is None
needs_etcd = pytest.mark.skipif(MISSING, reason="no etcd here: apt-get install etcd-server")


class EtcdServers:
    """A cluster; a context manager that starts it, and kills it at the end."""

    def __init__(self, folder: Path, count: int) -> None:
        self.nodes = [EtcdNode(f"n{i}", folder) for i in range(count)]
        peers = ",".join(node.peer for node in self.nodes)
        for node in self.nodes:
            node.join(peers)

    @property
    def endpoints(self) -> list[str]:
        return [node.address for node in self.nodes]

    def start(self, *nodes: EtcdNode) -> None:
        """Starts these nodes, and returns when they answer."""
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait()

    def __enter__(self) -> "EtcdServers":
        try:
            self.start(*self.nodes)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()


class Proxy:
    """A network to one server that a test may cut; an async context manager.

    delay_s: how late what either end says comes to the other.
    """

    def __init__(self, endpoint: str, delay_s: float = 0) -> None:
        self.connections = 0
        """How many there have been."""
        self._delay_s = delay_s
        self._to = endpoint.split(":")
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """Ends every connection, and each new one at once."""
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Loses from now on all that is said on the present connections, and ends none."""
        self._silent |= self._writers

    def mend(self) -> None:
        self._whole = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if not self._whole:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:  # the server is away
            writer.transport.abort()
            return
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await asyncio.sleep(self._delay_s)
                if writer not in self._silent:
                    writer.write(data)
        writer.close()
        self._writers.discard(writer)


def compact(endpoint: str, revision: int) -> None:
    """Lets etcd forget what was before the revision, over its JSON interface."""
    body = json.dumps({"revision": str(revision)}).encode()
    urllib.request.urlopen(f"http://{endpoint}/v3/kv/compaction", body).close()


async def put_until_it_stands(etcd: Etcd, key: str, value: bytes) -> int:
    """Writes again until an answer says that it stands."""
    while True:
        try:
            return await etcd.put(key, value)
        except EtcdUnavailable:
            now = await read_until_answered(etcd, key)
            if now is not None and now.value == value:
                return now.mod_revision


async def read_until_answered(etcd: Etcd, key: str) -> KeyValue | None:
    """Reads again until there is an answer."""
    while True:
        try:
            return await etcd.get(key)
        except EtcdUnavailable:
            await asyncio.sleep(0.05)
