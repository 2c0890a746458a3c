"""A consumer and a producer, as they would be written anywhere from records.proto."""

import asyncio

import grpc
import grpc.aio

from sluice_tools.fleet.stream.records_pb2 import Consuming, Open, Producing, Record
from sluice_tools.fleet.stream.records_pb2_grpc import RecordsStub
from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.window import SEQ_PERIOD, distance

TOKEN = "a-token-of-24-characters"


def payload(i):
    return b"%d" % i


class Takes:
    """Checks that the payloads come in order, without a gap or a repetition."""

    def __init__(self):
        self.count = 0

    def __call__(self, data):
        assert data == payload(self.count)
        self.count += 1


def call(channel, method, token=None):
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    return getattr(RecordsStub(channel), method)(metadata=metadata)


def trusting(tls):
    """A client's credentials: it takes this server for what it is."""
    return grpc.ssl_channel_credentials(tls.certificate.read_bytes())


async def refused(stream, messages):
    """The status and the reason with which it ends; nothing but Opened has come before."""
    try:
        for message in messages:
            await stream.write(message)
        while answer := await stream.read():
            assert answer.WhichOneof("says") in ("opened", "ack")
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    return await stream.code(), await stream.details()


class Consumer:
    """Keeps its place, so that it may leave and come back.  take: given each payload once."""

    def __init__(self, channel, board, take, capacity=64, every=16, token=None):
        self._channel, self._board, self._take, self._token = channel, board, take, token
        self._capacity, self._every = capacity, every
        self.taken = 0
        self.again = 0
        """How many came that it had."""
        self._session = 0
        self._seq = 0
        self.paused = asyncio.Event()  # set: it reads on
        self.paused.set()

    def _ack(self):
        return AckRequest(processed_count=self._seq, available_capacity=self._capacity)

    async def run(self, until):
        """Takes until it has so many."""
        stream = call(self._channel, "Consume", self._token)
        try:
            opening = Open(board=self._board, session=self._session, ack=self._ack())
            await stream.write(Consuming(open=opening))
            opened = (await stream.read()).opened
            if opened.session != self._session:
                self._session, self._seq = opened.session, opened.seq
            assert opened.seq == self._seq
            while self.taken < until:
                await self.paused.wait()
                record = (await stream.read()).record
                if record.seq != self._seq:
                    self.again += 1
                    continue
                self._take(record.payload)
                self.taken += 1
                self._seq = (self._seq + 1) % SEQ_PERIOD
                if self.taken % self._every == 0 or self.taken == until:
                    await stream.write(Consuming(ack=self._ack()))
            await stream.done_writing()
            while await stream.read():
                pass
        finally:
            stream.cancel()


class Producer:
    """Sends payload(i) for i from 0 on, and goes on where it was when it comes back."""

    def __init__(self, channel, board, payload, token=None):
        self._channel, self._board, self._payload, self._token = channel, board, payload, token
        self._base = None
        self.sent = 0
        self.acknowledged = 0

    async def run(self, count):
        """Sends so many, and returns when they are acknowledged."""
        stream = call(self._channel, "Produce", self._token)
        try:
            await stream.write(Producing(open=Open(board=self._board)))
            first = (await stream.read()).opened.seq
            if self._base is None:
                self._base = first
            self.sent = self.acknowledged + distance(
                first, (self._base + self.acknowledged) % SEQ_PERIOD
            )
            while self.acknowledged < count:
                ack = (await stream.read()).ack
                self.acknowledged += distance(
                    ack.processed_count, (self._base + self.acknowledged) % SEQ_PERIOD
                )
                while self.sent < min(count, self.acknowledged + ack.available_capacity):
                    seq = (self._base + self.sent) % SEQ_PERIOD
                    record = Record(seq=seq, payload=self._payload(self.sent))
                    self.sent += 1
                    await stream.write(Producing(record=record))
            await stream.done_writing()
            while await stream.read():
                pass
        finally:
            stream.cancel()
