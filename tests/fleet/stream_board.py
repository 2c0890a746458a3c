"""A board with the firmware's own link, whose records a gRPC server may serve."""

import asyncio

from linked_board import LinkedBoard

from sluice_tools.fleet.stream.records import SessionRecords
from sluice_tools.serial.frames import Frame, LineReader, encode
from sluice_tools.serial.session import Session

SLOTS, WINDOW = 64, 32  # a board's defaults


class StreamBoard:
    """Time is the board's own, and passes as fast as it can. A context manager."""

    def __init__(self, lose=lambda data: data, base=(1 << 24) - 500):
        self.board = LinkedBoard(slots=SLOTS, size=16, window=WINDOW)
        self.session = Session(1234, base, held=True)
        self.records = SessionRecords(self.session, self._write, lambda: self._now)
        self.sink_took = 0
        self.most_under_way = 0
        self._now = 0.0
        self._heard = 0.0
        self._outgoing = b""
        self._lose = lose

    def _write(self, contents):
        self._outgoing += b"".join(map(encode, contents))

    async def _run(self):
        reader = LineReader()
        while True:
            self._now += 0.001
            if self._now >= self.records.deadline:
                self.records.poll()
            outgoing, self._outgoing = self._outgoing, b""
            data = self._lose(self.board.run_ms(self._lose(outgoing)))
            self.sink_took += len(self.board.taken)
            self.board.taken.clear()
            self.most_under_way = max(self.most_under_way, len(self.session.under_way))
            if data:
                self._heard = self._now
            for item in reader.feed(data) + reader.idle(self._now - self._heard):
                if isinstance(item, Frame):
                    self.records.receive(item.content)
                elif item.line.startswith("event=start"):
                    self.records.restarted()
            await asyncio.sleep(0)

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
