"""A board's port in the gateway's event loop: what lies between the two and `board.Board`."""

import asyncio

from ...serial.port import Port, State
from .board import Board, Listener
from .config import BoardConfig
from .inbox import Inbox


class Connection:
    """A board and its port.

    The board lives in the event loop that made it. What it writes is left for the port's own
    thread, and what the port brings is left for the loop, so a port that hangs holds nobody up.
    """

    def __init__(self, config: BoardConfig, listener: Listener, inbox: Inbox) -> None:
        self._loop = asyncio.get_running_loop()
        # Records that stream pay for each wait; what else a board says has time.
        self._call = self._loop.call_soon_threadsafe if config.stream else inbox.put
        self._port = Port(config.port, self._on_data, self._on_state)
        self.board = Board(config, listener, self._port.write, self._loop.time)

    @property
    def streams(self) -> bool:
        """Whether the board is fed through this gateway."""
        return self.board.stream is not None

    def start(self) -> None:
        """Opens the port, again and again. UserError: ports cannot be shared on this machine."""
        self._port.start_patiently()

    def close(self) -> None:
        """Leaves the port. Blocks for as long as an attempt to open it takes; from any thread."""
        self._port.close()

    async def run_stream(self) -> None:
        """Does what is due in the board's stream, for ever."""
        stream = self.board.stream
        assert stream is not None
        while True:
            try:
                async with asyncio.timeout_at(stream.deadline):
                    await stream.records.changed()
            except TimeoutError:
                stream.poll()

    # From the port's thread.

    def _on_data(self, data: bytes) -> None:
        self._call(self.board.receive, data)

    def _on_state(self, state: State) -> None:
        self._call(self._change, state)

    # In the event loop.

    def _change(self, state: State) -> None:
        if state.connected:
            self.board.line_opened()
        else:
            self.board.line_lost(state.reason)
