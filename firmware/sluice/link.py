"""Records from a host, with credit and acknowledgement: the board's end.

docs/link.md describes the protocol byte by byte.
"""

import time

from micropython import const

HELLO = const(0x81)
RECORD = const(0x82)
WELCOME = const(0x91)
ACK = const(0x92)
DELIVERED = const(0x93)

MAX_RECORD = const(243)  # bytes; a frame DELIVERED holds no more

_SEQ_MASK = const(0xFFFFFF)
_SMALL_MAX = const((1 << 30) - 1)

_ticks_diff = time.ticks_diff


class Link:
    """Takes records from a host into a ring and acknowledges those that the sink took.

    frames: a Frames.
    ring:   the RecordRing for the host's records, of which the link is the only
            producer; None: the host is told that records are not taken.
    ticks, per_second: the clock, and its ticks in a second.
    others: None, or a function of (end) for the frames that are not the link's: the
            content stands in frames.received[1:end]. It returns whether it knows
            the frame; what it allocates is its own affair.

    The host may have as many unacknowledged records under way as the last
    acknowledgement said, so the ring never refuses one.

    Read only, each stops at 2^30 - 1:
      strays    records out of sequence; the host sends again from the expected one
      refused   records that were too long or had no room: the host broke the rules
      unknown   frames of no known type or of a wrong length

    Ownership: the main loop alone.
    """

    def __init__(self, frames, ring, ticks=time.ticks_ms, per_second=1000, others=None):
        self._frames = frames
        self._ring = ring
        self._ticks = ticks
        self._per_second = per_second
        self._others = others
        self._session = 0
        self._expected = 0  # the next sequence number to take
        self._processed = 0  # the sequence number after the last that the sink took
        self._foreign = 0  # records in the ring from before this session
        self._asked_again = False  # the host was told to go back to the expected record
        self._unacked = 0  # records that left the ring since the last acknowledgement
        self._unacked_from = 0
        self._probe = -1  # the record that only the newest credit allows; -1: none
        self._probe_from = 0
        self._rtt = 0
        self.strays = 0
        self.refused = 0
        self.unknown = 0

    def poll(self) -> bool:
        """Take in what the host sends, up to one frame; False when the line is silent. Hot.

        Raises KeyboardInterrupt for Ctrl-C outside a frame.
        """
        end = self._frames.receive()
        if end <= 0:
            return end < 0
        kind = self._frames.received[1]
        if kind == RECORD and end > 5:
            self._take_record(end)
        elif kind == HELLO and end == 8 and self._seq_at(2):
            self._take_hello()
        elif (self._others is None or not self._others(end)) and self.unknown != _SMALL_MAX:
            self.unknown += 1
        return True

    def processed(self, n: int) -> None:
        """Count n records that left the ring, oldest first; they are acknowledged soon. Hot."""
        if self._ring is None:
            return
        foreign = self._foreign
        if foreign:
            self._foreign = foreign - n if foreign > n else 0
            n -= foreign
        if n <= 0:
            return
        if self._unacked == 0:
            self._unacked_from = self._ticks()
        self._unacked += n
        self._processed = self._processed + n & _SEQ_MASK

    def acknowledge(self, every: int, within: int) -> None:
        """Send the acknowledgement, if one is due. Hot.

        Due are `every` records, or any that waited for `within` ticks.
        """
        if self._unacked and (
            self._unacked >= every or _ticks_diff(self._ticks(), self._unacked_from) >= within
        ):
            self._send_ack()

    def deliver(self, record, n: int, granted: int) -> bool:
        """Send the host the ring's oldest record, granted at that tick. Hot.

        True when the line took all of it.
        """
        out = self._frames.sent
        out[2] = DELIVERED
        self._put(3, self._processed - self._foreign & _SEQ_MASK, 3)
        self._put(6, granted, 4)
        end = 10 + n
        while n:
            n -= 1
            out[10 + n] = record[n]
        return self._frames.send(end)

    def _take_hello(self):
        session = self._seq_at(2)
        ring = self._ring
        if session != self._session:
            self._session = session
            self._expected = self._processed = self._seq_at(5)
            self._foreign = 0 if ring is None else len(ring)
            self._unacked = 0
        self._probe = -1
        self._asked_again = False
        self._send_welcome()
        self._send_ack()

    def _take_record(self, end):
        seq = self._seq_at(2)
        if self._session == 0 or seq != self._expected:
            if self.strays != _SMALL_MAX:
                self.strays += 1
            self._ask_again()
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

    def _send_welcome(self):
        ring = self._ring
        out = self._frames.sent
        out[2] = WELCOME
        self._put(3, self._session, 3)
        self._put(6, self._expected, 3)
        out[9] = 0 if ring is None else ring.size
        self._put(10, self._per_second, 3)
        self._frames.send(13)

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

    def _put(self, at, value, size):
        out = self._frames.sent
        for i in range(at, at + size):
            out[i] = value & 255
            value >>= 8

    def _seq_at(self, at):
        received = self._frames.received
        return received[at] | received[at + 1] << 8 | received[at + 2] << 16
