"""A board's frames on a line in memory."""

from wire import MemoryLine

from host_sim import TickClock
from sluice.link.frames import Frames

MAX_CONTENT = 251  # bytes of a frame from the board without its checksum
MAX_TO_BOARD = MAX_CONTENT - 1


class Board:
    def __init__(self, incoming=b""):
        self.clock = TickClock(strict=True)
        self.line = MemoryLine()
        self.line.incoming += incoming
        self.frames = Frames(self.line, self.clock.ticks, 100)

    def receive_all(self):
        received = []
        while True:
            end = self.frames.receive()
            if end == 0:
                return received
            if end > 0:
                received.append(bytes(self.frames.received[1:end]))


def interrupted(board):
    try:
        board.receive_all()
    except KeyboardInterrupt:
        return True
    return False


def hear(board, data):
    board.line.incoming += data
    return interrupted(board)
