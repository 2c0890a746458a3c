"""The pages with the keyboard alone: each control is reached, in order, is seen, and works."""

import pytest
from plugged import timed_board
from webpage import RUNNING, SerialPlug, Visit, expect

NAME = "(e) => e.id || e.textContent.trim()"
CONTROLS = f"""
() => [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")]
  .filter((e) => e.checkVisibility() && !e.disabled).map({NAME})
"""
FOCUS = f"""
() => {{
  const e = document.activeElement;
  if (e === document.body) return null;
  const style = getComputedStyle(e);
  const ring = getComputedStyle(e.closest(".editor") ?? e);
  const seen = style.outlineStyle + ring.outlineStyle !== "nonenone";
  return {{ id: ({NAME})(e), seen }};
}}
"""


async def tab_to(visit: Visit, id: str, key: str = "Tab") -> list[str]:
    """Press the key until the element has the focus, and return what had it on the way."""
    passed = []
    for _ in range(60):
        await visit.page.keyboard.press(key)
        focus = await visit.page.evaluate(FOCUS)
        if focus is None:
            continue
        assert focus["seen"], f"the focus on {focus['id']} cannot be seen"
        passed.append(focus["id"])
        if focus["id"] == id:
            return passed
    raise AssertionError(f"the keyboard does not reach {id}: {passed}")


@pytest.mark.asyncio
async def test_the_playground_with_the_keyboard_alone(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    press = page.keyboard.press
    passed = await tab_to(visit, "run")
    assert passed[0] == "Skip to the playground"
    await tab_to(visit, "pause")
    await press("Enter")
    await visit.shows("#state", "Paused")
    await press("Enter")
    await visit.shows("#state", RUNNING)
    await tab_to(visit, "rate")
    await press("ArrowRight")
    await visit.shows("output[for=rate]", "210 a second")
    assert await page.get_attribute("#rate", "aria-valuetext") == "210 a second"
    await tab_to(visit, "controller")
    await press("ArrowDown")
    await expect(page.locator("#controller")).to_have_value("pid")
    await tab_to(visit, "program")
    await press("Control+a")
    await page.keyboard.type("for i in range(2):\nprint(i)")  # the line is indented by itself
    await press("Control+Enter")
    await visit.shows("#output", "0\n1\n")
    await tab_to(visit, "output")
    await tab_to(visit, "restore", "Shift+Tab")
    await press("Space")
    await visit.shows("#state", RUNNING)
    await tab_to(visit, "stop", "Shift+Tab")
    await press("Space")
    await visit.shows("#state", "Stopped")


@pytest.mark.asyncio
async def test_the_skip_link_leads_past_the_navigation(visit):
    page = await visit.open("index.html")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await visit.shows("#state", RUNNING)
    await page.keyboard.press("Tab")
    assert (await page.evaluate(FOCUS))["id"] in ("run", "Restart")


async def focused(visit: Visit) -> str | None:
    focus = await visit.page.evaluate(FOCUS)
    return focus and focus["id"]


async def reaches_all(visit: Visit) -> None:
    """From the page's first control to its last, none is left out."""
    controls = await visit.page.evaluate(CONTROLS)
    await visit.page.locator(".skip").focus()
    assert [controls[0], *await tab_to(visit, controls[-1])] == controls


@pytest.mark.asyncio
async def test_the_keyboard_reaches_all_of_the_playground(visit):
    await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    await reaches_all(visit)


@pytest.mark.asyncio
async def test_the_console_with_the_keyboard_alone(visit):
    press = visit.page.keyboard.press
    with timed_board() as board:
        await SerialPlug(visit, board.url).fit()
        page = await visit.open("console.html")
        await reaches_all(visit)
        await page.locator(".skip").focus()
        await tab_to(visit, "baud")
        await press("ArrowDown")
        await expect(page.locator("#baud")).to_have_value("230400")
        await tab_to(visit, "connect", "Shift+Tab")
        await press("Enter")
        await visit.shows("#state", "Connected")
        assert await focused(visit) == "disconnect"
        await expect(page.locator("#set-rate")).to_be_visible()

        await tab_to(visit, "set-rate")
        await press("Control+a")
        await page.keyboard.type("20")
        await press("Enter")
        await visit.shows("#answer", "In force: rate=20.")
        assert await focused(visit) == "set-rate"
        await expect(page.locator("#entries tr")).to_have_count(1)
        await tab_to(visit, "What adapts by itself, and trials")
        await press("Enter")
        await expect(page.locator("#set-trial_p95_pct")).to_be_visible()
        await reaches_all(visit)

        await tab_to(visit, "how", "Shift+Tab")
        await press("ArrowDown")
        await expect(page.locator("#how")).to_have_value("keep")
        await tab_to(visit, "who", "Shift+Tab")
        await press("Control+a")
        await page.keyboard.type("anna")
        await tab_to(visit, "set-burst", "Shift+Tab")
        await page.keyboard.type("7")
        await tab_to(visit, "apply")
        await press("Space")
        await visit.shows("#answer", "In force: burst=7, and kept after a reset.")
        assert await focused(visit) == "apply"
        await tab_to(visit, "set-burst", "Shift+Tab")
        await page.keyboard.type("8")
        await tab_to(visit, "undo")
        await press("Space")
        await expect(page.locator("#set-burst")).to_have_value("7")
        entries = page.locator("#entries")
        await expect(entries).to_contain_text("anna")
        await entries.evaluate("(e) => e.replaceChildren()")
        await tab_to(visit, "refresh")
        await press("Space")
        await expect(entries).to_contain_text("anna")
        await tab_to(visit, "disconnect", "Shift+Tab")
        await press("Space")
        await visit.shows("#state", "Not connected")
        assert await focused(visit) == "connect"
