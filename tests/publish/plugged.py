"""The console's page with a board that has been flashed, connected."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from flashed import flash
from webpage import SerialPlug, Visit, expect

from sluice_tools.vboard import VirtualBoard


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
    plug = SerialPlug(visit, board.url)
    await plug.fit()
    await visit.open("console.html")
    await visit.page.get_by_role("button", name="Connect a board").click()
    await visit.shows("#state", "Connected")
    yield plug


async def change(visit: Visit, **values: object) -> None:
    """Apply these settings in the form."""
    await expect(visit.page.locator("#set-rate")).to_be_visible()
    if "trial_p95_pct" in values:
        await visit.page.get_by_text("What adapts by itself").click()
    for key, value in values.items():
        await visit.page.fill(f"#set-{key}", str(value))
    await visit.page.get_by_role("button", name="Apply").click()
