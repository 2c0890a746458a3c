# SPDX-License-Identifier: MIT
"""A board's line that whoever has its key may take over TCP."""

import select
import socket
import time

from micropython import const

from sluice.limit.bucket import TokenBucket
from sluice.link.frames import Frames
from sluice.net.backoff import Backoff
from sluice.net.errors import in_words
from sluice.net.handshake import IN_USE, YOURS, Handshake
from sluice.net.hmac import Hmac
from sluice.net.messages import Messages

_FAILURES = const(4)  # handshakes that may fail at once; then one a second
_REST_MS = const(100)  # of the console, see Frames
_IPPROTO_TCP = const(6)
_SMALL_MAX = const((1 << 30) - 1)


class TcpLine:
    """Listens at a TCP port. One client at a time has the line, while it is not silent; without one
    the console has it.

    console: the line that the console has, see Frames.
    port:    1 to 65,535.
    key:     bytes that a client has to prove to have.
    up:      a function that says whether there is a network; None: there always is.
    tell:    a function of (state, reason), called when a client has got the line, has lost it, or
             is refused, and when the port cannot be listened at.
    ticks:   a clock in ms.

    One handshake goes on at a time, and no other is begun while too many have failed: 4 at once,
    and then one a second. So a flood of connections waits in the system's own queue, of one place.
    A client keeps the line until it leaves or says nothing for 5 s; who comes meanwhile, with the
    key, is told that it is in use.

    While a client has the line, of what the console sends Ctrl-C alone has a meaning: it is raised
    as always. What a client sends never is a Ctrl-C: one that sends it loses the line.

    It allocates when something is received or sent, see Messages.  Ownership: the main loop alone.
    """

    def __init__(self, console, port, key, up, tell, ticks=time.ticks_ms):
        self._console = console
        self._watched = Frames(console, ticks, _REST_MS)
        self._port = port
        self._key = Hmac(key)
        self._up = up
        self._tell = tell
        self._ticks = ticks
        self._retry = Backoff(ticks)
        self._trust = TokenBucket(1, _FAILURES, 1000, ticks)
        self._failures = 0
        self._listener = None
        self._poll = select.poll()
        self._newcomer = None
        self._client = None  # the Messages while somebody has the line
        self._messages = Messages(ticks)

    def readinto(self, buf) -> int:
        """Fill buf with what has come; returns how many bytes. Raises KeyboardInterrupt."""
        client = self._client
        if client is None:
            return self._console.readinto(buf)
        self._watched.receive()
        n = client.readinto(buf)
        if n and b"\3" in bytes(buf[:n]):
            client.fault, n = "Ctrl-C, which the console alone may send", 0
        if client.fault and n == 0:
            self._lose(client.fault)
        return n

    def write(self, buf, n: int) -> int:
        """Send buf[:n]; returns how many bytes were taken."""
        line = self._client or self._console
        return line.write(buf, n)

    def tend(self) -> None:
        """Do what the port needs; to be called every few ms. It never waits."""
        if self._up is not None and not self._up():
            if self._listener is not None:
                self._close("no network")
        elif self._listener is None:
            if self._retry.due():
                self._listen()
        elif self._newcomer is not None:
            self._greet(self._newcomer)
        elif self._trust.wait_ticks() == 0 and self._poll_says():
            self._accept()

    def close(self) -> None:
        """Listen no more, and end the connection that there is."""
        self._close("the program ends")

    def _listen(self):
        opened = socket.socket()
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # type: ignore  # stubs
            opened.bind(socket.getaddrinfo("0.0.0.0", self._port)[0][-1])
            opened.listen(1)
            opened.setblocking(False)
        except OSError as error:
            opened.close()
            self._retry.failed()
            self._tell("down", "port %d: %s" % (self._port, in_words(error)))
            return
        self._retry.succeeded()
        self._listener = opened
        self._poll.register(opened, select.POLLIN)
        self._tell("listening", "")

    def _poll_says(self):
        for _ in self._poll.ipoll(0):  # bound: the first turn returns
            return True
        return False

    def _accept(self):
        try:
            connection, _ = self._listener.accept()  # type: ignore  # there is one
        except OSError:  # it has left already
            return
        connection.setblocking(False)
        if hasattr(socket, "TCP_NODELAY"):  # a host waits for what would wait for more to send
            connection.setsockopt(_IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore  # stubs
        self._newcomer = Handshake(connection, self._key, self._ticks)

    def _greet(self, newcomer):
        try:
            newcomer.advance()
            if newcomer.proven:
                self._admit(newcomer)
        except Exception as error:  # whatever it is, this connection is no more
            newcomer.failure = "lost: %s" % in_words(error)
        if newcomer.failure:
            self._refuse(newcomer)

    def _admit(self, newcomer):
        if self._client is not None:
            newcomer.end(IN_USE)
            newcomer.connection.close()
            self._newcomer = None
            self._tell("refused", "in use")
            return
        newcomer.end(YOURS)
        if newcomer.failure:
            return
        self._messages.begin(newcomer.connection, *newcomer.keys())
        self._newcomer = None
        self._tell("up", "")  # before it has the line: so this stands on the console
        self._client = self._messages

    def _refuse(self, newcomer):
        self._newcomer = None
        newcomer.connection.close()
        self._trust.try_acquire()
        if self._failures != _SMALL_MAX:
            self._failures += 1
        self._tell("refused", "%s; refused so far: %d" % (newcomer.failure, self._failures))

    def _lose(self, reason):
        client, self._client = self._client, None
        if client is not None:
            client.close()
            self._tell("down", reason)

    def _close(self, reason):
        self._lose(reason)
        if self._newcomer is not None:
            self._newcomer.connection.close()
            self._newcomer = None
        if self._listener is not None:
            self._poll.unregister(self._listener)
            self._listener.close()
            self._listener = None
