"""The built page behind a static server, a headless Chromium to open it in, and the wheel."""

import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from installed import build_wheel
from playwright.async_api import Browser, async_playwright
from webpage import Visit

from sluice_tools.publish.web.build import build

PROJECT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: what the page asks for is looked at in the browser."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served, as `python -m http.server` does it."""
    folder = tmp_path_factory.mktemp("site") / "web"
    build(folder)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone has, and nothing that `make setup` adds."""
    folder = tmp_path_factory.mktemp("checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser; the test is skipped when the machine has none."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return Path(path)
    pytest.skip("no Chromium on this machine; `apt-get install chromium`")


@pytest_asyncio.fixture
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    sandbox = os.geteuid() != 0  # Chromium has none for root
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium, chromium_sandbox=sandbox
        )
        yield running
        await running.close()


@pytest_asyncio.fixture
async def visit(browser: Browser, site: str) -> AsyncIterator[Visit]:
    """A page of the site; at its end nothing has gone wrong in it, or outside of its origin."""
    async with Visit.begin(browser, site) as begun:
        yield begun
        assert begun.complaints == []
