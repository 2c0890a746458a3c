# SPDX-License-Identifier: MIT
"""Records to a web server: POST of JSON lines, HTTP/1.1 (RFC 9110, RFC 9112)."""

import time
from random import getrandbits

from micropython import const

from sluice.flow.pipeline import HELD, REFUSED
from sluice.net.answer import GOES_ON, WHOLE, WRONG, Answer
from sluice.net.batch import Batch
from sluice.net.sink import CLOSED, SILENT, NetSink

_RESENDS = const(1)  # connections that may break without an answer before the records are lost
_ANSWER_MS = const(20000)  # a server that owes an answer for longer is gone
_IDLE_MS = const(30000)  # a connection that was not used for longer may be gone unnoticed

_SMALL_MAX = const((1 << 30) - 1)

_TIMED_OUT = const(408)
_TOO_MANY = const(429)
_UNAVAILABLE = const(503)

# Further states of the connection.
_IDLE = const(2)  # there, and nothing is due
_ASKED = const(3)  # a request goes out, and its answer is due
_MET = const(4)  # its status is known, and its content is passed over

# Faults of its own.
_GARBAGE = const(0)
_ENDED = const(1)  # nothing was due any more

_FAULTS = ("an answer that is no HTTP/1.1, or too long", "an answer to no request")


