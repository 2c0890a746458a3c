"""A board's session on a line in memory, and what its host sends."""

from wire import MemoryLine, apart, contents, records, to_board

from host_sim import TickClock
from sluice import RecordRing
from sluice.flow.pipeline import GIVEN_UP, TAKEN
from sluice.link.frames import Frames
from sluice.link.session import Session
from sluice_tools.serial.ack_pb2 import AckRequest

SEQ = 1 << 24


def u24(value):
    return (value % SEQ).to_bytes(3, "little")


def hello(session=7, base=0, taken=None, number=9, not_taken=()):
    """not_taken: how many records before base were given up, shed and overwritten."""
    taken = base if taken is None else taken
    counts = b"".join(map(u24, not_taken))
    return bytes([0x81, 0x23, number]) + u24(session) + u24(base) + u24(taken) + counts


def taken(seq, missing=0, session=7):
    return b"\x84" + u24(session) + u24(seq) + bytes([missing])


def record(seq, payload=b"data"):
    return records(seq, payload)


class Board:
    def __init__(self, slots=4, size=16, takes_records=True, window=0):
        self.clock = TickClock(start=(1 << 30) - 3, strict=True)
        self.line = MemoryLine()
        frames = Frames(self.line, self.clock.ticks)
        self.ring = RecordRing(slots, size, ticks=self.clock.ticks)
        ring = self.ring if takes_records else None
        self.link = Session(frames, ring, self.clock.ticks, window=window)

    def hear(self, *messages):
        """Give the board these frames; what it answers at once."""
        for content in messages:
            self.line.incoming += to_board(content)
        while self.link.poll():
            pass
        return self.answers()

    def frames(self):
        """The contents of what was sent since this was last called."""
        sent = contents(self.line.sent)
        self.line.sent.clear()
        return sent

    def answers(self):
        """As `frames`, with a frame for each delivery."""
        return apart(self.frames())

    def deliver(self, n=1, tick=5):
        """Grant records and take them from the ring; what is sent at the end of the turn."""
        for _ in range(n):
            assert self.link.room() > 0
            assert self.link.deliver(self.ring.peek(), self.ring.peek_len(), tick)
            self.release(how=TAKEN)
        return self.turn()

    def release(self, n=1, how=GIVEN_UP):
        for _ in range(n):
            assert self.ring.release()
            self.link.ended(how, 1)

    def turn(self):
        """The end of a turn of the loop in which no acknowledgement is due; what is sent."""
        self.link.acknowledge(99, 99)
        return self.answers()

    def acks(self, every=1, within=10):
        self.link.acknowledge(every, within)
        return [ack(content) for content in self.answers()]


def ack(content):
    assert content[0] == 0x92
    message = AckRequest.FromString(content[1:])
    return message.processed_count, message.available_capacity, message.rtt_ms


def not_taken(content):
    """What an ACK says: (session, processed_count, given up, shed, overwritten)."""
    assert content[0] == 0x92
    message = AckRequest.FromString(content[1:])
    counts = message.given_up, message.shed, message.overwritten
    return message.session, message.processed_count, *counts


def welcome(content):
    assert content[:2] == b"\x91\x23" and len(content) == 13
    fields = content[3:6], content[6:9], content[9:10], content[10:13]
    return tuple(int.from_bytes(field, "little") for field in fields)


def sent_records(base, count):
    """The board holds that many records from base, and there are two deliveries unconfirmed."""
    board = Board(slots=8, window=3)
    board.hear(hello(7, base), *[record(base + n) for n in range(count)])
    return board
