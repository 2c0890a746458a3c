"""The console's page with a board that has been flashed, connected."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from flashed import flash
from webpage import SerialPlug, Visit

from tools.vboard import VirtualBoard


@contextmanager
def timed_board(**settings: object) -> Iterator[VirtualBoard]:
    """A board that has a pulse every 10 ms and lets 50 a second through, or as set."""
    defaults = {"source": "timer", "timer_ms": 10, "sink": "null", "rate": 50, "stats_ms": 500}
    with VirtualBoard() as board:
        flash(board, **(defaults | settings))
        yield board


@asynccontextmanager
async def connected(visit: Visit, board: VirtualBoard) -> AsyncIterator[SerialPlug]:
    """The page is open, and the board in its port."""
    plug = SerialPlug(visit.page, board.url)
    await plug.fit()
    await visit.open("console.html")
    await visit.page.get_by_role("button", name="Connect a board").click()
    await visit.shows("#state", "Connected")
    yield plug
