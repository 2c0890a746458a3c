"""Port URLs: what a user names a board's line by, and the line behind it.

On Unix a line is a descriptor, which unlike a pyserial object can be handed to another process
while it is in use.
"""

import contextlib
import errno
import os
import re
import socket
import threading
from urllib.parse import urlsplit

import serial

from ..errors import UserError
from . import key
from .line import SHARED, Connection, Descriptor, Line
from .tcp import TcpLine

_BAUD = 115200
_CONNECT_S = 5.0
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_HOST_PORT = re.compile(r"[\w.-]+:\d{1,5}", re.ASCII)
_ABSENT = (errno.ENOENT, errno.ENXIO, errno.ENODEV)
_TAKEN = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EAGAIN)
_DENIED = (
    "permission denied (on Linux the group dialout may use serial ports)"
    if SHARED
    else "in use by another program, or not yours; on this system one program at a time has a port"
)
_WINDOWS_ERROR = re.compile(r"Error\((\d+),")  # of which pyserial keeps only the text
_REASONS = {
    errno.ENOENT: "no such port",
    errno.ENXIO: "nothing is attached to it",
    errno.ENODEV: "nothing is attached to it",
    errno.ENOTTY: "this is not a serial port",
    errno.EISDIR: "this is not a serial port",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program",
    errno.ECONNREFUSED: "nothing listens there",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the host cannot be reached",
}


class PortError(UserError):
    """A port that cannot be opened; `code` is the system's error number, None when it has none.

    A command that ends with it tells its user what to do next, too.
    """

    def __init__(self, url: str, reason: str, code: int | None = None) -> None:
        super().__init__(f"{url}: {reason}")
        self.code = code
        self._url = url

    @property
    def meant(self) -> str:
        """What to do if the port is HOST:PORT, which is no file; else empty."""
        if self.code == errno.ENOENT and _HOST_PORT.fullmatch(self._url):
            return f"for a TCP port write socket://{self._url}"
        return ""

    def format_message(self) -> str:
        if self.meant:
            return f"{self.message}; {self.meant}"
        if self.code in _ABSENT:
            return f"{self.message}; `sluice doctor` tells which ports there are"
        if self.code in _TAKEN:
            return f"{self.message}; `sluice doctor --port {self._url}` tells what to do"
        return self.message


class NoSluice(UserError):
    """No Sluice answers at the port."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self._url = url

    def format_message(self) -> str:
        """With what to do next."""
        between = " " if self.message[-1] in '?"' else "; "
        return f"{self.message}{between}`sluice doctor --port {self._url}` tells what to do"


def canonical(url: str) -> str:
    """The one name of a port that can be written in several ways: links, case, localhost."""
    if not _SCHEME.match(url):
        return os.path.realpath(url)
    scheme, rest = url.split("://", 1)
    rest = re.sub(r"^localhost(?=[:/]|$)", "127.0.0.1", rest.lower())
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def is_tcp(url: str) -> bool:
    """Whether it is a board's line over TCP, which carries no REPL."""
    return url.lower().startswith("tcp://")


def open_port(url: str) -> Line:
    """Opens a device, a pty, a pyserial URL, or a board that listens (tcp://HOST:PORT).

    PortError names the port and the reason. UserError: there is no key for a board that listens.
    """
    try:
        return _open(url)
    except TimeoutError:
        raise PortError(url, f"no answer within {_CONNECT_S:.0f} s", errno.ETIMEDOUT) from None
    except socket.gaierror:
        raise PortError(url, "no such host", errno.EHOSTUNREACH) from None
    except serial.SerialException as error:
        # The handlers of URLs wrap the error of the system, and keep only its text.
        cause = error if error.errno is not None else error.__context__
        raise _port_error(url, cause or error) from error
    except (OSError, ValueError) as error:
        raise _port_error(url, error) from error


def _open(url: str) -> Line:
    scheme = _SCHEME.match(url)
    if scheme is None:
        device = serial.Serial(url, _BAUD, exclusive=True)
        if not SHARED:
            return Connection(_pump(device))
        descriptor = os.dup(device.fileno())
        device.close()  # the terminal keeps its settings, the duplicate keeps the lock
        return Descriptor(descriptor)
    if is_tcp(url):
        connection = _pump(TcpLine(_address(url), key.of_environment()))
    elif scheme[1].lower() == "socket":
        # Not pyserial's: its object shuts the connection down for every holder when it goes.
        connection = socket.create_connection(_address(url), _CONNECT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        if scheme[1].lower() == "rfc2217":
            _address(url)  # pyserial's own complaint about a bad one says nothing
        connection = _pump(serial.serial_for_url(url, _BAUD))
    return Descriptor(connection.detach()) if SHARED else Connection(connection)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port:
        raise ValueError(f"write {parts.scheme}://HOST:PORT, with a PORT from 1 to 65535")
    return parts.hostname, port


def _pump(line: "serial.Serial | TcpLine") -> socket.socket:
    """A socket for a line that has none: what pyserial reads comes out of it, and back."""
    ours, theirs = socket.socketpair()

    def read() -> None:
        try:
            while data := line.read(line.in_waiting or 1):
                ours.sendall(data)
        except OSError:
            pass  # either side is gone; the other learns it from the end of the pair
        finally:  # also when pyserial, which reads what any server sends, raises something else
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)

    def write() -> None:
        try:
            while data := ours.recv(65536):
                line.write(data)
        except OSError:
            pass
        finally:
            line.close()

    for work in (read, write):
        threading.Thread(target=work, daemon=True).start()
    return theirs


def _port_error(url: str, error: BaseException) -> PortError:
    code = error.args[0] if error.args else None  # of an OSError or a termios.error
    if told := _WINDOWS_ERROR.search(str(code)):
        code = int(told[1])
    if isinstance(code, int):
        return PortError(url, _REASONS.get(code, os.strerror(code)), code)
    return PortError(url, " ".join(str(error).split()) or type(error).__name__)
