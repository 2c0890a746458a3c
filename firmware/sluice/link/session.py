"""Records from a host, with credit and acknowledgement: the board's end.

docs/link.md describes the protocol byte by byte.
"""

import time
from array import array

from micropython import const

from sluice.link.frames import OVERHEAD, put, seal

VERSION = const(0x22)

HELLO = const(0x81)
RECORD = const(0x82)
TAKEN = const(0x84)
PING = const(0x87)
WELCOME = const(0x91)
ACK = const(0x92)
DELIVERED = const(0x93)
PONG = const(0x97)
ENDED = const(0x99)

MAX_RECORD = const(243)  # bytes; a frame DELIVERED holds no more

_SEQ_MASK = const(0xFFFFFF)
_SEQ_HALF = const(0x800000)
_SMALL_MAX = const((1 << 30) - 1)
_LONGEST_RTT_S = const(60)
_MOST_TICKS = const((1 << 29) - 1)
_SINK_TOOK = const(1)  # TAKEN of sluice.flow.pipeline
_OTHER_ENDS = const(3)  # GIVEN_UP, SHED and OVERWRITTEN of it: 2, 4 and 8
_PAYLOAD_AT = const(10)  # of a DELIVERED in its buffer, whose content is from byte 2 on

_ticks_diff = time.ticks_diff


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
            content stands in frames.received[1:end]. It returns whether it knows
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
        size = _PAYLOAD_AT - 2 + OVERHEAD + (ring.size if window else 0)
        self._out = frames.sent  # where `deliver` builds its frame
        self._kept = [bytearray(size) for _ in range(window)]  # sealed frames
        self._kept_len = bytearray(window)
        self._oldest = 0  # the slot of the oldest delivery that is not confirmed
        self._unconfirmed = 0  # deliveries
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
        kind = self._frames.received[1]
        if kind == RECORD:
            self._receive_record(end)
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
        if not self._kept:
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

    def acknowledge(self, every: int, within: int) -> None:
        """Say which records ended without a delivery; send the acknowledgement, if due. Hot.

        Due are `every` records, or any that waited for `within` ticks. To be
        called at the end of each turn of the loop.
        """
        if self._run != self._told:
            self._tell_run()
        if self._probe >= 0:
            self._forget_old_probe()
        if self._unacked and (
            self._unacked >= every
            or not 0 <= _ticks_diff(self._ticks(), self._unacked_from) < within
        ):
            self._send_ack()

    def room(self) -> int:
        """How many records `deliver` can take now; 2^30 - 1 without a window. Hot.

        Records of an earlier session need no place in the window.
        """
        kept = len(self._kept)
        return self._foreign + kept - self._unconfirmed if kept else _SMALL_MAX

    def deliver(self, record, n: int, granted: int) -> bool:
        """Send the host the ring's oldest record, granted at that tick. Hot.

        False: the window is full, or there is none and the line did not take
        all of it. With a window it is sent again until the host has it; it is
        one of the session's deliveries when `ended` says that the sink took it.
        """
        if self._foreign or not self._kept:
            self._out = self._frames.sent
            self._put_head(-self._foreign, granted)
            return self._frames.write(self._out, self._seal(record, n))
        if self._unconfirmed == len(self._kept):
            return False
        if self._run != self._told:
            self._tell_run()
        self._out = self._kept[self._slot(self._unconfirmed)]
        self._put_head(self._done, granted)
        self._write_kept(self._seal(record, n))
        return True

    def _write_kept(self, n):
        self._kept_len[self._slot(self._unconfirmed)] = n - 1  # at most 256 bytes
        self._frames.write(self._out, n)

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
        out = self._frames.sent
        out[2] = ENDED
        put(out, 3, self._processed + ahead & _SEQ_MASK, 3)
        put(out, 6, n & _SEQ_MASK, 3)
        out[9] = how
        self._frames.send(10)

    def _receive_hello(self, end):
        received = self._frames.received
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
        self._unconfirmed = self._done = 0
        self._run = self._how = self._told = 0
        self._repeats = 0

    def _receive_record(self, end):
        if end < 6:
            self._count_malformed()
            return
        seq = self._seq_at(2)
        ahead = seq - self._expected & _SEQ_MASK
        if self._session == 0 or 0 < ahead < _SEQ_HALF:
            self._receive_stray(seq)
        elif ahead:
            if self.duplicates != _SMALL_MAX:
                self.duplicates += 1
        elif self._store(end - 5):
            self._expected = seq + 1 & _SEQ_MASK
            self._asked_again = False
            if seq == self._probe:
                self._end_probe()
        else:
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

    def _store(self, n):
        ring = self._ring
        if ring is None or n > ring.size or len(ring) == ring.capacity:
            return False
        slot = self._claim(ring)
        received = self._frames.received
        for i in range(n):
            slot[i] = received[5 + i]
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
            missing = self._frames.received[8]
            self._confirm(seq)
            if missing and seq == self._processed:
                self._ask_repeats(missing)

    def _receive_ping(self, end):
        if end != 3:
            self._count_malformed()
            return
        out = self._frames.sent
        out[2] = PONG
        out[3] = self._frames.received[2]
        self._frames.send(4)

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
        ahead = self._repeat_from = self._repeat_from - n
        if ahead < 0:  # these need not be repeated any more
            self._repeats += ahead
            self._repeat_from = self._repeat_at = 0

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
            self._repeat_at -= 2
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
            n = self._slot(place)
            self._frames.write(self._kept[n], self._kept_len[n] + 1)
            self._repeat_at = 2 * place + 2
            n = 1
        self._repeat_from += n
        self._repeats -= n
        if self.repeated != _SMALL_MAX:
            self.repeated += 1

    def _slot(self, ahead):
        return (self._oldest + ahead) % len(self._kept)

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
        out = self._frames.sent
        out[2] = WELCOME
        out[3] = VERSION
        self._frames.send(4)

    def _send_welcome(self):
        ring = self._ring
        out = self._frames.sent
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
        self._frames.sent[2] = ACK
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
        out = self._frames.sent
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

    def _seal(self, record, n):
        """The bytes of the frame, behind its head the record."""
        out = self._out
        end = _PAYLOAD_AT + n
        while n:
            n -= 1
            out[_PAYLOAD_AT + n] = record[n]
        return seal(out, end)

    def _seq_at(self, at):
        received = self._frames.received
        return received[at] | received[at + 1] << 8 | received[at + 2] << 16
