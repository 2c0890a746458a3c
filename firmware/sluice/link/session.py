# SPDX-License-Identifier: MIT
"""Records from a host, with credit and acknowledgement: the board's end.

docs/link.md describes the protocol byte by byte.
"""

import time
from array import array

from micropython import const

from sluice.kernels import kernel
from sluice.link.frames import put

VERSION = const(0x23)

HELLO = const(0x81)
RECORDS = const(0x82)
TAKEN = const(0x84)
PING = const(0x87)
WELCOME = const(0x91)
ACK = const(0x92)
DELIVERED = const(0x93)
PONG = const(0x97)
ENDED = const(0x99)

MAX_RECORD = const(241)  # bytes; a frame DELIVERED holds no more

_SEQ_MASK = const(0xFFFFFF)
_SEQ_HALF = const(0x800000)
_SMALL_MAX = const((1 << 30) - 1)
_LONGEST_RTT_S = const(60)
_MOST_TICKS = const((1 << 29) - 1)
_SINK_TOOK = const(1)  # TAKEN of sluice.flow.pipeline
_OTHER_ENDS = const(3)  # GIVEN_UP, SHED and OVERWRITTEN of it: 2, 4 and 8
_RECORDS_AT = const(5)  # of the records in a RECORDS
_DELIVERIES_AT = const(10)  # of those in a DELIVERED in its buffer, whose content is from byte 2 on
_DELIVERIES_END = const(253)  # they end there at the latest
_LATER_MAX = const(255)  # ticks between two grants in one frame

_ticks_diff = time.ticks_diff


def _copy(source, start: int, target, at: int, n: int) -> None:
    """Copy source[start:start + n] into target[at:at + n]."""
    while n:
        n -= 1
        target[at + n] = source[start + n]


