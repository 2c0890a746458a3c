"""gateway.toml: read and checked."""

import re
import socket
from pathlib import Path
from typing import Annotated, Self, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)

from ...errors import UserError
from ...tomlfile import Table, not_allowed, parsed, read, refused
from ..budget.keys import RATE_MAX, check_name
from ..etcd.endpoints import parse_endpoints
from ..listen import is_loopback, parse_listen, read_token
from ..stream.server import Tls, check_tls

LISTEN = "127.0.0.1:9108"
"""Where /metrics is, if the file does not say."""

_TEXT = "text of 1 to 100 printable characters"
_PATH = "text of 1 to 1000 printable characters"  # a name in /dev/serial/by-id may have over 100
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

_Text = Annotated[str, Field(max_length=100, pattern=_PRINTABLE)]
_Path = Annotated[str, Field(max_length=1000, pattern=_PRINTABLE)]
_text = TypeAdapter(_Text).validate_python
_path = TypeAdapter(_Path).validate_python


class ConfigError(UserError):
    """The file cannot be used: `FILE: KEY: reason, allowed`. Exit status 2."""

    exit_code = 2


def _name(what: str) -> AfterValidator:
    def check(name: str) -> str:
        check_name(what, name)
        return name

    return AfterValidator(parsed(check))


def _endpoints(endpoints: tuple[str, ...]) -> tuple[str, ...]:
    parse_endpoints(endpoints)
    return endpoints


def _file(name: object, info: ValidationInfo) -> Path:
    """One in the folder of the configuration, unless its path is absolute."""
    path = cast(Path, info.context) / _path(name)
    try:
        path.open("rb").close()
    except OSError as error:
        raise not_allowed(str(path), f"a file that can be read: {error.strerror}")
    return path


def _token(name: object, info: ValidationInfo) -> str:
    return parsed(read_token)(_file(name, info))


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9_.:-]", "-", socket.gethostname())[:80] or "gateway"


_Listen = Annotated[
    tuple[str, int], BeforeValidator(parsed(lambda text: parse_listen(_text(text))))
]
_File = Annotated[Path, BeforeValidator(_file)]


class BoardConfig(Table):
    """A board that is plugged into this host.

    name: as the fleet knows it, wherever it is plugged in.  port: a device or a pyserial URL.
    topic: a label of its metrics.  guaranteed: its share of the budget whatever happens, tokens a
    second.  stream: whether it is fed through this gateway, over gRPC.
    """

    name: Annotated[_Text, _name("board")] = Field(description=_TEXT)
    port: _Path = Field(description=_PATH)
    topic: _Text = Field("default", description=_TEXT)
    guaranteed: int = Field(0, ge=0, le=RATE_MAX, description=f"an integer from 0 to {RATE_MAX}")
    stream: bool = Field(False, description="true or false")


class EtcdConfig(Table):
    """endpoints: host:port of each node.  budget: the NAME of /budget/NAME; None: none."""

    endpoints: Annotated[tuple[str, ...], AfterValidator(parsed(_endpoints))] = Field(
        strict=False, description='a list of text, for example ["127.0.0.1:2379"]'
    )
    budget: Annotated[_Text, _name("budget")] | None = Field(None, description=_TEXT)


class StreamConfig(Table):
    """Where records are served over gRPC.

    listen: host and port.  certificate, key: None: without TLS.  token: what clients have to show,
    of the file that the table names; None: nothing.
    """

    listen: _Listen = Field(description=_TEXT)
    certificate: _File | None = Field(None, description=_PATH)
    key: _File | None = Field(None, description=_PATH)
    token: Annotated[str, BeforeValidator(_token)] | None = Field(
        None, alias="token_file", description=_PATH
    )

    @property
    def tls(self) -> Tls | None:
        return Tls(self.certificate, self.key) if self.certificate and self.key else None

    @model_validator(mode="after")
    def _check(self) -> Self:
        for missing, other in (("certificate", "key"), ("key", "certificate")):
            if getattr(self, other) and not getattr(self, missing):
                raise refused(f"missing, allowed: a file, as there is {other}", missing)
        if self.tls:
            parsed(check_tls, "certificate")(self.tls)
        host, _ = self.listen
        if not (self.tls and self.token) and not parsed(is_loopback, "listen")(host):
            allowed = "a loopback address, or certificate, key and token_file as well"
            raise not_allowed(host, allowed, "listen")
        return self


class GatewayConfig(Table):
    """name: of this gateway.  listen: host and port of /metrics.  etcd: None: without a fleet.
    stream: None: no records are served."""

    name: Annotated[_Text, _name("gateway")] = Field(default_factory=_host_name, description=_TEXT)
    listen: _Listen = Field(default_factory=lambda: parse_listen(LISTEN), description=_TEXT)
    etcd: EtcdConfig | None = Field(None, description="a table [etcd]")
    stream: StreamConfig | None = Field(None, description="a table [stream]")
    boards: tuple[BoardConfig, ...] = Field(
        alias="board", min_length=1, strict=False, description="one table [[board]] or more"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in ("name", "port"):
            found: set[str] = set()
            for number, board in enumerate(self.boards, 1):
                value = getattr(board, key)
                if value in found:
                    raise not_allowed(value, "another for each board", f"board {number}.{key}")
                found.add(value)
        for number, board in enumerate(self.boards, 1):
            if board.guaranteed and not (self.etcd and self.etcd.budget):
                key, allowed = f"board {number}.guaranteed", "0 without an etcd.budget"
                raise not_allowed(board.guaranteed, allowed, key)
            if board.stream and self.stream is None:
                raise not_allowed(True, "false without a table [stream]", f"board {number}.stream")
        if self.stream and not any(board.stream for board in self.boards):
            allowed = "true for one board or more when there is [stream]"
            raise refused(f"missing, allowed: {allowed}", "board.stream")
        return self


def load(path: Path) -> GatewayConfig:
    """The configuration in a file. ConfigError: the first thing that is wrong with it."""
    return read(path, GatewayConfig, ConfigError)
