"""An open line to a board, read and written without waiting."""

import os
import socket
from typing import Protocol

SHARED = hasattr(socket, "recv_fds")
"""Whether a line can be handed to another process here; on Windows it cannot."""


class Line(Protocol):
    """What a port reads and writes. OSError: the line is gone; BlockingIOError: not now."""

    def fileno(self) -> int:
        """The descriptor to wait for."""
        ...

    def read(self, most: int) -> bytes:
        """What has come; empty: the line was closed."""
        ...

    def write(self, data: bytes | bytearray) -> int:
        """How many of the bytes were taken."""
        ...

    def close(self) -> None:
        """Close it here; another process may hold it still."""
        ...


class Descriptor:
    """A line of Unix. Its descriptor can be handed to another process while it is in use."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: the line's own to close from now on."""
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        return self._descriptor

    def read(self, most: int) -> bytes:
        return os.read(self._descriptor, most)

    def write(self, data: bytes | bytearray) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


class Connection:
    """A line of a system that reads and waits for sockets alone, as Windows does."""

    def __init__(self, connection: socket.socket) -> None:
        """connection: the line's own to close from now on."""
        self._connection = connection
        connection.setblocking(False)

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self, most: int) -> bytes:
        return self._connection.recv(most)

    def write(self, data: bytes | bytearray) -> int:
        return self._connection.send(data)

    def close(self) -> None:
        self._connection.close()
