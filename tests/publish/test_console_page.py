"""The console's page, with a virtual board that runs the firmware on its serial port."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from plugged import change, connected, timed_board
from webpage import SerialPlug, Visit, expect

from sluice_tools.vboard import VirtualBoard


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with timed_board(trial_p95_pct=1000) as running:
        yield running


@pytest_asyncio.fixture
async def plug(visit: Visit, board: VirtualBoard) -> AsyncIterator[SerialPlug]:
    """The page is open and the board connected."""
    async with connected(visit, board) as fitted:
        yield fitted


@pytest.mark.asyncio
async def test_it_shows_what_the_board_does(visit, plug):
    await visit.shows("#qps", re.compile(r"^(49|50|51) of 50$"))
    await visit.shows("#depth", re.compile(r"^6[0-4] of 64$"))
    await visit.shows("#p95", re.compile(r"^1,[1-4]\d\d ms$"))
    await visit.shows("#lost", re.compile(r"^[1-9]\d*$"))
    await visit.shows("#losses", re.compile(r"^\d+ records granted, .* Lost: [1-9]\d* rejected"))


@pytest.mark.asyncio
async def test_a_change_is_acknowledged_shown_and_in_the_audit_log(visit, plug):
    await visit.page.fill("#who", "anna")
    await change(visit, rate=20, burst=3)
    await visit.shows("#answer", "In force: rate=20, burst=3.")
    await visit.shows("#qps", re.compile(r"^(19|20|21) of 20$"))
    rows = visit.page.locator("#entries tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text(re.compile(r"anna\s*changed\s*burst\s*10 → 3"))
    await expect(rows.nth(1)).to_contain_text(re.compile(r"anna\s*changed\s*rate\s*50 → 20"))
    await expect(visit.page.locator("#lines")).to_contain_text(
        re.compile(r"event=changed key=rate old=50 new=20 who=anna up_s=\d+")
    )


@pytest.mark.asyncio
async def test_a_field_says_its_unit_and_what_is_allowed(visit, plug):
    page = visit.page
    await expect(page.locator("#limits label")).to_have_text(["Rate", "Per", "Burst", "Limit"])
    for key, unit, allowed in (
        ("rate", "tokens", "An integer from 0 to 1073741823 or null"),
        ("target_ms", "ms", "An integer from 1 to 3600000"),
        ("trial_errors_pct", "points", "An integer from 0 to 100"),
    ):
        await expect(page.locator(f"#unit-{key}")).to_have_text(unit)
        await expect(page.locator(f"#set-{key}")).to_have_attribute("title", allowed)
    await expect(page.locator("#set-kp")).to_have_attribute("title", re.compile("^Integers in a l"))


@pytest.mark.asyncio
async def test_a_port_that_takes_nothing_for_a_while_only_delays(visit, plug):
    await visit.shows("#audit-empty", "Nothing has been changed since the board started.")
    plug.taking.clear()
    await change(visit, rate=20)
    await visit.page.wait_for_timeout(1200)  # the page asks again meanwhile
    plug.taking.set()
    await visit.shows("#answer", "In force: rate=20.")


@pytest.mark.asyncio
async def test_a_refused_change_says_why_and_nothing_has_changed(visit, plug):
    await change(visit, rate=-5, burst=3)
    await visit.shows(
        "#answer",
        "The board refuses: rate is -5, allowed: an integer from 0 to 1073741823 or null",
    )
    await visit.page.get_by_role("button", name="Undo edits").click()
    assert await visit.page.input_value("#set-rate") == "50"
    await visit.page.get_by_role("button", name="Read again").click()
    await visit.shows("#audit-empty", "Nothing has been changed since the board started.")
    assert await visit.page.input_value("#set-burst") == "10"


@pytest.mark.asyncio
async def test_what_cannot_be_sent_is_said_before_it_is_sent(visit, plug):
    await change(visit)
    await visit.shows("#answer", "No value was edited.")
    await change(visit, rate="2 3")
    await visit.shows("#answer", "rate needs a value of printable characters without spaces.")
    await visit.page.fill("#who", "42")
    await change(visit, rate="2")
    await visit.shows("#answer", re.compile('^"42" is not a name of 1 to 16 letters'))


@pytest.mark.asyncio
async def test_a_trial_is_shown_and_what_is_kept_stays_after_a_reset(visit, plug, board):
    # A queue that fills, or a busy machine, is to end no trial, however long the test takes.
    await change(visit, trial_p95_pct=1000)
    await visit.shows("#p95", re.compile(r"^1,[1-4]\d\d ms$"))
    await visit.page.select_option("#how", "30")
    await change(visit, rate=40)
    await visit.shows("#answer", "In force: rate=40, on trial for 30 s.")
    await visit.shows("#trial", re.compile(r"On trial for ([12]\d|30) s more\."))
    await visit.page.select_option("#how", "keep")
    await change(visit, burst=4)
    await visit.shows("#answer", "In force: burst=4, and kept after a reset.")
    board.reset()
    await expect(visit.page.locator("#lines")).to_contain_text("event=start")
    await expect(visit.page.locator("#audit")).to_be_hidden()
    await expect(visit.page.locator("#set-rate")).to_have_value("40")
    await expect(visit.page.locator("#set-burst")).to_have_value("4")


@pytest.mark.asyncio
async def test_a_trial_that_goes_back_is_shown_and_an_edit_meanwhile_stays(visit, plug):
    await change(visit, trial_p95_pct=0)
    await visit.shows("#p95", re.compile(r"^1,[1-4]\d\d ms$"))
    await visit.page.select_option("#how", "30")
    await change(visit, rate=20)
    await visit.shows("#answer", "In force: rate=20, on trial for 30 s.")
    await visit.page.fill("#set-burst", "7")
    await expect(visit.page.locator("#entries tr").first).to_contain_text(
        re.compile(r"rolled back\s*rate\s*20 → 50"),
    )
    await expect(visit.page.locator("#set-rate")).to_have_value("50")
    await expect(visit.page.locator("#set-burst")).to_have_value("7")


@pytest.mark.asyncio
async def test_unplugging_is_one_line_and_the_board_is_back_when_it_is_plugged_in(visit, plug):
    await visit.shows("#qps", re.compile("of 50$"))
    await plug.pull()
    await visit.shows("#state", "The board was unplugged; plug it in again, or connect another.")
    await expect(visit.page.get_by_role("button", name="Apply")).to_be_disabled()
    await plug.insert()
    await visit.shows("#state", "Connected")
    await change(visit, rate=30)
    await visit.shows("#qps", re.compile("of 30$"))
    await visit.page.get_by_role("button", name="Disconnect").click()
    await visit.shows("#state", "Not connected")
    await visit.page.get_by_role("button", name="Connect a board").click()
    await visit.shows("#state", "Connected")


@pytest.mark.asyncio
async def test_a_board_without_sluice_is_said_in_one_line(visit):
    with VirtualBoard() as empty:
        await SerialPlug(visit, empty.url).fit()
        await visit.open("console.html")
        await visit.page.get_by_role("button", name="Connect a board").click()
        await visit.shows("#answer", "No answer for 5 s: is Sluice running on the board?")


@pytest.mark.asyncio
async def test_a_browser_without_web_serial_is_told_what_else_there_is(visit):
    await visit.page.add_init_script("delete Navigator.prototype.serial")
    page = await visit.open("console.html")
    await expect(page.locator("#unable")).to_be_visible()
    await expect(page.locator("#unable")).to_contain_text("sluice console --port PORT")
    await expect(page.get_by_role("button", name="Connect a board")).to_be_disabled()