class HttpSink(NetSink):
    """Sends records to a server, several in a request, and holds them until it has answered.

    dial:      a function that returns a connected socket that does not block (see Dialer.dial),
               None to be called again, or raises what keeps it from that.
    head:      of each request, see sluice.net.batch.request.
    size:      bytes of the longest record, and of the views that `write` is given.
    tell:      a function of (state, reason): "up" when the server has taken records, "down" with
               each new reason for which it does not, "busy" when it puts them off.
    stats:     the pipeline's Stats.
    gather_ms: for how long a record may wait for others to go with, while no answer is due.
    ticks:     a clock in ms.
    number:    a function that says the number of the record that is written, 0 to 2^30 - 1. None:
               they are counted here.

    While an answer is due the records that come are gathered for the next request, 3 KB of lines,
    see Batch. What an answer means for all records of its request:

    - 2xx: they are taken.
    - 429 and 503: the server has put them off. They are sent again after its `Retry-After`, in
      seconds up to an hour, or else a Backoff; `room` is 0 until then. That is no attempt of the
      pipeline's, however often: a server that asks to wait is well, and records that would be given
      up for it were lost for nothing. But each counts in `stats` as an attempt that failed, so that
      a RateTuner lowers the rate.
    - another 5xx: they are lost (`done` says -1): a failed attempt of the oldest.
    - whatever else: the server will never take them (`done` says so), and they are given up.

    After both of the last `room` is 0 for a Backoff.

    A connection that breaks, 408, and no answer within 20 s: the same request goes out again in the
    next connection, at no tokens and no attempts. If that has no answer either, they are lost. Each
    record that had no answer in time counts in `stats` as an attempt that failed. A connection that
    cannot be made loses nothing.

    **A record may come twice**: its number tells. Without `number` they count records from a random
    start, modulo 2^30; what was lost and is written again has new ones then. A request has at most
    96 records.

    On 32 bits it takes 7 KB of heap, its code 17 KB, and the pipeline's for sinks that hold 4.3 KB.
    Its hot methods allocate nothing of their own, as those of MqttSink.

    Ownership: the main loop alone.
    """

    def __init__(self, dial, head, size, tell, stats, gather_ms, ticks=time.ticks_ms, number=None):
        NetSink.__init__(self, dial, tell, ticks, "server", _ANSWER_MS, 64)
        self._stats = stats
        self._gather_ms = gather_ms
        self._busy_told = False
        self._news = 0  # the status of an answer that `tend` is to tell
        self._due = False  # as it broke an answer was due, or the first request
        self._reused = False  # the connection has brought an answer, and what is next uses it again
        self._asked_from = 0  # tick of the request, or of the end of its answer
        self._fruitless = 0  # connections in a row that broke without an answer to the batch
        self._answer = Answer()
        self._batch = Batch(head, size)  # that is sent, or is to be; empty: none
        self._at = 0  # so many bytes of it went out
        self._gathered = Batch(head, size)
        self._gathered_from = 0
        self._ask_number = number
        self._number = getrandbits(30)  # of the next record
        self._verdict = 0  # what `done` is to say

    def room(self) -> int:
        """How many records it can take now; 0 while the server is not to be asked. Hot."""
        if self._verdict or not self._retry.due():
            return 0
        return self._gathered.room()

    def write(self, record, n: int) -> int:
        """HELD: it is on its way; REFUSED: there was no room. Hot."""
        if self.room() == 0:
            return REFUSED
        if self._gathered.count == 0:
            self._gathered_from = self._ticks()
        ask = self._ask_number
        self._gathered.add(self._number if ask is None else ask(), record, n)
        self._number = self._number + 1 & _SMALL_MAX
        if self._is_made():
            self._try_send()
        return HELD

    def done(self) -> int:
        """What an answer says of the oldest held since, see Pipeline. Hot."""
        if self._is_made():
            self._try_hear()
        n = self._verdict
        self._verdict = 0
        if n == -1:
            self._gathered.clear()
        if self._is_made():
            self._try_send()
        return n

    # The connection

    def _wants(self):
        self._form()
        return self._batch.count > 0

    def _opened(self):
        self._state = _IDLE
        self._reused = False
        self._at = 0

    def _judge(self):
        """Give up a connection that does not answer, or that was not used for long."""
        state = self._state
        passed = time.ticks_diff(self._ticks(), self._asked_from)
        if 0 <= passed < (_IDLE_MS if state == _IDLE else _ANSWER_MS):
            return
        if state == _ASKED:
            self._count_missed()
            self._break(SILENT)
        else:
            self._break(_ENDED)

    def _break(self, fault):
        self._due = self._state == _ASKED or not self._reused
        NetSink._break(self, fault)

    def _fails(self):
        if not self._due or self._is_stale():
            return False
        if self._at:
            self._fruitless += 1
            if self._fruitless > _RESENDS:
                self._lose()
        return True

    def _is_stale(self):
        """Whether the server closed a connection that it was done with, as a request came (9.5)."""
        return self._reused and self._fault != SILENT and not self._answer.begun

    def _named(self, fault):
        return _FAULTS[fault]

    def _tell_down(self, reason):
        self._busy_told = False
        NetSink._tell_down(self, reason)

    def _report(self):
        status, self._news = self._news, 0
        if status in (_TOO_MANY, _UNAVAILABLE):
            if not self._busy_told:
                self._busy_told = True
                self._tell("busy", "answered %d" % status)
        elif status >= 300:
            self._tell_down("answered %d" % status)
        elif status:
            self._tell_up()

    # Sending

    def _form(self):
        """Make what is gathered the batch that is sent next, if it is time for it."""
        gathered = self._gathered
        if self._batch.count or self._verdict or gathered.count == 0:
            return
        if gathered.room():
            waited = time.ticks_diff(self._ticks(), self._gathered_from)
            if 0 <= waited < self._gather_ms:
                return
        gathered.close()
        self._gathered = self._batch
        self._batch = gathered

    def _is_made(self):
        """Whether the connection is beyond its TLS, of whose faults only `tend` can tell."""
        return self._reused or self._at > 0

    def _send(self):
        """Send what waits, as far as the socket takes it."""
        self._form()
        if self._state == _IDLE and self._batch.count and self._retry.due():
            self._state = _ASKED
            self._at = 0
            self._answer.begin()
            self._asked_from = self._ticks()
        if self._state == _ASKED:
            self._flush()

    def _flush(self):
        left = self._batch.end - self._at
        if left:
            n = self._socket.write(self._batch.data, self._at, left)  # type: ignore  # there is one
            self._at += n or 0

    # Receiving

    def _take(self, byte):
        if self._state == _IDLE:  # nothing is due
            self._break(_ENDED)
            return
        said = self._answer.take(byte)
        if said == WRONG:
            self._break(_GARBAGE)
        elif said != GOES_ON:
            self._meet(said)

    def _meet(self, said):
        answer = self._answer
        if self._state == _ASKED:
            if answer.status == _TIMED_OUT:  # of the connection, not of the request
                answer.begin()
                self._break(CLOSED)
                return
            if self._at != self._batch.end:  # it did not want to read the rest
                answer.closes = True
            self._state = _MET
            self._reused = True
            self._settle(answer.status)
        if said == WHOLE:
            self._state = _IDLE
            self._asked_from = self._ticks()
            if answer.closes:
                self._break(_ENDED)

    def _settle(self, status):
        """The records of the batch have their answer."""
        self._news = status
        self._fruitless = 0
        n = self._batch.count
        if status < 300:
            self._retry.succeeded()
            self._verdict = n
            self._batch.clear()
        elif status in (_TOO_MANY, _UNAVAILABLE):
            self._put_off(self._answer.retry_s)
        elif status >= 500:
            self._retry.failed()
            self._lose()
        else:
            self._retry.failed()
            self._verdict = -1 - n
            self._batch.clear()

    def _put_off(self, seconds):
        self._count_missed()
        if seconds:
            self._retry.wait(1000 * seconds)
        else:
            self._retry.failed()

    def _lose(self):
        self._fruitless = 0
        self._verdict = -1
        self._batch.clear()

    def _count_missed(self):
        stats = self._stats
        for _ in range(self._batch.count):
            stats.attempt(False, 0)
