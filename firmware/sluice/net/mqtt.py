# SPDX-License-Identifier: MIT
"""Records to an MQTT broker: MQTT 3.1.1, QoS 1. The section numbers are the standard's (OASIS)."""

import time
from array import array
from random import getrandbits
from struct import pack

from micropython import const

from sluice.flow.pipeline import HELD, REFUSED
from sluice.net.sink import BROKEN, SILENT, NetSink

NUMBER = "{number}"  # in a topic: where the record's number stands
_DIGITS = const(8)

_WINDOW = const(8)  # records under way at most, a power of two
_RESENDS = const(1)  # connections that may acknowledge nothing before the records are lost
_ANSWER_MS = const(10000)  # a broker that owes an answer for longer is gone
_IDLE_MS = const(30000)  # with nothing sent for so long, ask whether it is there
_KEEPALIVE_S = const(60)  # the broker's own limit for that

_SMALL_MAX = const((1 << 30) - 1)

# The first bytes of the packets (2.2).
_CONNECT = const(0x10)
_CONNACK = const(0x20)
_PUBLISH = const(0x32)  # QoS 1
_PUBACK = const(0x40)
_PINGRESP = const(0xD0)
_PINGREQ = b"\xc0\0"

# Further states of the connection.
_GREETING = const(2)  # CONNECT goes out, CONNACK is due
_OPEN = const(3)

# A fault is the first two bytes of a packet that is not due, or from here on the code of a refusal.
_REFUSED = const(0x10000)

_REFUSALS = (  # 3.2.2.3
    "",
    "it speaks no MQTT 3.1.1",
    "it refuses the client's name",
    "it is unavailable",
    "wrong user or password",
    "not authorised",
)


def greeting(client, user=None, password=None) -> bytes:
    """The CONNECT packet of a clean session (3.1), for a client of this name.

    All are text of at most 65,535 bytes; a password needs a user.
    """
    flags, strings = 2, [client]
    if user is not None:
        flags |= 0x80
        strings.append(user)
    if password is not None:
        flags |= 0x40
        strings.append(password)
    content = b"\0\x04MQTT\x04" + pack(">BH", flags, _KEEPALIVE_S)
    for string in strings:
        data = string.encode()
        content += pack(">H", len(data)) + data
    return bytes([_CONNECT]) + _length(len(content)) + content


def _length(n):
    """A packet's remaining length (2.2.3)."""
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + _length(n >> 7)


