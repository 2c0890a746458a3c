"""The HTTP server of a service: who does not send his request goes, and keeps nobody out."""

import asyncio
import logging

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from sluice_tools.fleet import http

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def address():
    async def answer(_):
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = await http.serve(app, "127.0.0.1", 0, 1.0)
    yield runner.addresses[0]
    await runner.cleanup()


async def get(address):
    url = f"http://{address[0]}:{address[1]}/"
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        return await response.text()


async def ended(reader):
    """Waits until the other side has closed the connection; what it sent before."""
    data = b""
    try:
        while more := await asyncio.wait_for(reader.read(1000), 60):
            data += more
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
async def test_a_request_that_does_not_arrive_is_given_up(begun, monkeypatch, address):
    monkeypatch.setattr(http, "REQUEST_S", 0.2)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(begun)
    await ended(reader)
    writer.close()
    assert await get(address) == "ok"


async def test_a_connection_is_kept_between_requests_but_not_for_ever(monkeypatch, address):
    monkeypatch.setattr(http, "IDLE_S", 0.5)
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert await ended(reader) == b""
    writer.close()


async def test_half_open_requests_keep_nobody_out(address, caplog):
    caplog.set_level(logging.WARNING)
    half_open = []
    for _ in range(3 * http.CONNECTIONS_MOST):
        half_open.append(await asyncio.open_connection(*address))
        half_open[-1][1].write(b"GET / HTTP/1.1\r\n")
    assert await get(address) == "ok"
    for reader, writer in half_open[: 2 * http.CONNECTIONS_MOST]:
        await ended(reader)
        writer.close()
    for _, writer in half_open:
        writer.close()
    assert caplog.messages.count("too_many_connections") <= 1


async def test_a_process_without_descriptors_says_so_once_a_minute(caplog):
    caplog.set_level(logging.WARNING)
    for _ in range(5):
        logging.getLogger("asyncio").error("socket.accept() out of system resource\nsocket: x")
    assert "out of system resource" not in caplog.text
    assert len(caplog.records) <= 1


async def test_a_body_that_comes_late_and_broken_is_no_error_of_the_service(address, caplog):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nContent-Encoding: gzip\r\n\r\n"
    )
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.write(b"x" * 100)
    await ended(reader)
    writer.close()
    assert await get(address) == "ok"
    assert [record.message for record in caplog.records if record.exc_info] == []


async def test_an_error_of_the_service_is_logged(caplog):
    async def fail(_):
        raise ValueError("a defect")

    app = web.Application()
    app.router.add_get("/", fail)
    runner = await http.serve(app, "127.0.0.1", 0, 1.0)
    assert await get(runner.addresses[0])
    await runner.cleanup()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a defect"]
