# SPDX-License-Identifier: MIT
"""What the sinks to a server have in common: one connection, made again whenever it is lost."""

from micropython import const

from sluice.net.backoff import Backoff
from sluice.net.errors import in_words

# States of the connection; a sink has further ones.
AWAY = const(0)
BROKEN = const(1)  # by _fault, which `tend` is to tell

# Faults that are no exception; a sink has others, from 0 on.
CLOSED = const(-1)
SILENT = const(-2)
CUT = const(-3)


class NetSink:
    """A sink with a connection to a server: dialled, used, closed, and told of.

    dial:      a function that returns a connected socket that does not block (see Dialer.dial),
               None to be called again, or raises what keeps it from that.
    tell:      a function of (state, reason).
    ticks:     a clock in ms.
    peer:      the server, in a word.
    answer_ms: for so long it may owe an answer.
    size:      bytes that are read at once.

    Ownership: the main loop alone.
    """

    def __init__(self, dial, tell, ticks, peer, answer_ms, size):
        self._dial = dial
        self._tell = tell
        self._ticks = ticks
        self._peer = peer
        self._answer_ms = answer_ms
        self._in = bytearray(size)
        self._retry = Backoff(ticks)
        self._state = AWAY
        self._socket = None
        self._fault = CLOSED
        self._told = None  # why it is down; empty: it is up

    def tend(self) -> bool:
        """Do what the connection needs; to be called every few ms, also while nothing is sent.

        True: it called `dial`, and took as long as that. Only that allocates, and what is told.
        """
        if self._state == AWAY:
            return self._wants() and self._reach()
        try:
            self._hear()
            self._send()
        except Exception as error:  # whatever it is, the connection is no more
            self._break(error)
        self._report()
        if self._state != BROKEN:
            self._judge()
        if self._state == BROKEN:
            self._close()
        return False

    def _reach(self):
        if not self._retry.due():
            return False
        try:
            opened = self._dial()
        except Exception as error:  # whatever it is, it is told, and tried again
            self._down("not reached: %s" % in_words(error))
            return True
        if opened is not None:
            self._socket = opened
            self._opened()
        return True

    def _break(self, fault):
        self._fault = fault
        self._state = BROKEN

    def _close(self):
        self._state = AWAY
        try:
            self._socket.close()  # type: ignore  # there is one
        except OSError:  # it is gone either way
            pass
        self._socket = None
        if self._fails():
            self._down(self._why())

    def _down(self, reason):
        self._retry.failed()
        self._tell_down(reason)

    def _tell_down(self, reason):
        if reason != self._told:
            self._told = reason
            self._tell("down", reason)

    def _tell_up(self):
        if self._told != "":
            self._told = ""
            self._tell("up", "")

    def _why(self):
        """The fault in words."""
        fault = self._fault
        if fault == CLOSED:
            return "the %s closed the connection" % self._peer
        if fault == SILENT:
            return "no answer for %d s" % (self._answer_ms // 1000)
        if fault == CUT:
            return "the connection broke"
        return self._named(fault) if isinstance(fault, int) else "lost: %s" % in_words(fault)

    def _try_send(self):
        try:
            self._send()
        except Exception:  # whatever it is, the connection is no more
            self._break(CUT)

    def _try_hear(self):
        try:
            self._hear()
        except Exception:  # as in _try_send
            self._break(CUT)

    def _hear(self):
        n = 0 if self._state <= BROKEN else self._read()
        for i in range(n):
            if self._state != BROKEN:
                self._take(self._in[i])

    def _read(self):
        """How many bytes came."""
        n = self._socket.readinto(self._in)  # type: ignore  # there is one
        if n == 0:
            self._break(CLOSED)
        return n or 0

    # What a sink that derives from it has of its own

    def _wants(self) -> bool:
        """Whether a connection is to be made."""
        return True

    def _opened(self):
        """It is made."""

    def _take(self, byte):
        """This has come; hot methods call it, too."""

    def _send(self):
        """Send what waits, as far as the socket takes it; hot methods call it, too."""

    def _report(self):
        """Tell what has come."""

    def _judge(self):
        """Break a connection that does not answer."""

    def _fails(self) -> bool:
        """The connection is no more; whether that is a failure, to be told and waited for."""
        return True

    def _named(self, fault) -> str:
        """A fault of its own in words."""
        return str(fault)
