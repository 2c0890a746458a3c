"""The pages as they look on a desk and on a phone, in light and dark. `make web-pictures` writes
the pictures into docs/web; a test without that option writes and checks them all the same."""

import re
from pathlib import Path

import pytest
from looks import LOOKS, SIZES
from plugged import connected, timed_board
from webpage import RUNNING, Visit, expect

HEIGHTS = {"desktop": 1040, "phone": 1500}  # of the pictures
MOST_BYTES = 250_000
RUN_S = re.compile(r"^(1[4-9]|[2-9]\d)\.")  # of the playground, before the picture


@pytest.fixture
def folder(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    asked = pytestconfig.getoption("--pictures")
    path = Path(asked) if asked else tmp_path
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def between_ms(pytestconfig: pytest.Config) -> int:
    """What makes a picture's lines long enough to be looked at."""
    return 4000 if pytestconfig.getoption("--pictures") else 0


def look(browser, site, size, scheme):
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    return Visit.begin(browser, site, viewport=viewport, color_scheme=scheme)


async def take(visit: Visit, path: Path, height: int) -> None:
    """A picture of the page's top, of so many pixels; nothing on it is wider than the screen."""
    page = visit.page
    await page.evaluate("scrollTo(0, 0)")
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    width = page.viewport_size["width"]
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    await page.screenshot(path=path, full_page=True, clip=clip)
    assert 10_000 < path.stat().st_size < MOST_BYTES
    assert visit.complaints == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_the_playground_in_a_picture(browser, site, folder, size, scheme):
    async with look(browser, site, size, scheme) as visit:
        page = await visit.open("index.html")
        await visit.shows("#state", RUNNING)
        await page.select_option("#speed", "5")
        await visit.shows("#clock", RUN_S)
        await page.get_by_role("button", name="Pause").click()
        await page.wait_for_timeout(300)
        await take(visit, folder / f"playground-{size}-{scheme}.png", HEIGHTS[size])


@pytest.mark.asyncio
@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_the_console_in_a_picture(browser, site, folder, between_ms, size, scheme):
    with timed_board(rate=90, slots=48) as board:
        async with look(browser, site, size, scheme) as visit, connected(visit, board):
            page = visit.page
            for values in ({"rate": 40}, {"rate": 120, "burst": 20}, {"rate": 75}):
                await expect(page.locator("#set-rate")).to_be_visible()
                await page.wait_for_timeout(between_ms)
                for key, value in values.items():
                    await page.fill(f"#set-{key}", str(value))
                await page.get_by_role("button", name="Apply").click()
                await expect(page.locator("#answer")).to_contain_text(f"rate={values['rate']}")
            await page.wait_for_timeout(between_ms)
            await page.mouse.move(0, 0)
            await page.evaluate("document.activeElement.blur()")
            await take(visit, folder / f"console-{size}-{scheme}.png", HEIGHTS[size])
