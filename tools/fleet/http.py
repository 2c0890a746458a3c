"""The HTTP server of a service, which nobody can hold up before a token is asked for."""

import asyncio
import logging
import os
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web

from ..errors import UserError
from .logs import Ration

REQUEST_S = 10.0
"""How long a request may take to arrive, all but its body."""

IDLE_S = 75.0
"""How long a connection stays open between two requests."""

CONNECTIONS_MOST = 64
"""Connections at once, and a quarter of the descriptors that the process may have."""

_LOG_EVERY_S = 60.0
_OUT_OF_RESOURCES = "socket.accept() out of system resource"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)
_connections_log = Ration(log, 1, _LOG_EVERY_S, time.monotonic)


def _once_a_minute(record: logging.LogRecord) -> bool:
    """asyncio logs a traceback for each connection for which there is no descriptor."""
    if not record.getMessage().startswith(_OUT_OF_RESOURCES):
        return True
    _connections_log.event(logging.WARNING, "no_descriptors", reason="too many open files")
    return False


logging.getLogger("asyncio").addFilter(_once_a_minute)


def _is_the_services(record: logging.LogRecord) -> bool:
    """aiohttp reads what is left of a request's body after the answer, and logs a traceback when
    that breaks off or cannot be decoded. It closes the connection then.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], web.RequestPayloadError))


logging.getLogger("aiohttp.server").addFilter(_is_the_services)


async def serve(app: web.Application, host: str, port: int, shutdown_s: float) -> web.AppRunner:
    """Serves the application from now on; the caller cleans the runner up, which takes shutdown_s
    at most. UserError: it cannot listen there.
    """
    door = _Door()
    app.middlewares.insert(0, door.admit)
    runner = _Runner(app, door, shutdown_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        reason = os.strerror(error.errno) if error.errno else error  # asyncio's own is long
        raise UserError(f"listen {host}:{port}: {reason}")
    return runner


_HEALTHZ, _READYZ = "/healthz", "/readyz"
HEALTH = (_HEALTHZ, _READYZ)
"""The paths of `add_health`, which ask for no token."""


def add_health(app: web.Application, trouble: Callable[[], str]) -> None:
    """GET /healthz, which answers while the process works, and GET /readyz, which says the trouble
    and is 503 while there is one. A supervisor restarts by the first, so that no trouble of others
    restarts anything.
    """

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        """Not a refusal: it is not logged each time that somebody asks."""
        reason = trouble()
        return web.Response(status=503 if reason else 200, text=(reason or "ok") + "\n")

    app.router.add_get(_HEALTHZ, health)
    app.router.add_get(_READYZ, ready)


class _Runner(web.AppRunner):
    """One whose connections come through a door."""

    def __init__(self, app: web.Application, door: "_Door", shutdown_s: float) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_s)
        self._door = door

    @property
    def server(self) -> Any:
        handlers = super().server
        return handlers and (lambda: _Connection(self._door, handlers()))


class _Door:
    """The connections, those first that have waited longest for their request."""

    def __init__(self) -> None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        quarter = descriptors // 4 if descriptors > 0 else CONNECTIONS_MOST
        self._most = max(1, min(CONNECTIONS_MOST, quarter))
        self._waiting: dict[asyncio.BaseTransport, _Connection] = {}
        self._served: dict[asyncio.BaseTransport, _Connection] = {}

    @web.middleware
    async def admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """A request has arrived whole, and is served for as long as it takes."""
        transport = request.transport
        connection = self._waiting.pop(transport, None) if transport else None
        if transport is None or connection is None:
            return await handler(request)
        self._served[transport] = connection
        connection.serve()
        try:
            return await handler(request)
        finally:
            if self._served.pop(transport, None) is not None:
                self._waiting[transport] = connection
                connection.wait(IDLE_S)

    def enter(self, transport: asyncio.BaseTransport, connection: "_Connection") -> None:
        """Lets one in; whoever has waited longest goes if there are too many."""
        if len(self._waiting) + len(self._served) >= self._most:
            _connections_log.event(logging.WARNING, "too_many_connections", allowed=self._most)
            first = next(iter(self._waiting.values()), connection)
            first.leave()
        self._waiting[transport] = connection

    def gone(self, transport: asyncio.BaseTransport) -> None:
        self._waiting.pop(transport, None)
        self._served.pop(transport, None)


class _Connection(asyncio.Protocol):
    """Between a transport and aiohttp's handler, which waits for a request without end."""

    def __init__(self, door: _Door, handler: asyncio.Protocol) -> None:
        self._door = door
        self._handler = handler
        self._timer: asyncio.TimerHandle | None = None
        self._idle = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._handler.connection_made(transport)
        self.wait(REQUEST_S)
        self._door.enter(transport, self)

    def data_received(self, data: bytes) -> None:
        if self._idle:
            self.wait(REQUEST_S)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.serve()
        self._door.gone(self._transport)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def wait(self, seconds: float) -> None:
        """Leaves unless a request is served before."""
        self.serve()
        self._idle = seconds == IDLE_S
        self._timer = asyncio.get_running_loop().call_later(seconds, self.leave)

    def serve(self) -> None:
        """Stays for as long as it takes."""
        self._idle = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def leave(self) -> None:
        """Closes the connection, at once."""
        self._door.gone(self._transport)
        self._transport.abort()
