"""A client of etcd on asyncio, for its KV, Watch and Lease services."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from ...errors import UserError
from . import rpc_pb2 as rpc
from .data import (
    Compare,
    Event,
    Found,
    Is,
    KeyValue,
    Outcome,
    Read,
    Snapshot,
    Transaction,
    Update,
    Write,
    prefix_end,
)
from .endpoints import open_channel, parse_endpoints
from .rpc_pb2_grpc import KVStub, LeaseStub, WatchStub

_AGAIN_S = 0.05
_WATCH_AGAIN_S = (0.05, 1.0)
# Without it a node that has lost its quorum keeps silent instead of ending the call.
_METADATA = (("hasleader", "true"),)
_UNAVAILABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,  # a connection that breaks in the middle of an answer
    grpc.StatusCode.UNKNOWN,  # a node that stops while it answers
    grpc.StatusCode.OK,  # likewise, before it has answered
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # too many requests at once, or its disk quota
}
_RELATIONS = {Is.EQUAL: rpc.Compare.EQUAL, Is.LESS: rpc.Compare.LESS}

log = logging.getLogger(__name__)


class EtcdError(UserError):
    """etcd refuses what it was asked."""


class EtcdUnavailable(EtcdError):
    """No answer: a write may have been made or not, and may still be made later."""


class NoSuchRevision(EtcdError):
    """etcd has forgotten this moment, or has never come to it: its history is another one."""


class Etcd:
    """A connection to the nodes of one etcd cluster; an async context manager.

    endpoints: "host:port" of each node; one that answers is enough.
    timeout_s: how long an answer may take, more than 0.

    Every method raises EtcdUnavailable when there is no answer in time, and EtcdError when etcd
    refuses. Reads are asked again within the timeout, writes never: only the caller knows what a
    write that may have been made means. UserError: an endpoint is not one.
    """

    def __init__(self, endpoints: Sequence[str], timeout_s: float = 2.0) -> None:
        if not timeout_s > 0:
            raise UserError(f"etcd timeout {timeout_s} s: expected more than 0")
        self._endpoints = parse_endpoints(endpoints)
        self._timeout_s = timeout_s
        self._name = "etcd at " + ", ".join(endpoints)
        self.trouble = "etcd: not asked yet"
        """Why what is followed is perhaps not what stands now; empty: it is."""

    async def __aenter__(self) -> "Etcd":
        self._channel = await open_channel(self._endpoints)
        self._kv = KVStub(self._channel)
        self._lease = LeaseStub(self._channel)
        self._watch = WatchStub(self._channel).Watch
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def get(self, key: str) -> KeyValue | None:
        """The key as it stands now (linearizable), None if it does not exist."""
        kvs = (await self._read(rpc.RangeRequest(key=key.encode(errors="surrogateescape")))).kvs
        return kvs[0] if kvs else None

    async def range(self, prefix: str, revision: int = 0) -> Snapshot:
        """All keys that begin with the prefix, as they stand now (linearizable), or as they stood
        at a revision. NoSuchRevision: etcd has forgotten it, or has never come to it.
        """
        snapshot = await self._read(
            rpc.RangeRequest(
                key=prefix.encode(errors="surrogateescape"),
                range_end=prefix_end(prefix).encode(errors="surrogateescape"),
                revision=revision,
            )
        )
        return Snapshot(revision, snapshot.kvs) if revision else snapshot

    async def put(self, key: str, value: bytes, lease: int = 0) -> int:
        """Writes a key, that ends with the lease if one is given; the revision of the write.

        EtcdError also when the lease has ended.
        """
        return (await self.transact(Transaction((), (Write(key, value, lease),)))).revision

    async def swap(self, key: str, value: bytes | None, mod_revision: int, lease: int = 0) -> bool:
        """Writes (or, value None, deletes) a key if it was last written at this revision.

        mod_revision 0: if the key does not exist. False: it was written since; nothing changed.
        """
        compare = Compare(key, Is.EQUAL, mod_revision)
        writes = (Write(key, value, lease),)
        return (await self.transact(Transaction((compare,), writes))).committed

    async def transact(self, transaction: Transaction) -> Outcome:
        """Makes all the writes if all the conditions hold. At most 128 conditions, and as many
        writes and reads together."""
        request = rpc.TxnRequest(
            compare=[_compare(compare) for compare in transaction.compares],
            success=[*map(_operation, transaction.writes), *map(_read, transaction.reads)],
            failure=map(_read, transaction.instead),
        )
        answer = await self._ask(self._kv.Txn, request)
        reads = transaction.reads if answer.succeeded else transaction.instead
        answers = answer.responses[-len(reads) :] if reads else ()
        return Outcome(
            answer.succeeded,
            answer.header.revision,
            tuple(_found(each.response_range) for each in answers),
        )

    async def grant(self, ttl_s: int) -> int:
        """Grants a lease that ends `ttl_s` seconds (1 or more) after it was last kept alive."""
        if ttl_s < 1:
            raise EtcdError(f"etcd lease of {ttl_s} s: expected 1 or more")
        return (await self._ask(self._lease.LeaseGrant, rpc.LeaseGrantRequest(TTL=ttl_s))).ID

    async def keep_alive(self, lease: int) -> int:
        """Renews a lease; returns the seconds it has from now on, 0 if it has ended."""
        call = self._lease.LeaseKeepAlive(timeout=self._timeout_s, metadata=_METADATA)
        try:
            await call.write(rpc.LeaseKeepAliveRequest(ID=lease))
            answer = await call.read()
            if not isinstance(answer, rpc.LeaseKeepAliveResponse):
                raise EtcdUnavailable(f"{self._name}: no answer")
            return max(0, answer.TTL)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise await self._stream_error(call, error)
        finally:
            call.cancel()

    async def revoke(self, lease: int) -> None:
        """Ends a lease, and with it its keys. EtcdError also when it has ended before."""
        await self._ask(self._lease.LeaseRevoke, rpc.LeaseRevokeRequest(ID=lease))

    async def follow(self, prefix: str) -> AsyncGenerator[Snapshot | Update, None]:
        """The state under the prefix, and then every change of it, in order, for ever.

        First comes a snapshot. After a disconnect it goes on where it was, from another node if
        need be: with a snapshot of that moment, since an etcd that was restored from a backup has
        another history. If etcd has forgotten that moment (a compaction), or has never come to it,
        a snapshot of now comes instead. Never ends by itself; EtcdError when etcd refuses.
        """
        pause = _Pause(self._name)
        revision = 0
        while True:
            try:
                snapshot = await self.range(prefix, revision)
                revision = snapshot.revision
                self.trouble = ""
                yield snapshot
                async with aclosing(self._changes(prefix, revision + 1)) as changes:
                    async for events in changes:
                        pause.reset()
                        # Not the header's: it may be ahead of events that are still to come.
                        revision = events[-1].mod_revision
                        yield Update(revision, events)
            except NoSuchRevision:
                revision = 0
            except EtcdUnavailable as error:
                self.trouble = str(error)
                await pause.wait(str(error))

    async def _changes(
        self, prefix: str, from_revision: int
    ) -> AsyncGenerator[tuple[Event, ...], None]:
        """The changes from this revision on; ends if etcd has forgotten some of them."""
        call = self._watch(metadata=_METADATA)
        try:
            create = rpc.WatchCreateRequest(
                key=prefix.encode(errors="surrogateescape"),
                range_end=prefix_end(prefix).encode(errors="surrogateescape"),
                start_revision=from_revision,
            )
            await call.write(rpc.WatchRequest(create_request=create))
            while True:
                answer = await call.read()
                if not isinstance(answer, rpc.WatchResponse):
                    raise EtcdUnavailable(f"{self._name}: the watch has ended")
                if answer.compact_revision:
                    return
                if answer.canceled:
                    reason = answer.cancel_reason or "the watch was cancelled"
                    raise EtcdUnavailable(f"{self._name}: {reason}")
                if answer.events:
                    yield tuple(map(_event, answer.events))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise await self._stream_error(call, error)
        finally:
            call.cancel()

    async def _read(self, request: rpc.RangeRequest) -> Snapshot:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        while True:
            try:
                # A node that is cut off may hold an answer back: leave time to ask another.
                answer = await self._ask(self._kv.Range, request, self._timeout_s / 2)
            except EtcdUnavailable:
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                return Snapshot(answer.header.revision, tuple(map(_key_value, answer.kvs)))

    async def _ask(self, method: Any, request: Message, timeout_s: float | None = None) -> Any:
        try:
            return await method(request, timeout=timeout_s or self._timeout_s, metadata=_METADATA)
        except grpc.aio.AioRpcError as error:
            raise self._error(error.code(), error.details())

    async def _stream_error(self, call: Any, error: Exception) -> EtcdError:
        if isinstance(error, grpc.aio.AioRpcError):
            return self._error(error.code(), error.details())
        return self._error(await call.code(), await call.details())

    def _error(self, code: grpc.StatusCode, details: str | None) -> EtcdError:
        kind = EtcdUnavailable if code in _UNAVAILABLE else EtcdError
        if code is grpc.StatusCode.OUT_OF_RANGE:
            kind = NoSuchRevision
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            details = f"no answer within {self._timeout_s:g} s"
        return kind(f"{self._name}: {details or code.name}")


class _Pause:
    """Waits longer each time, and logs once that it has to."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pause_s = _WATCH_AGAIN_S[0]
        self._said = False

    def reset(self) -> None:
        if self._said:
            log.info("%s: answers again", self._name)
        self._pause_s = _WATCH_AGAIN_S[0]
        self._said = False

    async def wait(self, reason: str) -> None:
        if not self._said:
            log.warning("%s; trying again", reason)
        self._said = True
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _WATCH_AGAIN_S[1])


