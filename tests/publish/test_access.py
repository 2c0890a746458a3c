"""What everyone can use, as far as a program can tell: axe-core's rules, each in every look."""

import re
from pathlib import Path

import pytest
from looks import LOOKS, SIZES
from plugged import change, connected, timed_board
from webpage import RUNNING, Visit, expect

WEB = Path(__file__).parents[2] / "tools" / "publish" / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"

# What is wrong, or that axe cannot decide: [rule, elements, why] each.
FINDINGS = """
async () => {
  const { violations, incomplete } = await axe.run();
  return [...violations, ...incomplete].map(({ id, nodes }) =>
    [id, ...nodes.map((node) => `${node.target}: ${node.failureSummary}`)]);
}
"""


async def findings(visit: Visit) -> list[list[str]]:
    page = visit.page
    await page.evaluate(AXE.read_text())
    found = []
    for size, scheme in LOOKS:
        width, height = SIZES[size]
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme)
        found += [[size, scheme, *each] for each in await page.evaluate(FINDINGS)]
    return found


@pytest.mark.asyncio
async def test_axe_finds_nothing_on_the_playground(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    assert await findings(visit) == []
    await page.fill("#program", "1 // 0")
    await page.get_by_role("button", name="Run the program").click()
    await expect(page.locator("#problem")).to_contain_text("ZeroDivisionError")
    assert await findings(visit) == []


@pytest.mark.asyncio
async def test_axe_finds_nothing_on_the_console_without_a_board(visit):
    await visit.page.add_init_script("delete Navigator.prototype.serial")
    page = await visit.open("console.html")
    await expect(page.locator("#unable")).to_be_visible()
    assert await findings(visit) == []


@pytest.mark.asyncio
async def test_axe_finds_nothing_on_the_console_with_a_board(visit):
    with timed_board() as board:
        async with connected(visit, board):
            page = visit.page
            await change(visit, trial_p95_pct=500)
            await visit.shows("#answer", "In force: trial_p95_pct=500.")
            await expect(page.locator("#entries tr")).to_have_count(1)
            await change(visit, rate=-5)
            await visit.shows("#answer", re.compile("^The board refuses"))
            assert await findings(visit) == []


@pytest.mark.asyncio
async def test_a_screen_reader_meets_figures_and_their_units_as_words_apart(visit):
    page = await visit.open("index.html")
    await page.select_option("#speed", "5")
    await page.fill("#rate", "20")
    await expect(page.locator("#lost")).to_contain_text("%")
    await page.get_by_role("button", name="Pause").click()
    heard = await page.locator("#tiles").aria_snapshot()
    assert re.search(r"definition: \d+ \d+ %", heard.replace(",", "")), heard
    assert re.search(r"definition: \d+\.\d s", heard), heard
    heard = await page.locator("figure").first.aria_snapshot()
    assert re.search(r"Flow records a second arrivals \d+ grants \d+ lost \d+ rate 20", heard)


@pytest.mark.asyncio
async def test_a_screen_reader_meets_the_boards_figures_so_too(visit):
    with timed_board() as board:
        async with connected(visit, board):
            await visit.shows("#p95", re.compile("ms$"))
            heard = await visit.page.locator("#tiles").aria_snapshot()
            assert re.search(r"definition: \d+ of 50\b", heard), heard
            assert re.search(r"definition: [\d,]+ ms", heard), heard


@pytest.mark.asyncio
async def test_the_page_obeys_its_policy(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    visit.expects(r"127\.0\.0\.2")
    blocked = await page.evaluate(
        """() => new Promise((resolve) => {
          const heard = (event) => resolve(event.effectiveDirective);
          document.addEventListener("securitypolicyviolation", heard);
          fetch("http://127.0.0.2/outside").then(() => resolve("it was fetched"), () => {});
        })"""
    )
    assert blocked == "connect-src"
