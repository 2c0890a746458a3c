"""Where etcd is: addresses as a user writes them, and the channel to them."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence

import grpc
import grpc.aio

from ...errors import UserError

_ENDPOINT = re.compile(r"(?P<host>[A-Za-z0-9.\-]+):(?P<port>\d{1,5})")

_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    # etcd answers pings that come more often than every 5 s with GOAWAY.
    ("grpc.keepalive_time_ms", 6000),
    ("grpc.keepalive_timeout_ms", 1000),
    # A watch says nothing: after two pings there would be one a minute.
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 1000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name it is also how long an attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 64 << 20),
]


def parse_endpoints(endpoints: Sequence[str]) -> list[tuple[str, int]]:
    """Host and port of each. UserError: there is none, or one is not host:port."""
    if not endpoints:
        raise UserError("etcd: no endpoint; at least one host:port is needed")
    return [_parse(endpoint) for endpoint in endpoints]


async def open_channel(endpoints: Sequence[tuple[str, int]]) -> grpc.aio.Channel:
    """A channel that uses every endpoint that answers. UserError: a name has no address."""
    addresses = [f"{await _address(host)}:{port}" for host, port in endpoints]
    return grpc.aio.insecure_channel(f"ipv4:{','.join(addresses)}", options=_OPTIONS)


def _parse(endpoint: str) -> tuple[str, int]:
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise UserError(
            f"etcd endpoint {endpoint!r}: expected host:port, "
            "an IPv4 address or a name and a port from 1 to 65535"
        )
    return match["host"], int(match["port"])


async def _address(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError as error:
        raise UserError(f"etcd endpoint {host}: {error.strerror or error}")
    return str(found[0][4][0])