class Session:
    """Receives records from a host into a ring, and acknowledges those that the sink took.

    frames: a Frames.
    ring:   the RecordRing for the host's records, of which the link is the only
            producer; None: the host is told that records are not taken.
    ticks, per_second: the clock, and its ticks in a second.
    window: how many deliveries are kept until the host has confirmed them, so
            that it can ask for them again; their slots are made here. 0: the
            sink is another one, and what `deliver` sends is sent once.
    others: None, or a function of (end) for the frames that are not the link's: the
            content is frames.received[1:end]. It returns whether it knows
            the frame; what it allocates is its own affair.

    The host may have as many unacknowledged records under way as the last
    acknowledgement said, so there is a slot for each of them: it is taken also
    when the ring's limit was lowered meanwhile, and replaces none.

    Read only, each stops at 2^30 - 1:
      strays      records after a gap; the host sends again from the expected one
      duplicates  records that had been taken before
      refused     records that were too long or had no room: the host broke the rules
      repeated    deliveries, and runs of records without one, that were sent again
      unknown     frames of no known type
      malformed   frames of a known type with a wrong length
      versions    hellos of another version of the protocol

    Ownership: the main loop alone.
    """

    def __init__(self, frames, ring, ticks=time.ticks_ms, per_second=1000, window=0, others=None):
        self._frames = frames
        self._received, self._out = frames.received, frames.sent
        self._ring = ring
        self._ticks = ticks
        self._per_second = per_second
        self._longest_rtt = min(per_second * _LONGEST_RTT_S, _MOST_TICKS)
        self._others = others
        self._hello = 0  # the number of the newest hello
        self._session = 0
        self._expected = 0  # the next sequence number to take
        self._processed = 0  # the sequence number after the last that the sink took
        # How many of those before it the sink did not take, by how they ended, modulo 2^24, in the
        # order of _OTHER_ENDS. With a window frames ENDED tell it, and these stay.
        self._not_taken = array("i", [0] * _OTHER_ENDS)
        self._waiting = 0  # records that were put into the ring and have not ended
        self._foreign = 0  # those of them from before this session
        self._asked_again = False  # the host was told to go back to the expected record
        self._last_stray = 0
        self._unacked = 0  # records that left the ring since the last acknowledgement
        self._unacked_from = 0
        self._probe = -1  # the record that only the newest credit allows; -1: none
        self._probe_from = 0
        self._rtt = 0
        self._window = window
        # What was delivered and is not confirmed: in each slot a record, and the tick of its grant.
        size = self._size = 0 if ring is None else ring.size
        self._memory = bytearray(window * size)
        self._kept_len = bytearray(window)
        self._kept_ticks = array("i", [0] * window)
        self._oldest = 0  # the slot of the oldest delivery that is not confirmed
        self._unconfirmed = 0  # deliveries
        self._sent = 0  # of these, the oldest so many, which were sent
        self._filled = 0  # deliveries in the frame that was written last
        # Records that ended without a delivery, not confirmed either: before each delivery, in
        # the slots of those, and after the newest one. Runs need no slot of their own.
        self._runs = array("i", [0] * window)
        self._run_how = bytearray(window)
        self._run = 0
        self._how = 0
        self._told = 0  # of the run after the newest delivery
        self._done = 0  # records in all these, from `_processed` on
        self._repeat_at = 0  # what to send again next: twice a delivery's place, from the
        # oldest on, is the run before it, and one more is itself
        self._repeat_from = 0  # the records before that
        self._repeats = 0  # the records to send again
        self.strays = 0
        self.duplicates = 0
        self.refused = 0
        self.repeated = 0
        self.unknown = 0
        self.malformed = 0
        self.versions = 0

    def poll(self) -> bool:
        """Receive what the host sends, up to one frame; False when there is nothing to do. Hot.

        Sends one delivery again, if the host has asked for some.

        Raises KeyboardInterrupt for Ctrl-C; see Frames.
        """
        repeats = self._repeats > 0
        if repeats:
            self._repeat()
        end = self._frames.receive()
        if end <= 0:
            return repeats or end < 0
        kind = self._received[1]
        if kind == RECORDS:
            self._receive_records(end)
        elif kind == HELLO:
            self._receive_hello(end)
        elif kind == TAKEN:
            self._receive_taken(end)
        elif kind == PING:
            self._receive_ping(end)
        elif (self._others is None or not self._others(end)) and self.unknown != _SMALL_MAX:
            self.unknown += 1
        return True

    def ended(self, how: int, n: int) -> None:
        """Count n records that ended, in the ring's order, each once and when it happens. Hot.

        how: as of Pipeline. They are acknowledged soon, and those that the sink did
        not take are counted in the acknowledgement. With a window those of the
        session are acknowledged when the host has confirmed how they ended: the
        delivery if the sink took it (then n is 1, and `deliver` had it just
        before), and a run of the others, which needs no place in the window.
        """
        if self._ring is None:
            return
        self._waiting -= n
        if self._foreign:
            n = self._end_foreign(n)
        if n == 0:
            return
        if self._window == 0:
            if how != _SINK_TOOK:
                at = how >> 2
                self._not_taken[at] = self._not_taken[at] + n & _SEQ_MASK
            self._leave(n, n)
            return
        self._done += n
        if how == _SINK_TOOK:
            self._keep()
        else:
            self._run += n
            self._how |= how

    def _end_foreign(self, n):
        """Count them as those of the sessions before; how many are left."""
        foreign = self._foreign if self._foreign < n else n
        self._foreign -= foreign
        self._leave(foreign, 0)
        return n - foreign

    def acknowledge(self, every: int, within: int) -> bool:
        """Send what was delivered, a frame of it, and the acknowledgement, if due. Hot.

        Say also which records ended without a delivery. True: there is more to send.

        Due are `every` records, or any that waited for `within` ticks. To be
        called at the end of each turn of the loop.
        """
        if self._sent != self._unconfirmed:
            self._send_next()
        more = self._sent != self._unconfirmed
        if self._run != self._told and not more:
            self._tell_run()
        if self._probe >= 0:
            self._forget_old_probe()
        if self._unacked and (
            self._unacked >= every
            or not 0 <= _ticks_diff(self._ticks(), self._unacked_from) < within
        ):
            self._send_ack()
        return more

    def room(self) -> int:
        """How many records `deliver` can take now; 2^30 - 1 without a window. Hot.

        Records of an earlier session need no place in the window.
        """
        window = self._window
        return self._foreign + window - self._unconfirmed if window else _SMALL_MAX

    def deliver(self, record, n: int, granted: int) -> bool:
        """Send the host the ring's oldest record, granted at that tick. Hot.

        False: the window is full, or the record longer than the ring's; or there
        is no window, and the line did not take all of it. With a window it is
        sent by the next `acknowledge`, with those that come until then, and
        again until the host has it; it is one of the session's deliveries when
        `ended` says that the sink took it.
        """
        if self._foreign or self._window == 0:
            return self._send_alone(record, n, granted)
        if self._unconfirmed == self._window or not 1 <= n <= self._size:
            return False
        if self._run != self._told:
            self._send_deliveries()  # they are before the run
            self._tell_run()
        slot = self._slot(self._unconfirmed)
        self._kept_len[slot] = n
        self._kept_ticks[slot] = granted
        _copy(record, 0, self._memory, slot * self._size, n)
        return True

    def _send_alone(self, record, n, granted):
        out = self._out
        self._put_head(-self._foreign, granted)
        out[_DELIVERIES_AT] = 0
        out[_DELIVERIES_AT + 1] = n
        _copy(record, 0, out, _DELIVERIES_AT + 2, n)
        return self._frames.send(_DELIVERIES_AT + 2 + n)

    def _send_deliveries(self):
        while self._sent != self._unconfirmed:  # bound: a turn sends one or more
            self._send_next()

    def _send_next(self):
        """Send the next frame of deliveries."""
        # No run is between those that were not sent: before a run is told they are.
        unsent = self._unconfirmed - self._sent
        self._send_from(self._sent, self._done - self._run - unsent, unsent)
        self._sent += self._filled

    def _send_from(self, place, ahead, most):
        """Send the deliveries from that place on, as many as a frame holds, and `most` at most.

        ahead: the records from `_processed` on that are before them.
        """
        self._put_head(ahead, self._kept_ticks[self._slot(place)])
        self._frames.send(self._fill(place, most))

    def _fill(self, place, most):
        """Write deliveries behind the head of a frame; where they end."""
        end = self._add(place, _DELIVERIES_AT, 0)
        filled = 1
        while filled < most:
            later = self._later(place + filled, end)
            if later < 0:
                break
            end = self._add(place + filled, end, later)
            filled += 1
        self._filled = filled
        return end

    def _later(self, place, end):
        """Ticks from the grant before to that of this delivery; -1: the frame cannot hold it."""
        slot = self._slot(place)
        if self._runs[slot] or end + 2 + self._kept_len[slot] > _DELIVERIES_END:
            return -1
        before = self._slot(place - 1)
        later = _ticks_diff(self._kept_ticks[slot], self._kept_ticks[before])
        return later if later <= _LATER_MAX else -1

    def _add(self, place, end, later):
        """Write a delivery to that end of the frame; the new end."""
        place = self._slot(place)
        n = self._kept_len[place]
        self._out[end] = later
        self._out[end + 1] = n
        _copy(self._memory, place * self._size, self._out, end + 2, n)
        return end + 2 + n

    def _keep(self):
        """What was delivered last is to be confirmed, and so is the run before it."""
        slot = self._slot(self._unconfirmed)
        self._unconfirmed += 1
        self._runs[slot] = self._run
        self._run_how[slot] = self._how
        self._run = self._how = self._told = 0

    def _tell_run(self):
        self._told = self._run
        self._send_run(self._done - self._run, self._run, self._how)

    def _send_run(self, ahead, n, how):
        out = self._out
        out[2] = ENDED
        put(out, 3, self._processed + ahead & _SEQ_MASK, 3)
        put(out, 6, n & _SEQ_MASK, 3)
        out[9] = how
        self._frames.send(10)

    def _receive_hello(self, end):
        received = self._received
        if end < 3 or received[2] != VERSION:
            if self.versions != _SMALL_MAX:
                self.versions += 1
            self._refuse_version()
            return
        session = self._seq_at(4)
        if (end != 13 and end != 22) or session == 0:
            self._count_malformed()
            return
        self._hello = received[3]
        if session != self._session:
            self._begin(session, end == 22)
        else:
            self._confirm(self._seq_at(10))
            self._ask_repeats(self._done)
        self._probe = -1
        self._asked_again = False
        self._send_welcome()
        self._send_ack()

    def _begin(self, session, counted):
        # The host says how many it knows of: those from before a reset are among them.
        for i in range(_OTHER_ENDS):
            self._not_taken[i] = self._seq_at(13 + 3 * i) if counted else 0
        self._session = session
        self._expected = self._processed = self._seq_at(7)
        self._foreign = self._waiting
        self._unacked = 0
        self._unconfirmed = self._sent = self._done = 0
        self._run = self._how = self._told = 0
        self._ask_repeats(0)

    def _receive_records(self, end):
        if end <= _RECORDS_AT:
            self._count_malformed()
            return
        seq = self._seq_at(2)
        ahead = seq - self._expected & _SEQ_MASK
        if self._session == 0 or 0 < ahead < _SEQ_HALF:
            self._receive_stray(seq)
            return
        at = self._pass_duplicates(_RECORDS_AT, end, self._expected - seq & _SEQ_MASK)
        if at < end:
            at = self._take_all(at, end)
        if at < end:
            self._refuse_rest(at, end)

    def _pass_duplicates(self, at, end, n):
        """The place behind the first n records; the end or more: there is none."""
        received = self._received
        while n and at < end:
            n -= 1
            at += 1 + received[at]
            if self.duplicates != _SMALL_MAX:
                self.duplicates += 1
        return at

    def _take_all(self, at, end):
        """As `_store_all`; what is stored is not expected any more."""
        stored = self._waiting
        at = self._store_all(at, end)
        stored = self._waiting - stored
        if stored:
            self._asked_again = False
            first = self._expected
            self._expected = first + stored & _SEQ_MASK
            if self._probe >= 0 and self._probe - first & _SEQ_MASK < stored:
                self._end_probe()
        return at

    def _refuse_rest(self, at, end):
        n = self._received[at]
        if n == 0 or at + n >= end:
            self._count_malformed()
            return
        if self.refused != _SMALL_MAX:
            self.refused += 1
        self._ask_again()

    def _receive_stray(self, seq):
        if self.strays != _SMALL_MAX:
            self.strays += 1
        # Not after the last one: the host has gone back, and what it was asked
        # for was lost once more.
        if self._last_stray - seq & _SEQ_MASK < _SEQ_HALF:
            self._asked_again = False
        self._last_stray = seq
        self._ask_again()

    def _store_all(self, at, end):
        """Put the frame's records from there on into the ring; where the first refused begins."""
        received = self._received
        while at < end:  # bound: a turn takes a record of the frame
            n = received[at]
            if at + n >= end or not self._store(at + 1, n):
                break
            at += 1 + n
        return at

    def _store(self, at, n):
        ring = self._ring
        if ring is None or n == 0 or n > ring.size or len(ring) == ring.capacity:
            return False
        slot = self._claim(ring)
        received = self._received
        left = n
        while left:
            left -= 1
            slot[left] = received[at + left]
        self._waiting += 1
        return ring.publish(n)

    def _claim(self, ring):
        # Credit was given for the record, perhaps before the limit was lowered, and nothing that
        # waits may be replaced: whatever the limit is, a slot that is free takes it.
        limit = ring.limit
        ring.limit = ring.capacity
        slot = ring.claim()
        ring.limit = limit
        return slot

    def _end_probe(self):
        rtt = _ticks_diff(self._ticks(), self._probe_from)
        self._probe = -1
        self._rtt = rtt if 0 <= rtt <= self._longest_rtt else 0

    def _forget_old_probe(self):
        if not 0 <= _ticks_diff(self._ticks(), self._probe_from) <= self._longest_rtt:
            self._probe = -1

    def _ask_again(self):
        # Once for each gap: all that was under way comes as strays behind the
        # first. When the answer is lost too, the host's timer says hello.
        self._probe = -1
        if not self._asked_again:
            self._asked_again = True
            self._send_welcome()

    def _receive_taken(self, end):
        if end != 9:
            self._count_malformed()
        elif self._session and self._seq_at(2) == self._session:
            seq = self._seq_at(5)
            missing = self._received[8]
            self._confirm(seq)
            if missing and seq == self._processed:
                self._ask_repeats(missing)

    def _receive_ping(self, end):
        if end != 3:
            self._count_malformed()
            return
        out = self._out
        out[2] = PONG
        out[3] = self._received[2]
        put(out, 4, self._session, 3)
        self._frames.send(7)

    def _confirm(self, seq):
        """The host knows how all records before seq ended."""
        n = seq - self._processed & _SEQ_MASK
        if n >= _SEQ_HALF:
            return  # said before
        if n > self._done:
            n = self._done  # it knew of the others before a reset
        if n == 0:
            return
        self._done -= n
        self._leave(n, n)
        self._forget(n)
        ahead = self._repeat_from - n
        if ahead < 0:  # these need not be repeated any more
            repeats = self._repeats + ahead
            self._repeats = repeats if repeats > 0 else 0
            self._repeat_at = ahead = 0
        self._repeat_from = ahead

    def _forget(self, n):
        """Drop what is kept of the oldest n records; looks at the window at most."""
        while self._unconfirmed:  # bound: a turn forgets a delivery, or is the last
            oldest = self._oldest
            run = self._runs[oldest]
            if run >= n:
                self._runs[oldest] = run - n
                return
            n -= run + 1
            self._oldest = self._slot(1)
            self._unconfirmed -= 1
            if self._sent:
                self._sent -= 1
            self._repeat_at -= 2
        self._forget_run(n)

    def _forget_run(self, n):
        """Drop the first n records of the run after the newest delivery."""
        self._run -= n
        if self._run == 0:
            self._how = 0
        told = self._told - n
        self._told = told if told > 0 else 0

    def _ask_repeats(self, n):
        self._repeat_at = self._repeat_from = 0
        self._repeats = n if n < self._done else self._done

    def _repeat(self):
        """Send the next that is asked for again: a run, or a delivery."""
        place = self._repeat_at >> 1
        last = place >= self._unconfirmed
        n = 0
        if self._repeat_at & 1 == 0:
            n = self._run if last else self._runs[self._slot(place)]
        if n:
            how = self._how if last else self._run_how[self._slot(place)]
            self._send_run(self._repeat_from, n, how)
            self._repeat_at += 1
        elif last:
            self._repeats = 0
            return
        else:
            most = min(self._repeats, self._unconfirmed - place)
            self._send_from(place, self._repeat_from, most)
            n = self._filled
            self._repeat_at = 2 * (place + n)
        self._repeat_from += n
        self._repeats -= n
        self.repeated = self.repeated + n if self.repeated < _SMALL_MAX - n else _SMALL_MAX

    def _slot(self, ahead):
        return (self._oldest + ahead) % self._window

    def _leave(self, n, processed):
        """n records have left the ring for good, `processed` of them of this session."""
        if self._unacked == 0:
            self._unacked_from = self._ticks()
        self._unacked += n
        self._processed = self._processed + processed & _SEQ_MASK

    def _count_malformed(self):
        if self.malformed != _SMALL_MAX:
            self.malformed += 1

    def _refuse_version(self):
        out = self._out
        out[2] = WELCOME
        out[3] = VERSION
        self._frames.send(4)

    def _send_welcome(self):
        ring = self._ring
        out = self._out
        out[2] = WELCOME
        out[3] = VERSION
        out[4] = self._hello
        put(out, 5, self._session, 3)
        put(out, 8, self._expected, 3)
        out[11] = 0 if ring is None else ring.size
        put(out, 12, self._per_second, 3)
        self._frames.send(15)

    def _send_ack(self):
        capacity = self._capacity()
        if self._expected == self._processed:
            # The host has nothing under way: how long it will have nothing to send is no round
            # trip, nor is what was measured before it fell silent.
            self._probe = -1
            self._rtt = 0
        elif self._probe < 0 and capacity:
            self._probe = self._processed + capacity - 1 & _SEQ_MASK
            self._probe_from = self._ticks()
        self._unacked = 0
        self._out[2] = ACK
        end = self._put_field(3, 0x08, self._processed)
        end = self._put_field(end, 0x10, capacity)
        end = self._put_field(end, 0x18, self._rtt_ms())
        for i in range(_OTHER_ENDS):
            end = self._put_field(end, 0x20 + 8 * i, self._not_taken[i])
        end = self._put_field(end, 0x38, self._session)
        self._frames.send(end)

    def _capacity(self):
        ring = self._ring
        if ring is None:
            return 0
        capacity = ring.limit - self._foreign
        return capacity if capacity > 0 else 0

    def _rtt_ms(self):
        second = self._per_second
        return self._rtt // second * 1000 + self._rtt % second * 1000 // second

    def _put_field(self, at, tag, value):
        """A protobuf varint field, left out when 0, as proto3 has it; returns its end."""
        if value == 0:
            return at
        out = self._out
        out[at] = tag
        at += 1
        while value > 127:  # bound: a value has five groups of 7 bits at most
            out[at] = value & 127 | 128
            value >>= 7
            at += 1
        out[at] = value
        return at + 1

    def _put_head(self, ahead, granted):
        out = self._out
        out[2] = DELIVERED
        put(out, 3, self._processed + ahead & _SEQ_MASK, 3)
        put(out, 6, granted, 4)

    def _seq_at(self, at):
        received = self._received
        return received[at] | received[at + 1] << 8 | received[at + 2] << 16


Session = kernel("link.session", "Session", Session)
