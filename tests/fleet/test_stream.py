"""Records over gRPC from a producer through a board's own link code to a consumer."""

import asyncio
import random
import resource
import time
from pathlib import Path

import grpc
import grpc.aio
import pytest
from stream_board import SLOTS, WINDOW, StreamBoard
from stream_clients import TOKEN, Consumer, Producer, Takes, call, payload, refused, trusting

from sluice_tools.errors import UserError
from sluice_tools.fleet.stream.records_pb2 import (
    Consuming,
    Open,
    Producing,
    Record,
)
from sluice_tools.fleet.stream.server import RecordsServer, Tls
from sluice_tools.fleet.stream.service import RecordsService
from sluice_tools.serial.ack_pb2 import AckRequest

pytestmark = pytest.mark.asyncio


def rss_kb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


@pytest.mark.timeout(600)
async def test_no_record_is_lost_or_doubled_while_the_consumer_stops_and_starts(long, capsys):
    """It pauses, leaves and comes back, or is cut off with records that it has not acknowledged."""
    count = 100_000 if long else 10_000
    chance = random.Random(1)
    takes = Takes()
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        producer = asyncio.create_task(Producer(channel, "b1", payload).run(count))
        consumer = Consumer(channel, "b1", takes)
        begun, stops, rss = time.monotonic(), 0, None
        while consumer.taken < count:
            until = min(count, consumer.taken + chance.randrange(200, 3000))
            run = asyncio.create_task(consumer.run(until))
            if chance.random() < 0.5:  # it is cut off on its way
                await asyncio.wait({run}, timeout=chance.random() * 0.5)
                run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            assert run.cancelled() or run.exception() is None, run.exception()
            stops += 1
            if rss is None and consumer.taken > count // 10:
                rss = rss_kb()
        await asyncio.wait_for(producer, 120)
        assert takes.count == count and board.sink_took == count
        assert board.most_under_way <= SLOTS + WINDOW
        grown = rss_kb() - rss
        assert grown < 8192
    with capsys.disabled():
        print(
            f"\n  {count} records in {time.monotonic() - begun:.0f} s, none lost, none doubled, "
            f"{stops} stops; memory grew by {grown} KB after the first tenth"
        )


async def test_a_consumer_that_stops_reading_stops_the_sender_within_a_window():
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        producer = Producer(channel, "b1", payload)
        sending = asyncio.create_task(producer.run(1000))
        consumer = Consumer(channel, "b1", Takes(), capacity=3, every=1)
        run = asyncio.create_task(consumer.run(1000))
        await until(lambda: consumer.taken >= 200)
        consumer.paused.clear()
        taken = consumer.taken
        await asyncio.sleep(0.5)  # minutes of the board's time
        assert board.sink_took <= taken + 1 + WINDOW
        assert producer.sent <= taken + 1 + WINDOW + SLOTS
        stood = producer.sent, board.sink_took
        await asyncio.sleep(0.3)
        assert (producer.sent, board.sink_took) == stood
        consumer.paused.set()
        await asyncio.wait_for(asyncio.gather(run, sending), 120)


async def test_without_a_consumer_nothing_is_confirmed_and_a_later_one_gets_it_all():
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        sending = asyncio.create_task(Producer(channel, "b1", payload).run(300))
        await until(lambda: board.sink_took == WINDOW)
        await asyncio.sleep(0.3)
        assert board.sink_took == WINDOW
        takes = Takes()
        await Consumer(channel, "b1", takes).run(300)
        await sending
        assert takes.count == 300


