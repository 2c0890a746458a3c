"""The board's program and its host's session on one clock, with a line that takes its time."""

from collections import deque

from sluice.program.config import check
from sluice.program.program import Program
from sluice_tools.serial.frames import Frame, LineReader, encode
from sluice_tools.serial.session import together


class Joined:
    """A program of a BoardTwin, and a host's session that feeds it whenever it has room.

    delay_ms: what the line takes in each direction.  waiting: payloads that are to be sent.
    finished: records that were acknowledged, oldest first.  refused: what the link refused.
    loses: given the content of a frame from the board; whether the line loses it.
    """

    def __init__(self, rig, session, delay_ms=0, **values):
        self.rig = rig
        self.loses = lambda content: False
        self._values = values
        self.waiting = deque()
        self.finished = []
        self.now_ms = 0
        self._delay_ms = delay_ms
        self._to_board = deque()  # (when it arrives, bytes)
        self._to_host = deque()
        self.session = session
        self.reset()

    def join(self, session):
        """Another host begins to feed the board: nothing of the old one is on the line."""
        self.session = session
        self._clear_line()

    def reset(self):
        """The board starts anew and does not say so: nothing is on the line."""
        self.program = Program(check(self._values, 1000), self.rig, self.rig.line)
        self.program.start()
        self.rig.line.incoming.clear()
        self._clear_line()

    def _clear_line(self):
        self._reader = LineReader()
        self._to_board.clear()
        self._to_host.clear()
        self.rig.line.sent.clear()

    def run(self, ms):
        for _ in range(ms):
            self._run_host()
            self._run_board()
            self.now_ms += 1
            self.rig.clock.advance(1)

    def _run_host(self):
        now = self.now_ms / 1000
        while self._to_host and self._to_host[0][0] <= self.now_ms:
            for item in self._reader.feed(self._to_host.popleft()[1]):
                if isinstance(item, Frame) and not self.loses(item.content):
                    self.finished += self.session.receive(item.content, now)
        out = self.session.poll(now)
        while self.waiting and self.session.room:
            out.append(self.session.send(self.waiting.popleft(), now))
        if out:
            self._to_board.append(
                (self.now_ms + self._delay_ms, b"".join(map(encode, together(out))))
            )

    def _run_board(self):
        line = self.rig.line
        while self._to_board and self._to_board[0][0] <= self.now_ms:
            line.incoming += self._to_board.popleft()[1]
        turns = 0
        while self.program.turn():
            turns += 1
            assert turns < 1000, "a loop that has something to do for ever"
        if line.sent:
            self._to_host.append((self.now_ms + self._delay_ms, bytes(line.sent)))
            line.sent.clear()
