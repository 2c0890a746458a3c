"""A real web server on loopback that takes records as JSON lines, and what it has received."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mosquitto import free_port

Rows = list[dict[str, Any]]
Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A request; `rows` are its records."""

    protocol_version = "HTTP/1.1"
    server: "_Server"  # type: ignore
    rows: Rows

    def setup(self) -> None:
        super().setup()
        self.server.web.connections.append(self.connection)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.rows = [json.loads(line) for line in body.splitlines()]
        self.server.web.answer(self)

    def reply(self, status: int, content: bytes = b"", **fields: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    web: "Web"
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a connection that was killed


class Web:
    """A server that can be started and killed again and again, at one port.

    script: how the next requests are answered; behind its end 200 is, and with `received` what
    was taken. A function of the request that answers it, or a status.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.port = free_port()
        self.connections: list[socket.socket] = []
        self.script: list[int | Answer] = []
        self.requests: list[tuple[dict[str, str], Rows]] = []
        self.received: Rows = []
        self.paths: set[str] = set()
        self._certificate = certificate
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._server = server = _Server(("127.0.0.1", self.port), Request)
        server.web = self
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        self._thread.start()

    def kill(self) -> None:
        """At once: the listener and all connections are reset."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        while self.connections:
            self.reset(self.connections.pop())
        self._server.server_close()
        self._server = None

    @staticmethod
    def reset(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def answer(self, request: Request) -> None:
        self.paths.add(request.path)
        self.requests.append((dict(request.headers), request.rows))
        answer = self.script.pop(0) if self.script else 200
        if callable(answer):
            answer(request)
            return
        if answer < 300:
            self.received += request.rows
        request.reply(answer)


@contextmanager
def running(certificate: tuple[Path, Path] | None = None) -> Iterator[Web]:
    web = Web(certificate)
    try:
        web.start()
        yield web
    finally:
        web.kill()
