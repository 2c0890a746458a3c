# SPDX-License-Identifier: MIT
"""The bytes of a line in messages, each with its MAC: nobody on the way can add, change or repeat
any. docs/link.md describes them byte by byte.
"""

import time

from micropython import const

from sluice.net.hmac import same

LONGEST = const(1024)  # bytes in a message

_LENGTH = const(2)  # bytes of the length before them,
_MAC = const(16)  # and of the MAC behind them
_SILENT_MS = const(5000)
_LAST = const((1 << 30) - 1)  # number of a message
_BROKEN = "the connection broke"


class Messages:
    """A connection whose two ends have the keys: a line, as Frames takes it.

    ticks: a clock in ms.

    What is written is gathered, and goes out as one message at the next read, so that a turn of the
    loop costs one MAC, not one for each frame. An empty message asks whether this end is there; it
    is answered with one.

    Read only: `fault`, why the connection is no more; empty: it is not known to be gone. Faults are
    an end, a wrong MAC or length, 5 s without a message, and the last number.

    It allocates for each message, see Hmac. Its buffers, 3 KB, are made at start.
    Ownership: the main loop alone.
    """

    def __init__(self, ticks=time.ticks_ms):
        self._ticks = ticks
        self._in, self._gathering, self._out = [
            memoryview(bytearray(_LENGTH + LONGEST + _MAC)) for _ in range(3)
        ]
        self._connection = self._hears = self._says = None
        self.fault = ""

    def begin(self, connection, hears, says) -> None:
        """Begin with a new connection.

        connection: a socket that does not block.  hears, says: an Hmac for each direction.
        """
        self._connection, self._hears, self._says = connection, hears, says
        self._fill = 0  # bytes that came of the message to come
        self._at = self._end = 0  # of the last one, what was not read yet
        self._gathered = 0
        self._sent_to = self._send_to = 0  # of what is being sent
        self._asked = False
        self._received = self._sent = 0  # messages
        self._heard_at = self._ticks()
        self.fault = ""

    def readinto(self, buf) -> int:
        """Fill buf with what has come; returns how many bytes. Sends what was written."""
        if not self.fault:
            self._exchange()
        n = min(len(buf), self._end - self._at)
        if n:
            buf[:n] = self._in[self._at : self._at + n]
            self._at += n
        return n

    def write(self, buf, n: int) -> int:
        """Take buf[:n] to be sent; returns n, or 0 when there is no room for all of it."""
        if not self.fault and self._gathered + n > LONGEST:
            self._make_room()
        if self.fault or self._gathered + n > LONGEST:
            return 0
        at = _LENGTH + self._gathered
        self._gathering[at : at + n] = memoryview(buf)[:n]
        self._gathered += n
        return n

    def close(self) -> None:
        """End the connection."""
        self._end = self._at
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self):
        try:
            if self._at == self._end:
                self._receive()
            if not self.fault:
                self._send()
        except Exception:  # whatever it is, the connection is no more
            self.fault = _BROKEN  # its name would want a frame on the heap in each turn

    def _make_room(self):
        try:
            self._send()
        except Exception:  # as in _exchange
            self.fault = _BROKEN

    def _receive(self):
        if not self._read_to(_LENGTH):
            return
        n = self._in[0] | self._in[1] << 8
        if n > LONGEST:
            self.fault = "wrong length"
            return
        end = _LENGTH + n
        if not self._read_to(end + _MAC):
            return
        self._fill = 0
        code = self._code(self._hears, self._received, self._in[:end])
        if not same(code, self._in[end : end + _MAC]):
            self.fault = "wrong MAC"
            return
        self._received = self._counted(self._received)
        self._heard_at = self._ticks()
        self._at, self._end = _LENGTH, end
        if n == 0:
            self._at = self._end = 0
            self._asked = True

    def _read_to(self, end):
        """Whether so many bytes of the message are there."""
        fill = self._fill
        if fill < end:
            to = self._in[fill:end] if fill else self._in  # no slice while nothing comes
            n = self._connection.readinto(to, end - fill)  # type: ignore  # there is one
            if n is None:
                # After a stall of the loop what has come meanwhile is there: only a read that
                # finds nothing proves silence.
                if time.ticks_diff(self._ticks(), self._heard_at) >= _SILENT_MS:
                    self.fault = "silent for %d s" % (_SILENT_MS // 1000)
                return False
            if n == 0:
                self.fault = "it left"
            self._fill = fill = fill + n
        return fill >= end

    def _send(self):
        if not self._push() or not (self._gathered or self._asked):
            return
        n = self._gathered
        self._gathering[0], self._gathering[1] = n & 255, n >> 8
        end = _LENGTH + n
        code = self._code(self._says, self._sent, self._gathering[:end])
        self._gathering[end : end + _MAC] = code
        self._sent = self._counted(self._sent)
        self._gathering, self._out = self._out, self._gathering
        self._gathered = 0
        self._asked = False
        self._sent_to, self._send_to = 0, end + _MAC
        self._push()

    def _push(self):
        """Send on; whether all of the message is sent."""
        left = self._send_to - self._sent_to
        if left:
            n = self._connection.write(self._out, self._sent_to, left)  # type: ignore  # there is
            self._sent_to += n or 0
        return self._sent_to == self._send_to

    def _code(self, key, number, data):
        return key.code(number.to_bytes(4, "little"), data)[:_MAC]

    def _counted(self, number):
        if number == _LAST:
            self.fault = "the last number"
        return number + 1 if number < _LAST else number