def _compare(compare: Compare) -> rpc.Compare:
    return rpc.Compare(
        result=_RELATIONS[compare.relation],
        target=rpc.Compare.MOD,
        key=compare.key.encode(errors="surrogateescape"),
        range_end=compare.end.encode(errors="surrogateescape"),
        mod_revision=compare.mod_revision,
    )


def _operation(write: Write) -> rpc.RequestOp:
    key = write.key.encode(errors="surrogateescape")
    if write.value is None:
        return rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key))
    return rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=write.value, lease=write.lease))


def _read(read: Read) -> rpc.RequestOp:
    return rpc.RequestOp(
        request_range=rpc.RangeRequest(
            key=read.key.encode(errors="surrogateescape"),
            range_end=read.end.encode(errors="surrogateescape"),
            min_mod_revision=read.since,
        )
    )


def _found(answer: rpc.RangeResponse) -> Found:
    return Found(tuple(map(_key_value, answer.kvs)), answer.count)


def _key_value(kv: rpc.KeyValue) -> KeyValue:
    return KeyValue(kv.key.decode(errors="surrogateescape"), kv.value, kv.mod_revision, kv.lease)


def _event(event: rpc.Event) -> Event:
    kv = event.kv
    deleted = event.type == rpc.Event.DELETE
    return Event(
        kv.key.decode(errors="surrogateescape"),
        None if deleted else kv.value,
        kv.mod_revision,
        kv.lease,
    )
