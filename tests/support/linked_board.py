"""The firmware's end of the link on CPython, and a feed to it over a line that may have faults."""

from collections import deque

from wire import MemoryLine

from host_sim import TickClock
from sluice import RecordRing
from sluice.flow.pipeline import TAKEN
from sluice.link.frames import Frames
from sluice.link.session import Session
from sluice_tools.serial.frames import Frame, LineReader, encode
from sluice_tools.serial.session import together


class LinkedBoard:
    """A board whose sink is the link and takes a record every `period_ms`.

    says_start: whether it prints a line when it starts.
    window: deliveries that the host need not have confirmed; 0: they are sent once.
    """

    def __init__(self, slots=8, size=16, period_ms=1, says_start=True, window=4):
        self.clock = TickClock(start=(1 << 30) - 300, strict=True)
        self.taken = []  # what the sink took, over all resets
        self.refused = 0  # records for which there was no room, over all resets
        self.resets = 0
        self._slots, self._size, self._period_ms = slots, size, period_ms
        self._window = window
        self._says_start = says_start
        self._start()

    def reset(self):
        """All that the board knew and held is gone."""
        self.resets += 1
        self.refused += self._link.refused
        self._start()
        if self._says_start:
            self._line.sent += b"event=start version=0.1.0 board=rig source=link sink=link\r\n"

    def run_ms(self, heard):
        """Hears this and runs for a millisecond; what it sends."""
        self._line.incoming += heard
        self.clock.advance(1)
        while self._link.poll():
            pass
        due = self.clock.ticks() % self._period_ms == 0
        if due and len(self._ring) and self._link.room() > 0:
            record, n = self._ring.peek(), self._ring.peek_len()
            self.taken.append(bytes(record[:n]))
            self._link.deliver(record, n, self.clock.ticks())
            self._ring.release()
            self._link.ended(TAKEN, 1)
        self._link.acknowledge(2, 20)
        assert self.refused + self._link.refused == 0
        sent = bytes(self._line.sent)
        self._line.sent.clear()
        return sent

    def _start(self):
        self._line = MemoryLine()
        frames = Frames(self._line, self.clock.ticks)
        self._ring = RecordRing(self._slots, self._size, ticks=self.clock.ticks)
        self._link = Session(frames, self._ring, self.clock.ticks, window=self._window)


def feed(session, payloads, board, to_board=bytes, to_host=bytes, each_ms=None, within_s=60):
    """Feeds the payloads to the board, on a clock that costs no time; the acknowledged records.

    to_board, to_host: what the line makes of what is sent over it.  each_ms: called with the time.
    """
    waiting = deque(payloads)
    finished = []
    reader = LineReader()
    heard_ms = now_ms = 0
    while waiting or session.under_way:
        assert now_ms < within_s * 1000, f"{len(finished)} records after {within_s} s"
        now_ms += 1
        now = now_ms / 1000
        if each_ms is not None:
            each_ms(now_ms)
        contents = session.poll(now)
        while waiting and session.room:
            contents.append(session.send(waiting.popleft(), now))
        data = to_host(board.run_ms(to_board(b"".join(map(encode, together(contents))))))
        if data:
            heard_ms = now_ms
        for item in reader.feed(data) + reader.idle((now_ms - heard_ms) / 1000):
            if isinstance(item, Frame):
                finished += session.receive(item.content, now)
            elif item.line.startswith("event=start"):
                session.restarted(now)
    return finished
