"""Runs on a board and on CPython: mutated and random frames into the board's end of the link.

`run(count, seed)` gives `count` of them to it and allocates nothing itself, so that what the link
would allocate shows.
"""

import gc

from line import distance

from sluice.link.frames import Frames, seal
from sluice.link.session import Session
from sluice.queue.records import RecordRing
from sluice.queue.ring import REJECT

SMALL_MAX = (1 << 30) - 1
SILENCE = 100
SLOTS = 4
SIZE = 16
WINDOW = 3
HELLO = b"\x81\x23\x09\x07\0\0\xff\xff\xff\xff\xff\xff"
TEMPLATES = (
    HELLO,
    HELLO + b"\x01\0\0\xff\xff\xff\0\0\0",
    b"\x81\x24",
    b"\x82\xff\xff\xff\x06record\x04more",
    b"\x84\x07\0\0\xff\xff\xff\x01",
    b"\x87\x01",
    b"\x91\x23\0\0\0\0\0\0\0\0\0\0\0",
    b"\x99",
)


class Random:
    """Marsaglia's xorshift within 30 bits."""

    def __init__(self, seed):
        self._x = seed & SMALL_MAX or 1

    def below(self, n):
        x = self._x
        x ^= (x & 0x1FFFF) << 13
        x ^= x >> 17
        x ^= (x & 0x1FFFFFF) << 5
        self._x = x
        return (x >> 3) % n


class Board:
    """The link with its pipeline's part played, a line whose input is written in place, a clock."""

    def __init__(self):
        self.now = SMALL_MAX - 5000
        self.input = bytearray(1024)
        self.fill = 0
        self._at = 0
        self.frames = Frames(self, self.ticks, SILENCE)
        self.ring = RecordRing(SLOTS, SIZE, REJECT, self.ticks)
        self.link = Session(self.frames, self.ring, self.ticks, 1000, WINDOW)
        self.taken = 0

    def ticks(self):
        return self.now

    def readinto(self, buf):
        n = 0
        while n < len(buf) and self._at < self.fill:
            buf[n] = self.input[self._at]
            n += 1
            self._at += 1
        return n

    def write(self, buf, n):
        return n

    def turn(self, grants):
        """All that has come, and what the program does with it."""
        while self.link.poll():
            pass
        self.fill = self._at = 0
        while grants and len(self.ring) and self.link.room() > 0:
            grants -= 1
            sheds = self.taken % 3 == 2
            if not sheds:
                self.link.deliver(self.ring.peek(), self.ring.peek_len(), self.now)
            self.ring.release()
            self.link.ended(4 if sheds else 1, 1)
            self.taken += 1
        self.link.acknowledge(2, 20)

    def advance(self, n):
        left = SMALL_MAX - self.now
        self.now = self.now + n if n <= left else n - left - 1

    def rest(self):
        self.advance(SILENCE)
        self.link.poll()

    def check(self):
        """Nothing is larger than it was made."""
        link = self.link
        assert len(self.ring) <= SLOTS and self.ring.peek_len() <= SIZE
        assert 0 <= link._unconfirmed <= WINDOW and 0 <= link._oldest < WINDOW
        assert 0 <= link._repeats <= link._done and 0 <= link._repeat_at <= 2 * WINDOW + 1
        done = link._unconfirmed + link._run
        for i in range(link._unconfirmed):
            done += link._runs[link._slot(i)]
        assert done == link._done
        assert len(self.frames.received) == 254 and len(self.frames.sent) == 256
        assert 0 <= link._expected < 1 << 24 and 0 <= link._processed < 1 << 24