async def test_resets_of_the_board_and_a_line_that_loses_bytes_lose_and_double_nothing():
    chance = random.Random(3)

    def lose(data):
        if chance.random() > 0.01 or not data:
            return data
        at = chance.randrange(len(data))
        return data[:at] + data[at + 1 :]

    takes = Takes()
    async with (
        StreamBoard(lose) as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        sending = asyncio.create_task(Producer(channel, "b1", payload).run(3000))
        consumer = Consumer(channel, "b1", takes)
        run = asyncio.create_task(consumer.run(3000))
        for at in range(500, 3000, 500):
            await until(lambda at=at: consumer.taken >= at)
            board.board.reset()
        await asyncio.wait_for(asyncio.gather(run, sending), 120)
        assert takes.count == 3000 and board.session.resets >= 5


async def test_a_producer_that_is_cut_off_goes_on_where_the_board_is():
    takes = Takes()
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        run = asyncio.create_task(Consumer(channel, "b1", takes).run(2000))
        producer = Producer(channel, "b1", payload)
        for at in range(200, 2000, 200):
            sending = asyncio.create_task(producer.run(2000))
            await until(lambda at=at: takes.count >= at)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await producer.run(2000)
        await asyncio.wait_for(run, 120)
        assert takes.count == 2000


async def test_a_consumer_gets_no_more_than_it_allows():
    async with (
        StreamBoard(base=BASE) as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        sending = asyncio.create_task(Producer(channel, "b1", payload).run(100))
        stream = call(channel, "Consume")
        got = []

        async def read():
            while answer := await stream.read():
                got.append(answer.record.seq if answer.WhichOneof("says") == "record" else "opened")

        reading = asyncio.create_task(read())
        await stream.write(opening(ack=ACK(available_capacity=3)))
        await until(lambda: len(got) == 4)
        for processed, capacity, count in [(2, 1, 3), (3, 0, 3), (3, 2, 5), (5, 4, 9)]:
            ack = ACK(processed_count=BASE + processed, available_capacity=capacity)
            await stream.write(Consuming(ack=ack))
            await until(lambda count=count: len(got) == 1 + count)
            await asyncio.sleep(0.1)
            assert got == ["opened"] + [BASE + i for i in range(count)]
        reading.cancel()
        sending.cancel()
        await asyncio.gather(reading, sending, return_exceptions=True)


async def test_what_a_producer_says_twice_is_sent_once():
    takes = Takes()
    async with (
        StreamBoard(base=BASE) as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stream = call(channel, "Produce")
        await stream.write(Producing(open=Open(board="b1")))
        for i in (0, 0, 1, 0, 1, 2):
            await stream.write(Producing(record=Record(seq=BASE + i, payload=payload(i))))
        await Consumer(channel, "b1", takes).run(3)
        assert takes.count == 3 and board.sink_took == 3


async def test_the_last_consumer_wins():
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        first = call(channel, "Consume")
        await first.write(Consuming(open=Open(board="b1")))
        await first.read()
        second = call(channel, "Consume")
        await second.write(Consuming(open=Open(board="b1")))
        assert (await second.read()).opened.record_size == 16
        assert await first.code() is grpc.StatusCode.ABORTED
        assert await first.details() == "another consumer of board b1 has begun"
        assert not second.done()


@pytest.mark.parametrize(("method", "role"), [("Consume", "consumer"), ("Produce", "producer")])
async def test_one_that_was_replaced_leaves_the_place_to_its_successor(method, role):
    """Its end comes after the successor's beginning; the one after that must find the successor."""
    says = Consuming if method == "Consume" else Producing
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        streams = []
        for _ in range(4):
            streams.append(call(channel, method))
            await streams[-1].write(says(open=Open(board="b1")))
            assert (await streams[-1].read()).opened.record_size == 16
            for replaced in streams[-2:-1]:
                async with asyncio.timeout(60):
                    assert await refused(replaced, []) == (
                        grpc.StatusCode.ABORTED,
                        f"another {role} of board b1 has begun",
                    )
        assert not streams[-1].done()


class Lingering:
    """A board without records. The first stream that waits for one ends only when it is let go."""

    session, confirmed, record_size = 1, 0, 16

    def __init__(self):
        self.lets_go = asyncio.Event()
        self._waiting = 0

    def confirm(self, seq):
        assert seq == 0

    def delivery(self, seq):
        return None

    async def changed(self):
        self._waiting += 1
        lingers = self._waiting == 1
        try:
            await asyncio.Event().wait()
        finally:
            if lingers:
                await self.lets_go.wait()


class Context:
    """A client that opens a stream and then says nothing, until it goes."""

    def __init__(self):
        self._says = [Consuming(open=Open(board="b1"))]
        self.opened = asyncio.Event()
        self.goes = asyncio.Event()

    async def read(self):
        if self._says:
            return self._says.pop()
        await self.goes.wait()
        return None

    async def write(self, message):
        self.opened.set()

    def invocation_metadata(self):
        return ()

    def peer(self):
        return "here"

    async def abort(self, code, details):
        raise grpc.aio.AbortError(code, details)


async def test_one_that_was_replaced_may_end_after_its_successor():
    board = Lingering()
    service = RecordsService({"b1": board})
    first, second = Context(), Context()
    replaced = asyncio.create_task(service.Consume(None, first))
    await first.opened.wait()
    successor = asyncio.create_task(service.Consume(None, second))
    await second.opened.wait()
    second.goes.set()
    assert await successor is None
    board.lets_go.set()
    with pytest.raises(grpc.aio.AbortError, match="another consumer of board b1 has begun"):
        await replaced


def opening(**fields):
    return Consuming(open=Open(board="b1", **fields))


ACK = AckRequest
BASE = (1 << 24) - 500

BAD = [
    ([Consuming()], "expected Open as the first message"),
    ([Consuming(ack=ACK())], "expected Open as the first message"),
    ([opening(ack=ACK(available_capacity=-1))], "available_capacity -1: expected 0 to 1048576"),
    (
        [opening(session=1234, ack=ACK(processed_count=BASE + 1))],
        f"processed_count {BASE + 1}: not sent yet",
    ),
    ([opening(), opening()], "expected AckRequest"),
    (
        [opening(), Consuming(ack=ACK(processed_count=BASE + 1))],
        f"processed_count {BASE + 1}: expected {BASE} to {BASE}",
    ),
    (
        [opening(), Consuming(ack=ACK(processed_count=BASE, available_capacity=1 << 21))],
        "available_capacity 2097152: expected 0 to 1048576",
    ),
]
BAD_PRODUCING = [
    (Record(seq=BASE + 1, payload=b"x"), f"seq {BASE + 1}: expected {BASE}"),
    (Record(seq=BASE), "payload of 0 bytes: expected 1 to 16"),
    (Record(seq=BASE, payload=b"x" * 17), "payload of 17 bytes: expected 1 to 16"),
]


@pytest.mark.parametrize(
    ("method", "messages", "reason"),
    [("Consume", messages, reason) for messages, reason in BAD]
    + [
        ("Produce", [Producing(open=Open(board="b1")), Producing(record=record)], reason)
        for record, reason in BAD_PRODUCING
    ],
)
async def test_what_breaks_the_rules_is_refused_with_the_reason(method, messages, reason, caplog):
    async with (
        StreamBoard(base=BASE) as board,
        RecordsServer({"b1": board.records}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stream = call(channel, method)
        assert await refused(stream, messages) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
        assert [r.pairs["reason"] for r in caplog.records if r.message == "stream_refused"] == [
            reason
        ]


async def test_a_board_that_is_not_there_is_named():
    async with (
        RecordsServer({}, "127.0.0.1") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        assert await refused(call(channel, "Consume"), [opening()]) == (
            grpc.StatusCode.NOT_FOUND,
            "board 'b1': there is none of this name here",
        )


async def test_with_tls_and_the_token_records_flow_from_any_address(tls):
    takes = Takes()
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "0.0.0.0", token=TOKEN, tls=tls) as server,
        grpc.aio.secure_channel(f"localhost:{server.port}", trusting(tls)) as channel,
    ):
        sending = asyncio.create_task(Producer(channel, "b1", payload, token=TOKEN).run(100))
        await Consumer(channel, "b1", takes, token=TOKEN).run(100)
        await sending
        assert takes.count == 100


@pytest.mark.parametrize("token", [None, "a-token-of-24-characterz"])
@pytest.mark.parametrize("method", ["Consume", "Produce"])
async def test_without_the_token_there_is_nothing(tls, token, method, caplog):
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "localhost", token=TOKEN, tls=tls) as server,
        grpc.aio.secure_channel(f"localhost:{server.port}", trusting(tls)) as channel,
    ):
        # Nothing is written: gRPC's client says INTERNAL when a refusal overtakes a write.
        code, reason = await refused(call(channel, method, token), [])
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert reason == "the bearer token is missing or wrong"
        (record,) = [r for r in caplog.records if r.message == "stream_refused"]
        assert record.pairs["status"] == "UNAUTHENTICATED" and record.pairs["peer"]
        assert "a-token" not in caplog.text


async def test_without_tls_there_is_nothing(tls, capfd):
    async with (
        StreamBoard() as board,
        RecordsServer({"b1": board.records}, "localhost", token=TOKEN, tls=tls) as server,
    ):
        for channel in (
            grpc.aio.insecure_channel(f"localhost:{server.port}"),
            grpc.aio.secure_channel(f"localhost:{server.port}", grpc.ssl_channel_credentials()),
        ):
            async with channel:
                stream = call(channel, "Consume", TOKEN)
                code, _ = await refused(stream, [opening()])
                assert code is grpc.StatusCode.UNAVAILABLE
    # gRPC itself says so, on the standard error; it does not tell Python.
    said = ""
    async with asyncio.timeout(120):
        while said.count("Handshake failed") < 2:
            said += capfd.readouterr().err
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_other_machines_need_both(tls, host):
    for token, files in ((None, None), (TOKEN, None), (None, tls)):
        with pytest.raises(UserError, match=f"listen {host}:0: other machines reach it"):
            RecordsServer({}, host, token=token, tls=files)


async def test_where_it_cannot_listen_is_named(tmp_path):
    async with RecordsServer({}, "127.0.0.1") as server:
        with pytest.raises(UserError, match=f"listen 127.0.0.1:{server.port}: "):
            async with RecordsServer({}, "127.0.0.1", server.port):
                pass
    with pytest.raises(UserError, match="none.pem: No such file"):
        RecordsServer({}, "127.0.0.1", tls=Tls(tmp_path / "none.pem", tmp_path / "none.pem"))


async def until(condition, timeout_s=120.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
