"""The page opened from the disk, where a browser runs none of its scripts."""

from pathlib import Path

import pytest
from playwright.async_api import Browser
from webpage import expect

from sluice_tools.publish.web.build import build


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["index.html", "console.html"])
async def test_it_says_how_to_serve_it_and_shows_no_dead_controls(
    browser: Browser, site: str, tmp_path: Path, name: str
) -> None:
    build(tmp_path / "web")
    page = await browser.new_page()
    await page.goto((tmp_path / "web" / name).as_uri())
    notice = page.locator("#unserved")
    await expect(notice).to_be_visible()
    await expect(notice).to_contain_text("python3 -m http.server")
    await expect(page.get_by_role("button")).to_have_count(0)
    await page.goto(f"{site}/{name}")
    await expect(page.get_by_role("button").first).to_be_visible()
    await expect(notice).to_be_hidden()