class Fuzzer:
    """Writes frames into a board's input: whole ones, mutated ones, and noise."""

    def __init__(self, board, seed):
        self._board = board
        self._random = Random(seed)
        self._frame = bytearray(300)

    def one(self):
        kind = self._random.below(8)
        if kind == 0:
            self._noise(self._random.below(300))
        else:
            n = self._content()
            n = self._stuff(seal(self._frame, n))
            for _ in range(self._random.below(4) if kind < 6 else 0):
                n = self._mutate(n)
            self._append(n)

    def hear(self, content):
        """A whole frame with this content."""
        for i in range(len(content)):
            self._frame[2 + i] = content[i]
        self._append(self._stuff(seal(self._frame, 2 + len(content))))

    def _content(self):
        """A message with a sequence number that may be the right one; its end."""
        frame, random, link = self._frame, self._random, self._board.link
        template = TEMPLATES[random.below(len(TEMPLATES))]
        n = len(template)
        for i in range(n):
            frame[2 + i] = template[i]
        if template[0] == 0x82:
            self._number(3, link._expected + random.below(5) // 2 - 1)
        elif template[0] == 0x84:
            self._number(6, link._processed + random.below(6) - 2)
        if random.below(4) == 0 and n > 1:
            frame[2 + random.below(n)] = random.below(256)
        if random.below(4) == 0:
            for _ in range(random.below(248 - n)):
                frame[2 + n] = random.below(256)
                n += 1
        return 2 + n

    def _number(self, at, value):
        for i in range(at, at + 3):
            self._frame[i] = value & 255
            value >>= 8

    def _stuff(self, n):
        """Make a frame from a board one to it; its length."""
        frame = self._frame
        before = 0
        for at in range(1, n - 1):
            if frame[at] == 3:
                frame[at] = distance(at - before)
                before = at
        frame[n - 1] = distance(n - 1 - before)
        frame[n] = 0
        return n + 1

    def _mutate(self, n):
        frame, random = self._frame, self._random
        kind = random.below(4)
        at = random.below(n)
        if kind == 0:
            frame[at] = random.below(256)
        elif kind == 1:
            frame[at] ^= 1 << random.below(8)
        elif kind == 2 and n > 2:
            for i in range(at, n - 1):
                frame[i] = frame[i + 1]
            n -= 1
        elif n < 299:
            i = n
            while i > at:
                frame[i] = frame[i - 1]
                i -= 1
            n += 1
        return n

    def _noise(self, n):
        for i in range(n):
            self._frame[i] = self._random.below(256)
        self._append(n)

    def _append(self, n):
        board = self._board
        for i in range(n):
            board.input[board.fill] = self._frame[i]
            board.fill += 1


def play(board, fuzzer, random, count):
    while count:
        board.input[0] = random.below(2)  # after a rest no text, for that can be a Ctrl-C
        board.fill = 1
        for _ in range(min(count, 1 + random.below(3))):
            fuzzer.one()
            count -= 1
        board.turn(random.below(4))
        board.check()
        board.advance(random.below(90))
        if random.below(8) == 0:
            board.rest()
    return board.taken


def after_all(board, fuzzer):
    """Whether it takes a record still."""
    board.rest()
    fuzzer.hear(b"\x81\x23\x09\x2a\x2a\0\x05\0\0\x05\0\0")
    board.turn(SLOTS)  # now none of them needs a place in the window
    fuzzer.hear(b"\x82\x05\0\0\x0astill here")
    before = len(board.ring)
    board.turn(0)
    return len(board.ring) == before + 1


def run(count, seed):
    """(bytes allocated meanwhile, records that came through, bad frames).

    Asserts that nothing grew, that all that the link counts has happened, and that it works still.
    """
    board = Board()
    fuzzer = Fuzzer(board, seed)
    random = Random(seed + 1)
    play(board, fuzzer, random, 20)
    gc.collect()
    gc.disable()
    before = allocated()
    taken = play(board, fuzzer, random, count)
    after = allocated()
    gc.enable()
    assert after_all(board, fuzzer)
    link = board.link
    for happened in (taken, board.frames.bad, link.strays, link.duplicates, link.refused):
        assert happened
    for happened in (link.repeated, link.unknown, link.malformed, link.versions):
        assert happened
    return after - before, taken, board.frames.bad


def allocated():
    """Bytes of the heap in use; on CPython 0, for there it is another's to measure."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