class MqttSink(NetSink):
    """Publishes each record to a broker, and holds it until the broker has acknowledged it (QoS 1).

    dial:     a function that returns a connected socket that does not block (see Dialer.dial),
              None to be called again, or raises what keeps it from that.
    greeting: the CONNECT packet, see `greeting`.
    topic:    text; `{number}` in it becomes the record's number, in 8 hexadecimal digits.
    size:     bytes of the longest record, and of the views that `write` is given.
    tell:     a function of (state, reason), called when the connection is up or down, and with each
              new reason for which it stays down.
    ticks:    a clock in ms.
    number:   a function that says the number of the record that is written, 0 to 2^30 - 1; while
              records are held, one more each time. None: they are counted here.

    The payload is the record, byte for byte. **A record may come twice** (at least once is what QoS
    1 promises): its number tells. Without `number` they count records from a random start, modulo
    2^30, so a subscriber drops a number that it has seen among the last 8.

    Up to 8 records are under way. When the connection is lost, they are sent again in the next one,
    in their order, at no tokens and no attempts; `room` is 0 until then. Sessions are clean: the
    broker keeps nothing of one that ended, so these are new messages to it, and their DUP flag is
    0. If that connection, too, ends without any acknowledgement, perhaps because the broker wants
    none of them, they are lost (`done` says -1): a failed attempt of the oldest, and what is
    written again has new numbers, if they are counted here.

    On 32 bits it takes 0.6 KB of heap for records of 64 bytes, its code 12 KB, and the pipeline's
    for sinks that hold 4.3 KB. Its hot methods allocate nothing of their own. MicroPython's sockets
    make no objects to read and write; lwIP and mbedTLS take their buffers from memory of their own
    or, on an RP2040 with TLS, from the heap. A connection that breaks raises an exception, which is
    caught here and takes memory until the collector comes.

    Ownership: the main loop alone.
    """

    def __init__(self, dial, greeting, topic, size, tell, ticks=time.ticks_ms, number=None):
        NetSink.__init__(self, dial, tell, ticks, "broker", _ANSWER_MS, 4 * _WINDOW)
        self._greeting = greeting
        # The packet of a PUBLISH: its length takes 2 bytes, or 1, then it begins at the second.
        before, _, _ = topic.partition(NUMBER)
        data = topic.replace(NUMBER, "0" * _DIGITS).encode()
        self._packet = bytearray(b"\0\0\0" + pack(">H", len(data)) + data + bytes(2 + size))
        self._digits = 5 + len(before.encode()) if NUMBER in topic else 0
        self._fixed = 4 + len(data)  # bytes that a PUBLISH has after its length, besides the record
        # What is being sent: bytes from _at to _end of _out.
        self._out = self._packet
        self._at = self._end = 0
        # The records that are held, at their numbers modulo the window.
        self._records = [None] * _WINDOW
        self._sizes = array("H", [0] * _WINDOW)
        self._ask_number = number
        self._number = getrandbits(30)  # of the oldest
        self._held = 0
        self._next = 0  # of the held so many went out, the last perhaps in part
        self._acked = 0  # a bit each, the oldest's is the lowest
        self._fruitful = False  # the connection has acknowledged something
        self._fruitless = 0  # connections in a row that were sent records and acknowledged none
        self._lost = False
        # The packet that is being received.
        self._place = 0
        self._kind = 0
        self._high = 0
        self._pinged = False
        self._owed_from = 0  # tick of the last answer, or at which none was owed
        self._said_at = 0

    def room(self) -> int:
        """How many records it can take now; 0 while the broker is away, or takes no bytes. Hot."""
        if self._state != _OPEN or self._next != self._held or self._at != self._end:
            return 0
        return _WINDOW - self._held

    def write(self, record, n: int) -> int:
        """HELD: it is on its way; REFUSED: there was no room. Hot."""
        if self.room() == 0:
            return REFUSED
        if self._held == 0 and self._ask_number is not None:
            self._number = self._ask_number()
        at = self._number + self._held & _WINDOW - 1
        self._records[at] = record
        self._sizes[at] = n
        self._held += 1
        self._try_send()
        return HELD

    def done(self) -> int:
        """How many of the oldest held the broker has acknowledged since; -1: all are lost. Hot."""
        if self._state == _OPEN:
            self._try_hear()
        if self._lost:
            self._lost = False
            self._fruitless = 0
            self._leave(self._held)
            return -1
        n = 0
        # bound: the window
        while self._acked >> n & 1:
            n += 1
        self._leave(n)
        return n

    # The connection

    def _opened(self):
        self._state = _GREETING
        self._place = self._next = 0
        self._pinged = self._fruitful = False
        self._owed_from = self._ticks()
        self._begin(self._greeting, 0, len(self._greeting))

    def _report(self):
        if self._state == _OPEN:
            self._tell_up()

    def _judge(self):
        """Give up a connection that does not answer, and keep an idle one alive."""
        now = self._ticks()
        if not self._owes():
            self._owed_from = now
            if not 0 <= time.ticks_diff(now, self._said_at) < _IDLE_MS:
                self._pinged = True
                self._begin(_PINGREQ, 0, 2)
                self._try_send()
        elif not 0 <= time.ticks_diff(now, self._owed_from) < _ANSWER_MS:
            self._break(SILENT)

    def _owes(self):
        """Whether the broker has something to answer, or to take."""
        if self._state == _GREETING or self._pinged or self._at != self._end:
            return True
        return self._acked != (1 << self._next) - 1

    def _fails(self):
        if self._next and not self._fruitful:
            self._fruitless += 1
            self._lost = self._fruitless > _RESENDS
        self._next = 0
        return True

    def _named(self, fault):
        if fault < _REFUSED:
            return "a packet that is not due: type %d, length %d" % (fault >> 12, fault & 255)
        code = fault - _REFUSED
        return "refused: %s" % (_REFUSALS[code] if code < len(_REFUSALS) else "code %d" % code)

    def _answered(self):
        """The broker has answered something for which the connection is there."""
        self._owed_from = self._ticks()
        self._retry.succeeded()

    # Sending

    def _begin(self, out, at, end):
        self._out = out
        self._at = at
        self._end = end

    def _send(self):
        """Send what waits, as far as the socket takes it."""
        # bound: the window
        while self._flush() and self._state == _OPEN and self._next < self._held:
            if self._acked >> self._next & 1 == 0:
                self._publish(self._number + self._next)
            self._next += 1

    def _flush(self):
        """Whether nothing is left of what is being sent."""
        left = self._end - self._at
        if left == 0:
            return True
        if self._state == BROKEN:
            return False
        n = self._socket.write(self._out, self._at, left)  # type: ignore  # there is one
        if n:
            self._at += n
            self._said_at = self._ticks()
        return n == left

    def _publish(self, number):
        """Make the packet of a record that is held (3.3), and begin to send it."""
        slot = number & _WINDOW - 1
        n = self._sizes[slot]
        self._identify(number & _SMALL_MAX)
        _copy(self._packet, self._fixed + 3, self._records[slot], n)
        n += self._fixed
        self._begin(self._packet, self._head(n), 3 + n)

    def _head(self, rest):
        """Write the packet's type and its length; where it begins."""
        packet = self._packet
        at = 1
        if rest < 128:
            packet[2] = rest
        else:
            at = 0
            packet[1] = rest & 127 | 128
            packet[2] = rest >> 7
        packet[at] = _PUBLISH
        return at

    def _identify(self, number):
        identifier = _identifier(number)
        at = self._fixed + 1  # behind the topic
        self._packet[at] = identifier >> 8
        self._packet[at + 1] = identifier & 255
        if self._digits:
            self._spell(number)

    def _spell(self, number):
        at = self._digits + _DIGITS
        for _ in range(_DIGITS):
            at -= 1
            digit = number & 15
            self._packet[at] = digit + (48 if digit < 10 else 87)
            number >>= 4

    # Receiving

    def _take(self, byte):
        """Take a byte of a packet. To one that has subscribed to nothing a broker sends three."""
        place = self._place
        self._place = place + 1
        if place == 0:
            self._kind = byte
        elif place == 1:
            self._check(byte)
        elif place == 2:
            self._high = byte
        else:
            self._place = 0
            if self._kind == _PUBACK:
                self._acknowledge(self._high << 8 | byte)
            else:
                self._greeted(byte)

    def _check(self, length):
        kind = self._kind
        expected = 0 if kind == _PINGRESP else 2
        due = _CONNACK if self._state == _GREETING else _PUBACK
        if length != expected or kind != due and (kind != _PINGRESP or not self._pinged):
            self._break(kind << 8 | length)
        elif kind == _PINGRESP:
            self._place = 0
            self._pinged = False
            self._answered()

    def _greeted(self, code):
        if code:
            self._break(_REFUSED + code)
        else:
            self._state = _OPEN
            self._owed_from = self._ticks()

    def _acknowledge(self, identifier):
        for i in range(self._next):
            if _identifier(self._number + i) == identifier:
                self._acked |= 1 << i
                self._fruitful = True
                self._fruitless = 0
                self._answered()
        # One of a record that is not under way says nothing new.

    def _leave(self, n):
        """The n oldest held are held no more."""
        self._held -= n
        self._next = self._next - n if self._next > n else 0
        self._acked >>= n
        self._number = self._number + n & _SMALL_MAX


def _copy(packet, at, record, n):
    for i in range(n):
        packet[at + i] = record[i]


def _identifier(number):
    """A record's packet identifier (2.3.1), 1 to 32,768."""
    return (number & 0x7FFF) + 1
