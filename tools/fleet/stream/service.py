"""The gRPC service: consumers take boards' records, producers feed boards."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from ...serial.ack_pb2 import AckRequest
from ...serial.window import SEQ_PERIOD, distance
from ..listen import is_bearer
from ..logs import event
from .records import BoardRecords
from .records_pb2 import Consumed, Consuming, Open, Opened, Produced, Producing, Record
from .records_pb2_grpc import RecordsServicer

CREDIT_MAX = 1 << 20
"""A consumer's credit counts up to this."""

_Context = grpc.aio.ServicerContext[Any, Any]

log = logging.getLogger(__name__)


class RecordsService(RecordsServicer):
    """boards: by name; the mapping may change while this runs.  token: None: nobody is asked.

    Of a board's consumers the last one wins, and so it is with its producers: the one before is
    ended with ABORTED, as it may be a connection that nobody has at its other end any more.
    """

    def __init__(self, boards: Mapping[str, BoardRecords], token: str | None = None) -> None:
        self._boards = boards
        self._token = token
        self._current: dict[tuple[str, str], asyncio.Event] = {}

    async def Consume(self, request_iterator: object, context: _Context) -> None:
        asked, board = await self._open(context)
        seq, capacity = board.confirmed, asked.ack.available_capacity
        if asked.session == board.session:
            ahead = distance(asked.ack.processed_count, seq)
            if any(board.delivery((seq + i) % SEQ_PERIOD) is None for i in range(ahead)):
                await _refuse(context, f"processed_count {asked.ack.processed_count}: not sent yet")
            if ahead > 0:
                seq = asked.ack.processed_count
        await _check_capacity(context, capacity)
        stream = _Consumption(board, context, seq, capacity)
        await self._run(asked.board, "consumer", context, stream.send(), stream.receive())

    async def Produce(self, request_iterator: object, context: _Context) -> None:
        asked, board = await self._open(context)
        stream = _Production(board, context)
        await self._run(asked.board, "producer", context, stream.send(), stream.receive())

    async def _open(self, context: _Context) -> tuple[Open, BoardRecords]:
        """What the client asks for, if it may and there is such a board."""
        if self._token is not None:
            metadata = context.invocation_metadata() or ()
            header = {key: value for key, value in metadata}.get("authorization", "")
            if not isinstance(header, str) or not is_bearer(header, self._token):
                reason = "the bearer token is missing or wrong"
                await _refuse(context, reason, grpc.StatusCode.UNAUTHENTICATED)
        first = await context.read()
        if not isinstance(first, Consuming | Producing) or first.WhichOneof("says") != "open":
            await _refuse(context, "expected Open as the first message")
        board = self._boards.get(first.open.board)
        if board is None:
            reason = f"board {first.open.board[:100]!r}: there is none of this name here"
            await _refuse(context, reason, grpc.StatusCode.NOT_FOUND)
        while not board.record_size:
            await board.changed()
        return first.open, board

    async def _run(
        self,
        board: str,
        role: str,
        context: _Context,
        sending: Awaitable[None],
        receiving: Awaitable[None],
    ) -> None:
        """Until the client has said all that it will, or another one takes its place."""
        key, replaced = (board, role), asyncio.Event()
        if key in self._current:
            self._current[key].set()
        self._current[key] = replaced
        event(log, logging.INFO, "stream_opened", board=board, role=role, peer=context.peer())
        tasks = [asyncio.ensure_future(each) for each in (sending, receiving, replaced.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._current.get(key) is replaced:
                del self._current[key]
            event(log, logging.INFO, "stream_closed", board=board, role=role, peer=context.peer())
        if replaced.is_set():
            reason = f"another {role} of board {board} has begun"
            await _refuse(context, reason, grpc.StatusCode.ABORTED)
        for task in done:
            task.result()


class _Consumption:
    """One consumer: gets what has come back, as far as its credit goes."""

    def __init__(self, board: BoardRecords, context: _Context, seq: int, capacity: int) -> None:
        self._board = board
        self._context = context
        self._session = board.session
        self._seq = seq  # the next one to send
        self._limit = _after(seq, capacity)
        board.confirm(seq)

    async def send(self) -> None:
        board = self._board
        opened = Opened(session=self._session, seq=self._seq, record_size=board.record_size)
        await self._context.write(Consumed(opened=opened))
        while True:
            await _check_session(self._context, board, self._session)
            delivery = board.delivery(self._seq)
            if delivery is None or distance(self._seq, self._limit) >= 0:
                await board.changed()
                continue
            record = Record(seq=self._seq, payload=delivery.payload, tick=delivery.tick)
            self._seq = _after(self._seq, 1)
            await self._context.write(Consumed(record=record))

    async def receive(self) -> None:
        while isinstance(message := await self._context.read(), Consuming):
            if message.WhichOneof("says") != "ack":
                await _refuse(self._context, "expected AckRequest")
            done, capacity = message.ack.processed_count, message.ack.available_capacity
            confirmed = self._board.confirmed
            if not 0 <= distance(done, confirmed) <= distance(self._seq, confirmed):
                reason = f"processed_count {done}: expected {confirmed} to {self._seq}"
                await _refuse(self._context, reason)
            await _check_capacity(self._context, capacity)
            self._limit = _after(done, capacity)
            self._board.confirm(done)


class _Production:
    """One producer: is told what is done with and how much more there is room for."""

    def __init__(self, board: BoardRecords, context: _Context) -> None:
        self._board = board
        self._context = context
        self._session = board.session

    async def send(self) -> None:
        board = self._board
        opened = Opened(session=self._session, seq=board.next, record_size=board.record_size)
        await self._context.write(Produced(opened=opened))
        last = None
        while True:
            await _check_session(self._context, board, self._session)
            under_way = distance(board.next, board.acknowledged)
            ack = AckRequest(
                processed_count=board.acknowledged, available_capacity=under_way + board.room
            )
            if ack == last:
                await board.changed()
            else:
                last = ack
                await self._context.write(Produced(ack=ack))

    async def receive(self) -> None:
        board = self._board
        while isinstance(message := await self._context.read(), Producing):
            if message.WhichOneof("says") != "record":
                await _refuse(self._context, "expected Record")
            record = message.record
            ahead = distance(record.seq, board.next)
            if ahead < 0:
                continue  # it came over an earlier connection
            if ahead > 0:
                await _refuse(self._context, f"seq {record.seq}: expected {board.next}")
            if not 1 <= len(record.payload) <= board.record_size:
                reason = f"payload of {len(record.payload)} bytes: expected 1 to "
                await _refuse(self._context, f"{reason}{board.record_size}")
            while not board.room:  # it has sent more than it was allowed: the stream waits
                await board.changed()
            await _check_session(self._context, board, self._session)
            board.send(record.payload)


def _after(seq: int, count: int) -> int:
    return (seq + count) % SEQ_PERIOD


async def _check_capacity(context: _Context, capacity: int) -> None:
    if not 0 <= capacity <= CREDIT_MAX:
        await _refuse(context, f"available_capacity {capacity}: expected 0 to {CREDIT_MAX}")


async def _check_session(context: _Context, board: BoardRecords, session: int) -> None:
    if board.session != session:
        reason = "the board's sequence numbers have started again"
        await _refuse(context, reason, grpc.StatusCode.ABORTED)


async def _refuse(
    context: _Context,
    reason: str,
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT,
) -> NoReturn:
    event(
        log,
        logging.WARNING,
        "stream_refused",
        peer=context.peer(),
        status=code.name,
        reason=reason,
    )
    await context.abort(code, reason)
