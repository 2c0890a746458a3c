"""How processes of one user find each other at a port, and what they tell each other there.

Each port has a lock file and a Unix socket in a directory that only the user can enter. Who holds
the lock owns the port and listens at the socket. The kernel drops the lock of a process that dies,
so a socket without a lock is stale.
"""

import array
import contextlib
import hashlib
import os
import socket
import stat
import struct
import tempfile
from collections import deque
from pathlib import Path

from ..errors import UserError
from .url import canonical

_HEADER = struct.Struct("!cI")
_CHUNK = 65536
_BACKLOG_MAX = 4 << 20
_PATH_MAX = 80  # a socket's whole path has at most 103 bytes on some systems


class Rendezvous:
    """The place where the processes that use one port meet."""

    def __init__(self, url: str) -> None:
        """UserError: the directory for it cannot be made or is not the user's own."""
        name = hashlib.sha256(canonical(url).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        directory = _runtime_directory()
        self._socket = directory / f"{name}.sock"
        self._lock_file = directory / f"{name}.lock"
        self._lock: int | None = None

    def try_own(self) -> socket.socket | None:
        """Becomes the owner and returns the listening socket, or None: another process owns it.

        OSError: the system has no descriptor or place for it; nobody's ownership has changed.
        """
        import fcntl  # here, since Windows has none

        with contextlib.ExitStack() as undo:
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            undo.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            self._socket.unlink(missing_ok=True)
            listener = undo.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(self._socket))
            listener.listen()
            listener.setblocking(False)
            undo.pop_all()
        self._lock = lock
        return listener

    def leave(self, listener: socket.socket) -> None:
        """Gives the ownership up."""
        assert self._lock is not None
        self._socket.unlink(missing_ok=True)
        listener.close()
        os.close(self._lock)
        self._lock = None

    def connect(self) -> "Peer | None":
        """A connection to the owner, or None: it does not listen, at this moment.

        OSError: the system has no descriptor for it.
        """
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._socket))
        except OSError as error:
            connection.close()
            if isinstance(error, FileNotFoundError | ConnectionRefusedError):
                return None
            raise
        return Peer(connection)


class Alone:
    """The place of a port that cannot be shared: whoever opens it owns it, and nobody comes."""

    def try_own(self) -> socket.socket:
        """Becomes the owner; at the socket nobody comes."""
        listener, self._nobody = socket.socketpair()
        return listener

    def leave(self, listener: socket.socket) -> None:
        """Gives the ownership up."""
        listener.close()
        self._nobody.close()

    def connect(self) -> None:
        """There is nobody else."""


class Peer:
    """A connection between two processes that carries messages, and descriptors with them."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._outbox: deque[tuple[bytes, int | None]] = deque()
        self._outbox_bytes = 0
        self._inbox = b""
        self._descriptor: int | None = None

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def pending(self) -> bool:
        """Whether `flush` has something to send."""
        return bool(self._outbox)

    def send(self, kind: bytes, data: bytes = b"", descriptor: int | None = None) -> None:
        """Queues a message of one byte of kind and its data; `flush` sends it.

        ConnectionError: the other side has not read for so long that its backlog is full.
        """
        if self._outbox_bytes > _BACKLOG_MAX:
            raise ConnectionAbortedError("the other process does not read")
        message = _HEADER.pack(kind, len(data)) + data
        self._outbox.append((message, descriptor))
        self._outbox_bytes += len(message)

    def flush(self) -> None:
        """Sends what can be sent without waiting. OSError: the connection is gone."""
        while self._outbox:
            message, descriptor = self._outbox[0]
            ancillary = []
            if descriptor is not None:
                rights = array.array("i", [descriptor])
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
            try:
                sent = self._connection.sendmsg([message], ancillary)
            except BlockingIOError:
                return
            self._outbox_bytes -= sent
            self._outbox.popleft()
            if sent < len(message):
                self._outbox.appendleft((message[sent:], None))

    def receive(self) -> list[tuple[bytes, bytes]]:
        """The messages that have come whole, as (kind, data).

        OSError: the connection is gone; what came before it was given out.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, _CHUNK, 1)
        except BlockingIOError:
            return []
        if not data:
            raise ConnectionResetError("the other process has left")
        for descriptor in descriptors:
            self._forget_descriptor()
            self._descriptor = descriptor
        self._inbox += data
        messages = []
        at = 0
        while len(self._inbox) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._inbox, at)
            end = at + _HEADER.size + length
            if end > len(self._inbox):
                break
            messages.append((kind, self._inbox[at + _HEADER.size : end]))
            at = end
        self._inbox = self._inbox[at:]
        return messages

    def pop_descriptor(self) -> int | None:
        """The last descriptor that came, now the caller's to close."""
        descriptor, self._descriptor = self._descriptor, None
        return descriptor

    def close(self) -> None:
        self._forget_descriptor()
        self._connection.close()

    def _forget_descriptor(self) -> None:
        descriptor = self.pop_descriptor()
        if descriptor is not None:
            os.close(descriptor)


def _runtime_directory() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    directory = Path(base) / f"sluice-{os.getuid()}"
    if len(os.fsencode(directory)) > _PATH_MAX:
        raise UserError(
            f"{directory}: too long a path for the sockets through which programs share a port; "
            f"XDG_RUNTIME_DIR may have {_PATH_MAX - len(directory.name) - 1} bytes"
        )
    try:
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        status = directory.lstat()
    except OSError as error:
        raise UserError(
            f"{directory}: cannot make the directory through which programs share a port: "
            f"{error.strerror}; set XDG_RUNTIME_DIR to a directory of yours"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UserError(
            f"{directory}: programs share a port through this directory, "
            "which must be yours and closed to others (chmod 700)"
        )
    return directory
