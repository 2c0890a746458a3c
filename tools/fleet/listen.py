"""Where a service listens, and who may talk to it: this machine alone, or who has the token."""

import hmac
import ipaddress
import re
import socket
from pathlib import Path

from ..errors import UserError

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.\-]+)):(?P<port>\d{1,5})"
)
_TOKEN = re.compile(r"[!-~]{16,512}")


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port`; port 0 is any free one.

    UserError: it is not that.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise UserError(
            f"listen {text!r}: expected host:port, an address or a name and a port up to 65535"
        )
    return match["six"] or match["host"], int(match["port"])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host's addresses. UserError: it has none."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError as error:
        raise UserError(f"listen {host}: {error.strerror or error}")
    return all(ipaddress.ip_address(str(each[4][0])).is_loopback for each in found)


def read_token(path: Path) -> str:
    """The token that stands in a file, without the white space around it.

    UserError: the file cannot be read, or what stands there is not 16 to 512 printable characters
    without a space.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}")
    except UnicodeDecodeError:
        token = ""
    if not _TOKEN.fullmatch(token):
        raise UserError(f"{path}: expected a token of 16 to 512 printable characters, no spaces")
    return token


def is_bearer(authorization: str, token: str) -> bool:
    """Whether this is the value of an Authorization header with the token."""
    expected = f"Bearer {token}".encode()
    return hmac.compare_digest(authorization.encode(errors="replace"), expected)
