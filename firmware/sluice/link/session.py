"""Records from a host, with credit and acknowledgement: the board's end.

docs/link.md describes the protocol byte by byte.
"""

import time

from micropython import const

from sluice.link.frames import OVERHEAD, put, seal

VERSION = const(0x20)

HELLO = const(0x81)
RECORD = const(0x82)
TAKEN = const(0x84)
PING = const(0x87)
WELCOME = const(0x91)
ACK = const(0x92)
DELIVERED = const(0x93)
PONG = const(0x97)

MAX_RECORD = const(243)  # bytes; a frame DELIVERED holds no more

_SEQ_MASK = const(0xFFFFFF)
_SEQ_HALF = const(0x800000)
_SMALL_MAX = const((1 << 30) - 1)
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
    acknowledgement said, so the ring never refuses one.

    Read only, each stops at 2^30 - 1:
      strays      records after a gap; the host sends again from the expected one
      duplicates  records that had been taken before
      refused     records that were too long or had no room: the host broke the rules
      repeated    deliveries that were sent again
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
        self._others = others
        self._hello = 0  # the number of the newest hello
        self._session = 0
        self._expected = 0  # the next sequence number to take
        self._processed = 0  # the sequence number after the last that the sink took
        self._foreign = 0  # records in the ring from before this session
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
        self._oldest = 0  # the slot of the record `_processed`
        self._unconfirmed = 0
        self._delivered = 0  # of the records that `processed` has not counted yet
        self._repeat_at = 0  # the first delivery to send again, counted from the oldest
        self._repeats = 0
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

    def processed(self, n: int) -> None:
        """Count n records that left the ring, oldest first; they are acknowledged soon. Hot.

        With a window those of the session are acknowledged when the host has
        confirmed their deliveries; one that was not delivered, but given up or
        shed, is delivered empty.
        """
        if self._ring is None or n <= 0:
            return
        foreign = self._foreign
        if foreign:
            self._foreign = foreign - n if foreign > n else 0
            self._leave(foreign - self._foreign, 0)
            n -= foreign
        if not self._kept:
            if n > 0:
                self._leave(n, n)
            return
        while self._delivered < n:
            self.deliver(b"", 0, self._ticks())
        self._delivered = 0

    def acknowledge(self, every: int, within: int) -> None:
        """Send the acknowledgement, if one is due. Hot.

        Due are `every` records, or any that waited for `within` ticks.
        """
        if self._unacked and (
            self._unacked >= every or _ticks_diff(self._ticks(), self._unacked_from) >= within
        ):
            self._send_ack()

    def ready(self) -> bool:
        """Whether `deliver` has room for a record. Hot."""
        kept = len(self._kept)
        return kept == 0 or self._unconfirmed < kept or self._foreign > 0

    def deliver(self, record, n: int, granted: int) -> bool:
        """Send the host the ring's oldest record, granted at that tick. Hot.

        False: the window is full, or there is none and the line did not take
        all of it. With a window it is sent again until the host has it.
        """
        ahead = self._unconfirmed
        if self._foreign or not self._kept:
            self._out = self._frames.sent
            ahead = -self._foreign
        elif ahead < len(self._kept):
            self._out = self._kept[self._slot(ahead)]
        else:
            return False
        self._put_head(ahead, granted)
        self._put_payload(record, n)
        n = seal(self._out, _PAYLOAD_AT + n)
        if self._out is self._frames.sent:
            return self._frames.write(self._out, n)
        self._keep(n)
        return True

    def _keep(self, n):
        self._kept_len[self._slot(self._unconfirmed)] = n - 1  # at most 256 bytes
        self._unconfirmed += 1
        self._delivered += 1
        self._frames.write(self._out, n)

    def _receive_hello(self, end):
        received = self._frames.received
        if end < 3 or received[2] != VERSION:
            if self.versions != _SMALL_MAX:
                self.versions += 1
            self._refuse_version()
            return
        session = self._seq_at(4)
        if end != 13 or session == 0:
            self._count_malformed()
            return
        self._hello = received[3]
        if session != self._session:
            self._begin(session)
        else:
            self._confirm(self._seq_at(10))
            self._ask_repeats(self._unconfirmed)
        self._probe = -1
        self._asked_again = False
        self._send_welcome()
        self._send_ack()

    def _begin(self, session):
        ring = self._ring
        self._session = session
        self._expected = self._processed = self._seq_at(7)
        self._foreign = 0 if ring is None else len(ring)
        self._unacked = 0
        self._unconfirmed = 0
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
                self._probe = -1
                self._rtt = _ticks_diff(self._ticks(), self._probe_from)
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
        if ring is None or n > ring.size:
            return False
        slot = ring.claim()
        if slot is None:
            return False
        received = self._frames.received
        for i in range(n):
            slot[i] = received[5 + i]
        return ring.publish(n)

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
        """The host has all deliveries before that of seq."""
        n = seq - self._processed & _SEQ_MASK
        if n >= _SEQ_HALF:
            return  # said before
        if n > self._unconfirmed:
            n = self._unconfirmed  # it had the others before a reset
        if n == 0:
            return
        self._oldest = self._slot(n)
        self._unconfirmed -= n
        past = n - self._repeat_at  # deliveries that need not be repeated any more
        self._repeat_at = 0 if past > 0 else -past
        if past > 0:
            self._repeats = self._repeats - past if self._repeats > past else 0
        self._leave(n, n)

    def _ask_repeats(self, n):
        self._repeat_at = 0
        self._repeats = n if n < self._unconfirmed else self._unconfirmed

    def _repeat(self):
        i = self._slot(self._repeat_at)
        self._repeat_at += 1
        self._repeats -= 1
        if self.repeated != _SMALL_MAX:
            self.repeated += 1
        self._frames.write(self._kept[i], self._kept_len[i] + 1)

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
        if self._probe < 0 and capacity:
            self._probe = self._processed + capacity - 1 & _SEQ_MASK
            self._probe_from = self._ticks()
        self._unacked = 0
        self._frames.sent[2] = ACK
        end = self._put_field(3, 0x08, self._processed)
        end = self._put_field(end, 0x10, capacity)
        end = self._put_field(end, 0x18, self._rtt_ms())
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
        while value > 127:
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

    def _put_payload(self, record, n):
        out = self._out
        while n:
            n -= 1
            out[_PAYLOAD_AT + n] = record[n]

    def _seq_at(self, at):
        received = self._frames.received
        return received[at] | received[at + 1] << 8 | received[at + 2] << 16
