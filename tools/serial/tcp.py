"""A board's line over TCP: the host's end of the handshake and of the messages of docs/link.md."""

import contextlib
import hmac
import logging
import os
import socket
import threading
import time

_BEGIN = b"sluice\x01"  # 1: the version
_NONCE = 16
_PROOF = 32
_YOURS = b"\0"
_HANDSHAKE_S = 5.0
_LENGTH = 2
_LONGEST = 1024
_MAC = 16
_ASK_EVERY_S = 1.0
_SILENT_S = 10  # a board is asked so often, once a second, before it is gone
_SEND_S = 10.0
_LAST = (1 << 30) - 1  # number of a message

log = logging.getLogger(__name__)


class TcpLine:
    """A connection to a board that listens, read and written as an object of pyserial is.

    Nobody on the way can add, change or repeat what it carries; it can be read there.
    """

    in_waiting = 0

    def __init__(self, address: tuple[str, int], key: bytes) -> None:
        """OSError: the board cannot be reached, does not take the key, or is in use."""
        self._name = "tcp://{}:{}".format(*address)
        self._connection = socket.create_connection(address, _HANDSHAKE_S)
        try:
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._says, self._hears = _agree(self._connection, key)
        except BaseException:
            self._connection.close()
            raise
        self._connection.settimeout(_ASK_EVERY_S)
        # A timeout is of the object, and sending has another.
        self._sender = self._connection.dup()
        self._sender.settimeout(_SEND_S)
        self._sending = threading.Lock()
        self._sent = self._received = 0  # messages
        self._asked_at = time.monotonic()

    def read(self, _most: int = 1) -> bytes:
        """What comes next, 1 byte or more; waits for it. OSError: the connection is gone."""
        while True:
            length = self._receive(_LENGTH)
            n = int.from_bytes(length, "little")
            if n > _LONGEST:
                raise self._broken("wrong length")
            content = self._receive(n)
            code = self._receive(_MAC)
            if not hmac.compare_digest(code, _mac(self._hears, self._received, length + content)):
                raise self._broken("wrong MAC: somebody on the way has changed something")
            self._received = self._counted(self._received)
            if content:
                return content

    def write(self, data: bytes) -> None:
        """Sends the bytes. OSError: the connection is gone."""
        for at in range(0, len(data), _LONGEST):
            self._send(data[at : at + _LONGEST])

    def close(self) -> None:
        """Ends the connection, also for whoever waits for it in `read`."""
        with contextlib.suppress(OSError):  # the other end has gone first
            self._connection.shutdown(socket.SHUT_RDWR)
        self._sender.close()
        self._connection.close()

    def _receive(self, n: int) -> bytes:
        data = b""
        unanswered = 0
        while len(data) < n:
            if time.monotonic() - self._asked_at >= _ASK_EVERY_S:
                self._asked_at = time.monotonic()
                self._send(b"")
            try:
                came = self._connection.recv(n - len(data))
            except TimeoutError:
                unanswered += 1
                if unanswered == _SILENT_S:
                    raise self._broken(f"no word of the board for {_SILENT_S} s") from None
                continue
            if not came:
                raise ConnectionResetError("the board has ended the connection")
            unanswered = 0
            data += came
        return data

    def _send(self, content: bytes) -> None:
        with self._sending:
            data = len(content).to_bytes(_LENGTH, "little") + content
            self._sender.sendall(data + _mac(self._says, self._sent, data))
            self._sent = self._counted(self._sent)

    def _counted(self, number: int) -> int:
        if number == _LAST:
            raise self._broken("the last number of a message")
        return number + 1

    def _broken(self, reason: str) -> ConnectionError:
        log.warning("%s: connection ended: %s", self._name, reason)
        return ConnectionAbortedError(reason)


def _agree(connection: socket.socket, key: bytes) -> tuple[bytes, bytes]:
    """The handshake: the keys for what is sent to the board, and for what comes from it."""
    until = time.monotonic() + _HANDSHAKE_S
    try:
        challenge = _read(connection, len(_BEGIN) + _NONCE, until)
    except TimeoutError:
        raise ConnectionError(
            f"no challenge within {_HANDSHAKE_S:.0f} s: it may be busy with another connection"
        ) from None
    if not challenge:
        raise ConnectionError("it ended the connection at once")
    if challenge[: len(_BEGIN)] != _BEGIN:
        raise ConnectionError("no Sluice listens there, or one with another version of the line")
    nonces = challenge + os.urandom(_NONCE)
    connection.sendall(_BEGIN + nonces[len(challenge) :] + _code(key, b"host" + nonces))
    verdict = _read(connection, 1 + _PROOF, until)
    if not verdict:
        raise ConnectionError("the board does not take this key")
    if not hmac.compare_digest(verdict[1:], _code(key, b"board" + nonces + verdict[:1])):
        raise ConnectionError("it does not have this key: not the board that it was put on")
    if verdict[:1] != _YOURS:
        raise ConnectionError(
            "in use by another client, of whom something was heard in the last 5 s"
        )
    return _code(key, b"to board" + nonces), _code(key, b"to host" + nonces)


def _read(connection: socket.socket, n: int, until: float) -> bytes:
    """So many bytes; none if the connection ends before. TimeoutError: not until then."""
    data = b""
    while len(data) < n:
        connection.settimeout(max(0.001, until - time.monotonic()))
        try:
            came = connection.recv(n - len(data))
        except ConnectionResetError:
            came = b""
        if not came:
            return b""
        data += came
    return data


def _code(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _mac(key: bytes, number: int, data: bytes) -> bytes:
    return _code(key, number.to_bytes(4, "little") + data)[:_MAC]
