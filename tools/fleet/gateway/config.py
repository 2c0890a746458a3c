"""gateway.toml: read and checked."""

import re
import socket
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ..budget.keys import RATE_MAX, check_name
from ..etcd.endpoints import parse_endpoints
from ..listen import is_loopback, parse_listen, read_token
from ..stream.server import Tls, check_tls

LISTEN = "127.0.0.1:9108"
"""Where /metrics is, if the file does not say."""

_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")
_PATH_MAX = 1000  # a name in /dev/serial/by-id may have more than 100 characters


class ConfigError(UserError):
    """The file cannot be used: `FILE: KEY: reason, allowed`. Exit status 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """A board that is plugged into this host.

    name: as the fleet knows it, wherever it is plugged in.  port: a device or a pyserial URL.
    topic: a label of its metrics.  guaranteed: its share of the budget whatever happens, tokens a
    second.  stream: whether it is fed through this gateway, over gRPC.
    """

    name: str
    port: str
    topic: str
    guaranteed: int
    stream: bool = False


@dataclass(frozen=True, slots=True)
class EtcdConfig:
    """endpoints: host:port of each node.  budget: the NAME of /budget/NAME; None: none."""

    endpoints: tuple[str, ...]
    budget: str | None


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """Where records are served over gRPC.

    listen: host and port.  tls: None: without.  token: what clients have to show; None: nothing.
    """

    listen: tuple[str, int]
    tls: Tls | None
    token: str | None


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """name: of this gateway.  listen: host and port of /metrics.  etcd: None: without a fleet.
    stream: None: no records are served."""

    name: str
    listen: tuple[str, int]
    etcd: EtcdConfig | None
    stream: StreamConfig | None
    boards: tuple[BoardConfig, ...]


def load(path: Path) -> GatewayConfig:
    """The configuration in a file. ConfigError: the first thing that is wrong with it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: no TOML: {error}")
    return _gateway(_Table(path, "", values))


def _gateway(table: "_Table") -> GatewayConfig:
    table.allow("name", "listen", "etcd", "stream", "board")
    etcd = table.table("etcd")
    stream = table.table("stream")
    config = GatewayConfig(
        table.name("name", "gateway", _host_name()),
        table.checked("listen", parse_listen, LISTEN),
        _etcd(etcd) if etcd else None,
        _stream(stream) if stream else None,
        tuple(map(_board, table.tables("board"))),
    )
    for key in ("name", "port"):
        found: set[str] = set()
        for number, board in enumerate(config.boards, 1):
            value = getattr(board, key)
            if value in found:
                raise table.error(f"board {number}.{key}", value, "another for each board")
            found.add(value)
    for number, board in enumerate(config.boards, 1):
        if board.guaranteed and not (config.etcd and config.etcd.budget):
            allowed = "0 without an etcd.budget"
            raise table.error(f"board {number}.guaranteed", board.guaranteed, allowed)
        if board.stream and config.stream is None:
            raise table.error(f"board {number}.stream", True, "false without a table [stream]")
    if config.stream and not any(board.stream for board in config.boards):
        raise table.missing("board.stream", "true for one board or more when there is [stream]")
    return config


def _etcd(table: "_Table") -> EtcdConfig:
    table.allow("endpoints", "budget")
    endpoints = table.strings("endpoints")
    table.check("endpoints", parse_endpoints, endpoints)
    budget = table.name("budget", "budget", "") if "budget" in table.values else None
    return EtcdConfig(endpoints, budget)


def _stream(table: "_Table") -> StreamConfig:
    table.allow("listen", "certificate", "key", "token_file")
    host, port = table.checked("listen", parse_listen)
    for key, other in (("certificate", "key"), ("key", "certificate")):
        if key in table.values and other not in table.values:
            raise table.missing(other, f"a file, as there is {key}")
    tls = token = None
    if "certificate" in table.values:
        tls = Tls(table.file("certificate"), table.file("key"))
        table.check("certificate", check_tls, tls)
    if "token_file" in table.values:
        token = table.check("token_file", read_token, table.file("token_file"))
    if not (tls and token) and not table.check("listen", is_loopback, host):
        allowed = "a loopback address, or certificate, key and token_file as well"
        raise table.error("listen", table.values["listen"], allowed)
    return StreamConfig((host, port), tls, token)


def _board(table: "_Table") -> BoardConfig:
    table.allow("name", "port", "topic", "guaranteed", "stream")
    return BoardConfig(
        table.name("name", "board"),
        table.text("port", most=_PATH_MAX),
        table.text("topic", "default"),
        table.whole("guaranteed", 0, RATE_MAX, 0),
        table.boolean("stream"),
    )


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9_.:-]", "-", socket.gethostname())[:80] or "gateway"


class _Table:
    """A table of the file, and where it stands, for messages."""

    def __init__(self, path: Path, place: str, values: dict[str, Any]) -> None:
        self._path = path
        self._place = place
        self.values = values

    def error(self, key: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(f"{self._path}: {self._place}{key}: {_short(value)}, allowed: {allowed}")

    def missing(self, key: str, allowed: str) -> ConfigError:
        return ConfigError(f"{self._path}: {self._place}{key}: missing, allowed: {allowed}")

    def allow(self, *keys: str) -> None:
        for key, value in self.values.items():
            if key not in keys:
                raise self.error(key, value, "one of the keys " + " ".join(keys))

    def text(self, key: str, default: str | None = None, most: int = 100) -> str:
        allowed = f"text of 1 to {most} printable characters"
        if key not in self.values:
            if default is None:
                raise self.missing(key, allowed)
            return default
        value = self.values[key]
        if not isinstance(value, str) or not _PRINTABLE.fullmatch(value) or len(value) > most:
            raise self.error(key, value, allowed)
        return value

    def name(self, key: str, what: str, default: str | None = None) -> str:
        if key not in self.values and default:
            return default
        value = self.text(key)
        self.check(key, lambda name: check_name(what, name), value)
        return value

    def file(self, key: str) -> Path:
        """One in the folder of the configuration, unless its path is absolute."""
        path = self._path.parent / self.text(key, most=_PATH_MAX)
        try:
            path.open("rb").close()
        except OSError as error:
            raise self.error(key, str(path), f"a file that can be read: {error.strerror}")
        return path

    def boolean(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, value, "true or false")
        return value

    def checked(self, key: str, parse: Callable[[str], Any], default: str | None = None) -> Any:
        value = self.text(key, default)
        return self.check(key, parse, value)

    def check(self, key: str, parse: Callable[[Any], Any], value: object) -> Any:
        """What `parse` makes of the value; ConfigError with what it says is wrong."""
        try:
            return parse(value)
        except UserError as error:
            raise ConfigError(f"{self._path}: {self._place}{key}: {error.message}")

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, value, f"an integer from {low} to {high}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        allowed = 'a list of text, for example ["127.0.0.1:2379"]'
        if key not in self.values:
            raise self.missing(key, allowed)
        value = self.values[key]
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.error(key, value, allowed)
        return tuple(value)

    def table(self, key: str) -> "_Table | None":
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.error(key, value, f"a table [{key}]")
        return None if value is None else _Table(self._path, f"{key}.", value)

    def tables(self, key: str) -> "list[_Table]":
        allowed = f"one table [[{key}]] or more"
        if key not in self.values:
            raise self.missing(key, allowed)
        value = self.values[key]
        if not isinstance(value, list) or not value or not all(isinstance(t, dict) for t in value):
            raise self.error(key, value, allowed)
        return [_Table(self._path, f"{key} {n}.", each) for n, each in enumerate(value, 1)]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
