"""The etcd client against real servers that fail in every way they can."""

import asyncio
import shutil
from contextlib import aclosing, asynccontextmanager

import grpc.aio
import pytest
import pytest_asyncio
from etcd_servers import EtcdServers, Proxy, compact, needs_etcd, put_until_it_stands

from sluice_tools.errors import UserError
from sluice_tools.fleet.etcd import (
    Compare,
    Etcd,
    EtcdError,
    EtcdUnavailable,
    Mirror,
    Snapshot,
    Transaction,
    Update,
    Write,
)
from sluice_tools.fleet.etcd import rpc_pb2 as rpc
from sluice_tools.fleet.etcd.data import Is
from sluice_tools.fleet.etcd.rpc_pb2_grpc import (
    KVServicer,
    WatchServicer,
    add_KVServicer_to_server,
    add_WatchServicer_to_server,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def cluster(tmp_path):
    with EtcdServers(tmp_path, 3) as servers:
        yield servers


@pytest.fixture
def own_server(tmp_path):
    with EtcdServers(tmp_path, 1) as servers:
        yield servers


@pytest_asyncio.fixture
async def etcd(server, request):
    async with Etcd(server.endpoints, timeout_s=60) as client:
        client.place = f"/{request.node.name}/"
        yield client


class Follower:
    """Follows a prefix in the background, and keeps the values in the order in which they came."""

    def __init__(self, etcd, prefix):
        self.mirror = Mirror()
        self.seen = []
        self.snapshots = 0
        self._etcd = etcd
        self._prefix = prefix
        self._news = asyncio.Condition()

    async def run(self):
        async with aclosing(self._etcd.follow(self._prefix)) as stream:
            async for news in stream:
                self.mirror.apply(news)
                self.snapshots += isinstance(news, Snapshot)
                if isinstance(news, Update):
                    self.seen += [event.value for event in news.events]
                async with self._news:
                    self._news.notify_all()

    async def until(self, condition, timeout_s=120.0):
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(condition)


@asynccontextmanager
async def following(etcd, prefix):
    follower = Follower(etcd, prefix)
    task = asyncio.create_task(follower.run())
    try:
        await follower.until(lambda: follower.snapshots)
        yield follower
        assert not task.done(), task.exception()
    finally:
        task.cancel()


@asynccontextmanager
async def following_through_a_proxy(etcd, server):
    async with (
        Proxy(server.endpoints[0]) as proxy,
        Etcd([proxy.endpoint]) as far,
        following(far, etcd.place) as follower,
    ):
        yield proxy, follower


def once_each(values):
    """The values without those that follow themselves: a write made twice is one update."""
    return [value for i, value in enumerate(values) if i == 0 or values[i - 1] != value]


@needs_etcd
async def test_a_key_is_written_read_and_deleted(etcd):
    key = etcd.place + "a"
    assert await etcd.get(key) is None
    revision = await etcd.put(key, b"one")
    kv = await etcd.get(key)
    assert (kv.key, kv.value, kv.mod_revision, kv.lease) == (key, b"one", revision, 0)
    await etcd.put(etcd.place + "b", b"two")
    snapshot = await etcd.range(etcd.place)
    assert [(kv.key[-1], kv.value) for kv in snapshot.kvs] == [("a", b"one"), ("b", b"two")]
    assert snapshot.revision == revision + 1
    await etcd.transact(Transaction((), (Write(key, None),)))
    assert await etcd.get(key) is None


@needs_etcd
async def test_of_two_who_swap_one_succeeds(etcd):
    key = etcd.place + "key"
    assert await etcd.swap(key, b"made", 0)
    assert not await etcd.swap(key, b"made again", 0)
    seen = (await etcd.get(key)).mod_revision
    assert sorted(await asyncio.gather(etcd.swap(key, b"x", seen), etcd.swap(key, b"y", seen))) == [
        False,
        True,
    ]
    assert not await etcd.swap(key, None, seen)
    assert await etcd.swap(key, None, (await etcd.get(key)).mod_revision)
    assert await etcd.get(key) is None


@needs_etcd
async def test_a_transaction_compares_a_whole_range(etcd):
    place = etcd.place
    revision = await etcd.put(place + "a", b"1")

    async def write_if_none_since(since):
        compare = Compare(place, Is.LESS, since + 1, end=place[:-1] + "0")
        return await etcd.transact(Transaction((compare,), (Write(place + "c", b"1"),)))

    later = await etcd.put(place + "b", b"2")
    refused = await write_if_none_since(revision)
    assert not refused.committed and await etcd.get(place + "c") is None
    assert (await write_if_none_since(later)).committed


@needs_etcd
async def test_a_key_ends_with_its_lease(etcd):
    lease = await etcd.grant(60)
    await etcd.put(etcd.place + "a", b"mine", lease)
    assert (await etcd.get(etcd.place + "a")).lease == lease
    assert await etcd.keep_alive(lease) == 60
    async with following(etcd, etcd.place) as follower:
        await etcd.revoke(lease)
        await follower.until(lambda: follower.seen)
        assert follower.seen == [None] and not follower.mirror.kvs
    assert await etcd.keep_alive(lease) == 0
    with pytest.raises(EtcdError, match="requested lease not found"):
        await etcd.put(etcd.place + "a", b"late", lease)
    with pytest.raises(EtcdError, match="requested lease not found"):
        await etcd.revoke(lease)


@needs_etcd
async def test_a_lease_that_nobody_keeps_alive_ends(etcd):
    async with following(etcd, etcd.place) as follower:
        lease = await etcd.grant(2)
        await etcd.put(etcd.place + "a", b"mine", lease)
        await follower.until(lambda: len(follower.seen) == 2)
        assert follower.seen == [b"mine", None]


@needs_etcd
async def test_a_compaction_leads_to_a_new_snapshot(etcd, server):
    """While the follower is cut off its history is forgotten: what happened comes at once."""
    kept, dropped = etcd.place + "kept", etcd.place + "dropped"
    async with Proxy(server.endpoints[0]) as proxy, Etcd([proxy.endpoint]) as far:
        await etcd.put(kept, b"0")
        await etcd.put(dropped, b"0")
        async with following(far, etcd.place) as follower:
            await etcd.put(kept, b"1")
            await follower.until(lambda: follower.seen == [b"1"])
            proxy.cut()
            await etcd.put(kept, b"2")
            await etcd.transact(Transaction((), (Write(dropped, None),)))
            compact(server.endpoints[0], await etcd.put(kept, b"3"))
            proxy.mend()
            await follower.until(lambda: follower.snapshots == 2)
            assert {key: kv.value for key, kv in follower.mirror.kvs.items()} == {kept: b"3"}
            await etcd.put(kept, b"4")
            await follower.until(lambda: follower.seen == [b"1", b"4"])


@needs_etcd
@pytest.mark.parametrize("written_since", [0, 20])
async def test_an_etcd_restored_from_a_backup_is_followed_in_its_own_history(
    own_server, tmp_path, written_since
):
    """Whether or not its revision has come past the one that was seen last."""
    server = own_server
    (node,) = server.nodes
    key, gone = "/r/key", "/r/gone"
    async with Etcd(server.endpoints, timeout_s=60) as etcd:
        await etcd.put(key, b"backed up")
        node.kill()
        shutil.copytree(node.data, tmp_path / "backup")
        server.start(node)
        async with (
            Proxy(node.address) as proxy,
            Etcd([proxy.endpoint]) as far,
            following(far, "/r/") as follower,
        ):
            for i in range(10):
                await put_until_it_stands(etcd, key, b"%d" % i)
            await etcd.put(gone, b"1")
            await follower.until(lambda: gone in follower.mirror.kvs)
            proxy.cut()
            node.kill()
            shutil.rmtree(node.data)
            shutil.copytree(tmp_path / "backup", node.data)
            server.start(node)
            for i in range(written_since):
                await put_until_it_stands(etcd, "/other", b"%d" % i)
            proxy.mend()
            await follower.until(lambda: gone not in follower.mirror.kvs)
            assert follower.mirror.kvs[key].value == b"backed up"
            await put_until_it_stands(etcd, key, b"new")
            await follower.until(lambda: follower.mirror.kvs[key].value == b"new")


@needs_etcd
async def test_a_node_that_is_slow_to_answer_is_reached_at_the_first_attempt(server):
    proxy = Proxy(server.endpoints[0], delay_s=0.4)
    async with proxy, Etcd([proxy.endpoint], timeout_s=20) as far:
        assert await far.get("/slow") is None
        assert proxy.connections == 1


@needs_etcd
async def test_after_a_disconnect_the_updates_in_between_come_in_order(etcd, server):
    async with following_through_a_proxy(etcd, server) as (proxy, follower):
        for turn in range(3):
            proxy.cut()
            for i in range(20):
                await etcd.put(etcd.place + "key", b"%d" % (20 * turn + i))
            proxy.mend()
            await follower.until(lambda turn=turn: len(follower.seen) == 20 * turn + 20)
        assert follower.seen == [b"%d" % i for i in range(60)]


@needs_etcd
async def test_a_watch_that_was_long_idle_notices_that_nobody_is_there(etcd, server):
    async with following_through_a_proxy(etcd, server) as (proxy, follower):
        await asyncio.sleep(13)  # two pings: those that follow must not be rarer
        proxy.silence()
        await etcd.put(etcd.place + "key", b"1")
        # It takes 7 s, but a minute if the pings are rarer.
        await follower.until(lambda: follower.seen == [b"1"], timeout_s=40)
        assert proxy.connections == 2


@needs_etcd
async def test_no_update_is_lost_while_each_node_is_killed_in_turn(cluster, capsys):
    async with (
        Etcd(cluster.endpoints) as writer,
        Etcd(cluster.endpoints) as reader,
        following(reader, "/n/") as follower,
    ):
        written = 0
        stop = asyncio.Event()

        async def write():
            nonlocal written
            while not stop.is_set():
                await put_until_it_stands(writer, "/n/key", b"%d" % (written + 1))
                written += 1
                await asyncio.sleep(0.01)

        task = asyncio.create_task(write())
        for node in cluster.nodes:
            before = written
            node.kill()
            while written < before + 20:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(cluster.start, node)
            while written < before + 40:
                await asyncio.sleep(0.05)
        stop.set()
        await task
        last = b"%d" % written
        await follower.until(lambda: follower.seen and follower.seen[-1] == last)
        assert once_each(follower.seen) == [b"%d" % (i + 1) for i in range(written)]
        assert follower.mirror.kvs["/n/key"].value == last
    with capsys.disabled():
        print(f"\n  {written} of {written} updates in order while 3 of 3 nodes were killed")


@needs_etcd
async def test_after_an_outage_of_all_nodes_the_state_converges(cluster, long):
    async with (
        Etcd(cluster.endpoints) as writer,
        Etcd(cluster.endpoints) as reader,
        following(reader, "/o/") as follower,
    ):
        await put_until_it_stands(writer, "/o/key", b"before")
        await follower.until(lambda: once_each(follower.seen) == [b"before"])
        for node in cluster.nodes:
            node.kill()
        with pytest.raises(EtcdUnavailable, match="etcd at 127.0.0.1"):
            await writer.put("/o/key", b"during")
        await asyncio.sleep(30 if long else 3)
        assert follower.mirror.kvs["/o/key"].value == b"before"
        await asyncio.to_thread(cluster.start, *cluster.nodes)
        await put_until_it_stands(writer, "/o/key", b"after")
        await follower.until(lambda: follower.seen[-1] == b"after")
        assert follower.mirror.kvs["/o/key"].value == b"after"


@needs_etcd
async def test_a_node_without_quorum_is_left_for_one_that_has_it_again(cluster):
    """Two of three are away: reads fail within their time, and the watch goes on afterwards."""
    async with Etcd(cluster.endpoints, timeout_s=1) as etcd, following(etcd, "/q/") as follower:
        for node in cluster.nodes[:2]:
            node.kill()
        with pytest.raises(EtcdUnavailable):
            await etcd.get("/q/key")
        await asyncio.to_thread(cluster.start, *cluster.nodes[:2])
        await put_until_it_stands(etcd, "/q/key", b"again")
        await follower.until(lambda: follower.seen and follower.seen[-1] == b"again")


class CancellingNode(KVServicer, WatchServicer):
    """etcd's watch of one key, which says `last` after each change; a new watch shows the next.

    A real node does so for reasons that a test cannot bring about at will.
    """

    def __init__(self, last):
        self._last = last
        self.from_revisions = []
        """Where each watch was to begin."""
        self.at_revisions = []
        """Of when a snapshot was asked for; 0: of now."""

    async def Range(self, request, context):
        self.at_revisions.append(request.revision)
        if request.revision and self._last.compact_revision:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "mvcc: it has been compacted")
        kv = self._key_value()
        header = rpc.ResponseHeader(revision=kv.mod_revision)
        return rpc.RangeResponse(header=header, kvs=[kv])

    async def Watch(self, request_iterator, context):
        create = (await context.read()).create_request
        self.from_revisions.append(create.start_revision)
        await context.write(rpc.WatchResponse())
        await context.write(rpc.WatchResponse(events=[rpc.Event(kv=self._key_value())]))
        await context.write(self._last)
        await context.read()  # the call stays open, until the client ends it

    def _key_value(self):
        revision = 10 + len(self.from_revisions)
        return rpc.KeyValue(key=b"/c/key", value=b"%d" % revision, mod_revision=revision)


