"""A visit to the page: what went wrong is kept, and a board can be plugged in."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

__all__ = ["RUNNING", "SerialPlug", "Visit", "expect"]

PATIENCE_MS = 120_000  # no test waits so long for what is right, on any machine
expect.set_options(timeout=PATIENCE_MS)

RUNNING = re.compile("^Running")  # a slow machine's page adds how slowly
_FAKE_SERIAL = Path(__file__).with_name("fake_serial.js").read_text()


class Visit:
    """page: of the browser.  complaints: errors on its console, exceptions, requests that failed or
    left the origin."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        self.plugs: list[SerialPlug] = []
        self._expected: re.Pattern[str] | None = None
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._complain(f"exception: {error}"))
        page.on("requestfailed", lambda request: self._complain(f"failed: {request.url}"))
        page.context.on("request", self._request)

    def expects(self, pattern: str) -> None:
        """Complaints that match are what the test provokes. A browser makes them when it likes, at
        the page's end too, or not at all, so they are not waited for."""
        self._expected = re.compile(pattern)

    @classmethod
    @asynccontextmanager
    async def begin(cls, browser: Browser, site: str, **options: object) -> AsyncIterator["Visit"]:
        """options: of Playwright's `new_context`: viewport, color_scheme …"""
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = cls(page, site)
        yield visit
        for plug in visit.plugs:  # none of them calls a page that is gone
            await plug.close()
        await context.close()

    async def open(self, name: str) -> Page:
        await self.page.goto(f"{self.site}/{name}")
        return self.page

    async def shows(self, selector: str, text: object) -> None:
        """Waits until the element's text is this, or matches it."""
        await expect(self.page.locator(selector)).to_have_text(text)  # type: ignore[arg-type]

    def _complain(self, complaint: str) -> None:
        if not (self._expected and self._expected.search(complaint)):
            self.complaints.append(complaint)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.site + "/", "data:", "blob:")):
            self._complain(f"outside: {request.url}")


class SerialPlug:
    """Web Serial in a page, with a virtual board at the other end of its one port.

    url: the board's, `socket://HOST:PORT`. It is there from `insert` to `pull`, and is closed
    before the visit's page is.
    """

    def __init__(self, visit: Visit, url: str) -> None:
        visit.plugs.append(self)
        self._page = visit.page
        host, _, port = url.removeprefix("socket://").partition(":")
        self._address = (host, int(port))
        self._writer: asyncio.StreamWriter | None = None
        self._pump: asyncio.Task[None] | None = None
        self.taking = asyncio.Event()  # cleared: what the page writes stands in its port
        self.taking.set()

    async def fit(self) -> None:
        """Before the page is opened: it has the port, and a board in it."""
        await self._page.expose_function("plugOpen", self._open)
        await self._page.expose_function("plugWrite", self._write)
        await self._page.expose_function("plugClose", self.close)
        await self._page.add_init_script(_FAKE_SERIAL)

    async def pull(self) -> None:
        """Unplug the board."""
        await self._page.evaluate("fakeSerial.pull()")
        await self.close()

    async def insert(self) -> None:
        """Plug it in again."""
        await self._page.evaluate("fakeSerial.insert()")

    async def _open(self) -> None:
        reader, self._writer = await asyncio.open_connection(*self._address)
        self._pump = asyncio.create_task(self._forward(reader))

    async def _forward(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(4096):
            await self._page.evaluate("data => fakeSerial.receive(data)", list(data))

    async def _write(self, data: list[int]) -> None:
        await self.taking.wait()
        if self._writer:
            self._writer.write(bytes(data))
            await self._writer.drain()

    async def close(self) -> None:
        pump, writer = self._pump, self._writer
        self._pump = self._writer = None  # before it waits: the next one may be opened meanwhile
        if pump:
            pump.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await pump
        if writer:
            writer.close()
            with suppress(ConnectionError):  # the board may have closed it in the same moment
                await writer.wait_closed()
