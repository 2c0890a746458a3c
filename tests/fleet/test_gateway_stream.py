"""Records over gRPC through `sluice gateway` as a process, to a board of the firmware's program."""

import asyncio
import random
from io import BytesIO

import grpc
import grpc.aio
import pytest
from gateways import VALUES, Boards, GatewayProcess
from monitoring import until
from stream_clients import TOKEN, Consumer, Producer, Takes, call, payload, refused, trusting
from tracebacks import check_no_traceback

from sluice_tools.board.feed.arrivals import read_lines
from sluice_tools.board.feed.feeder import Feeder
from sluice_tools.fleet.demonstration.process import free_ports
from sluice_tools.fleet.demonstration.servers import board_table
from sluice_tools.fleet.demonstration.simulated import SimulatedBoard
from sluice_tools.fleet.stream.records_pb2 import Consuming, Open, Producing

pytestmark = pytest.mark.asyncio

LINKED = VALUES | {"source": "link", "sink": "link", "rate": 10_000, "burst": 100}
COUNT = 2000


class StreamGateway(GatewayProcess):
    """`target` is where clients go; keys: lines of the table [stream]."""

    def __init__(self, folder, board, keys="", host="localhost"):
        (port,) = free_ports(1)
        self.target = f"localhost:{port}"
        text = f'[stream]\nlisten = "{host}:{port}"\n{keys}'
        super().__init__(folder, text + board_table("b1", board.line.url, stream=True))


async def test_a_consumer_stops_and_starts_and_nothing_is_lost_or_doubled(tmp_path):
    chance = random.Random(1)
    board, takes = SimulatedBoard(LINKED), Takes()
    with Boards(board), StreamGateway(tmp_path, board) as gateway:
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            sending = asyncio.create_task(Producer(channel, "b1", payload).run(COUNT))
            consumer, stops, reset = Consumer(channel, "b1", takes), 0, False
            while consumer.taken < COUNT:
                stop_at = min(COUNT, consumer.taken + chance.randrange(50, 400))
                run = asyncio.create_task(consumer.run(stop_at))
                if chance.random() < 0.5:  # it is cut off on its way
                    await asyncio.wait({run}, timeout=chance.random() * 0.2)
                    run.cancel()
                await asyncio.gather(run, return_exceptions=True)
                assert run.cancelled() or run.exception() is None, run.exception()
                stops += 1
                if not reset and consumer.taken > COUNT // 2:
                    board.reset()
                    reset = True
            await asyncio.wait_for(sending, 120)
        assert takes.count == COUNT and stops > 5 and reset
        assert gateway.value("sluice_link_up", "b1") == 1
        check_no_traceback(gateway.log())


async def test_a_consumer_that_stops_reading_stops_the_producer(tmp_path):
    board, takes = SimulatedBoard(LINKED), Takes()
    with Boards(board), StreamGateway(tmp_path, board) as gateway:
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            producer = Producer(channel, "b1", payload)
            sending = asyncio.create_task(producer.run(500))
            while producer.sent < 64:
                await asyncio.sleep(0.02)
            await asyncio.sleep(1)
            assert producer.acknowledged == 0
            assert producer.sent <= 64 + 32  # the queue, and the deliveries that the board keeps
            await Consumer(channel, "b1", takes).run(500)
            await asyncio.wait_for(sending, 120)
        assert takes.count == 500


async def test_a_gateway_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path):
    """The producer sends again what was not: of that a consumer may get some twice."""
    count, acknowledged, got = 1000, 0, []
    board = SimulatedBoard(LINKED | {"rate": 500})
    with Boards(board), StreamGateway(tmp_path, board) as gateway:
        for killed in (True, True, False):
            async with grpc.aio.insecure_channel(gateway.target) as channel:
                producer = Producer(channel, "b1", lambda i, a=acknowledged: payload(a + i))
                sending = asyncio.create_task(producer.run(count - acknowledged))
                consumer = Consumer(channel, "b1", got.append, every=1)
                consuming = asyncio.create_task(consumer.run(2 * count))
                if killed:
                    while consumer.taken < 300:
                        await asyncio.sleep(0.01)
                    gateway.kill()
                    await asyncio.gather(sending, consuming, return_exceptions=True)
                    acknowledged += producer.acknowledged
                    assert set(got) >= {payload(i) for i in range(acknowledged)}
                    await asyncio.to_thread(gateway.start)
                else:
                    await asyncio.wait_for(sending, 120)
                    consuming.cancel()
        assert set(got) == {payload(i) for i in range(count)}
        assert len(got) <= count + 2 * (64 + 32)  # the queue, and what the board keeps


@pytest.mark.parametrize("method", ["Consume", "Produce"])
async def test_without_certificate_or_token_there_is_nothing_and_that_is_logged(
    tmp_path, tls, method
):
    (tmp_path / "token").write_text(TOKEN + "\n")
    keys = f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\ntoken_file = "token"\n'
    board, takes = SimulatedBoard(LINKED), Takes()
    says = Consuming if method == "Consume" else Producing
    opening = [says(open=Open(board="b1"))]
    with Boards(board), StreamGateway(tmp_path, board, keys, host="0.0.0.0") as gateway:
        plain = grpc.aio.insecure_channel(gateway.target)
        distrusts = grpc.aio.secure_channel(gateway.target, grpc.ssl_channel_credentials())
        for channel in (plain, distrusts):
            async with channel:
                code, _ = await refused(call(channel, method, TOKEN), opening)
                assert code is grpc.StatusCode.UNAVAILABLE
        until(lambda: gateway.log().count("Handshake failed") >= 2)  # says gRPC itself
        assert not gateway.events("stream_opened")
        async with grpc.aio.secure_channel(gateway.target, trusting(tls)) as channel:
            for token in (None, TOKEN[:-1] + "z"):
                # Nothing is written: gRPC's client says INTERNAL when a refusal overtakes a write.
                code, _ = await refused(call(channel, method, token), [])
                assert code is grpc.StatusCode.UNAUTHENTICATED
            lines = until(lambda: gateway.events("stream_refused"))
            assert len(lines) == 2
            assert all("peer=" in line and "status=UNAUTHENTICATED" in line for line in lines)
            assert not gateway.events("stream_opened") and TOKEN[:-1] not in gateway.log()
            sending = asyncio.create_task(Producer(channel, "b1", payload, token=TOKEN).run(100))
            await asyncio.wait_for(Consumer(channel, "b1", takes, token=TOKEN).run(100), 120)
            await asyncio.wait_for(sending, 120)
        assert takes.count == 100


async def test_after_another_program_has_fed_the_board_it_begins_anew(tmp_path):
    board, takes = SimulatedBoard(LINKED), Takes()
    lines = read_lines(BytesIO(b"".join(b"line %d\n" % i for i in range(10))))
    with Boards(board), StreamGateway(tmp_path, board) as gateway:
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            stream = call(channel, "Consume")
            await stream.write(Consuming(open=Open(board="b1")))
            assert (await stream.read()).opened.record_size == 64
            feeder = Feeder(lines, board.line.url, float("inf"), print, lambda *_: None)
            await asyncio.to_thread(feeder.run)
            assert feeder.account().lost == 0
            assert await stream.code() is grpc.StatusCode.ABORTED
            (line,) = gateway.events("feed_lost")
            assert "another program has begun to feed this board" in line
            sending = asyncio.create_task(Producer(channel, "b1", payload).run(20))
            await asyncio.wait_for(Consumer(channel, "b1", takes).run(20), 120)
            await asyncio.wait_for(sending, 120)
        assert takes.count == 20
