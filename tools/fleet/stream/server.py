"""The gRPC server of the records: to other machines only with TLS and a token."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from ...errors import UserError
from ..listen import is_loopback
from ..logs import event
from .records import BoardRecords
from .records_pb2_grpc import add_RecordsServicer_to_server
from .service import RecordsService

_MESSAGE_MAX = 4096  # a record has 241 bytes at most
_GRACE_S = 1.0

_OPTIONS = [
    ("grpc.so_reuseport", 0),  # or a second server at the port would take half of the clients
    ("grpc.max_receive_message_length", _MESSAGE_MAX),
    ("grpc.max_concurrent_streams", 100),  # for each connection
    ("grpc.keepalive_time_ms", 10_000),  # a client that is gone is noticed
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),  # no end: else an idle one is asked once a minute
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tls:
    """The files, in PEM, with the server's certificate chain and its private key."""

    certificate: Path
    key: Path


class RecordsServer:
    """Serves the boards' records; an async context manager. `port` is where it listens.

    UserError: it cannot listen there, other machines could reach it without TLS and a token, or the
    files are not what they have to be.
    """

    def __init__(
        self,
        boards: Mapping[str, BoardRecords],
        host: str,
        port: int = 0,
        token: str | None = None,
        tls: Tls | None = None,
    ) -> None:
        if not (token and tls) and not is_loopback(host):
            raise UserError(
                f"listen {host}:{port}: other machines reach it, so it needs a certificate with "
                "its key, and a token"
            )
        self._service = RecordsService(boards, token)
        self._host = host
        self.port = port
        self._credentials = _credentials(tls) if tls else None

    async def __aenter__(self) -> "RecordsServer":
        self._server = grpc.aio.server(options=_OPTIONS)
        add_RecordsServicer_to_server(self._service, self._server)
        host = f"[{self._host}]" if ":" in self._host else self._host
        address = f"{host}:{self.port}"
        try:
            if self._credentials:
                self.port = self._server.add_secure_port(address, self._credentials)
            else:
                self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise UserError(f"listen {address}: {str(error).splitlines()[0]}")
        await self._server.start()
        event(log, logging.INFO, "records_served", host=self._host, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(_GRACE_S)


def check_tls(tls: Tls) -> None:
    """UserError: a file cannot be read, or is not what it has to be. gRPC would not say which."""
    try:
        ssl.create_default_context().load_verify_locations(tls.certificate)
    except ssl.SSLError:
        raise UserError(f"{tls.certificate}: expected a certificate in PEM")
    except OSError as error:
        raise UserError(f"{tls.certificate}: {error.strerror}")
    try:
        # Any password will do: it is asked for at the terminal if none is given.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, "-")
    except ssl.SSLError:
        certificate = tls.certificate.name
        raise UserError(f"{tls.key}: expected the key of {certificate} in PEM, without a password")
    except OSError as error:
        raise UserError(f"{tls.key}: {error.strerror}")


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    check_tls(tls)
    return grpc.ssl_server_credentials([(tls.key.read_bytes(), tls.certificate.read_bytes())])