@pytest.mark.parametrize(
    ("last", "forgets"),
    [
        (rpc.WatchResponse(canceled=True), False),
        (rpc.WatchResponse(canceled=True, cancel_reason="etcdserver: permission denied"), False),
        (rpc.WatchResponse(canceled=True, compact_revision=99), True),
    ],
)
async def test_a_watch_that_etcd_cancels_begins_anew(last, forgets):
    """Where it was, or, where that is forgotten, from a snapshot."""
    node, server = CancellingNode(last), grpc.aio.server()
    add_KVServicer_to_server(node, server)
    add_WatchServicer_to_server(node, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with Etcd([f"127.0.0.1:{port}"]) as etcd, following(etcd, "/c/") as follower:
            await follower.until(lambda: len(follower.seen) == 3, 60)
            assert follower.seen == [b"11", b"12", b"13"]
            assert node.from_revisions == [11, 12, 13]
            assert node.at_revisions == ([0, 11, 0, 12, 0] if forgets else [0, 11, 12])
    finally:
        await server.stop(None)


async def test_an_address_where_nobody_listens_is_named():
    async with Etcd(["127.0.0.1:1"], timeout_s=0.3) as etcd:
        for asked in (etcd.get("/a"), etcd.put("/a", b""), etcd.grant(5), etcd.keep_alive(1)):
            with pytest.raises(EtcdUnavailable, match="^etcd at 127.0.0.1:1: .+"):
                await asked


async def test_a_server_that_does_not_answer_ends_in_a_timeout():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Etcd([f"127.0.0.1:{port}"], timeout_s=0.3) as etcd:
        with pytest.raises(EtcdUnavailable, match=f"etcd at 127.0.0.1:{port}: "):
            await etcd.get("/a")
    server.close()


async def test_a_name_without_an_address_is_named():
    with pytest.raises(UserError, match="etcd endpoint nowhere.invalid: "):
        async with Etcd(["nowhere.invalid:2379"]):
            pass
