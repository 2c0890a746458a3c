"""The playground in a browser, its figures beside those of the simulation on CPython."""

import re
from array import array

import pytest
from webpage import RUNNING, Visit, expect

from host_sim.simulation import Phase, simulated_board
from host_sim.workload import steady

SECONDS = 10
DEFAULTS = {
    "pattern": "bursty",
    "arrivals": 150,
    "rate": 200,
    "burst": 20,
    "capacity": 96,
    "overflow": "REJECT",
    "controller": "none",
    "service_ms": 1,
    "quota": 0,
}
CONTROLLERS = {
    "none": {},
    "pid": {"control": "pid", "target_ms": 200},
    "codel": {"control": "codel", "target_ms": 20, "interval_ms": 200},
    "rate": {"control": "rate", "rate_low": 1, "target_ms": 20},
}
FIGURES = {"offered": "Arrived", "granted": "Granted", "depth": "Waiting", "lost": "Lost"}

SCENARIOS = [
    {},
    {"pattern": "steady", "arrivals": 300, "service_ms": 0},
    {"pattern": "poisson", "arrivals": 250, "overflow": "OVERWRITE", "capacity": 16},
    {"pattern": "heavy", "arrivals": 200, "controller": "pid", "capacity": 256},
    {"pattern": "poisson", "arrivals": 300, "controller": "codel", "burst": 1},
    {"pattern": "poisson", "arrivals": 300, "controller": "rate", "quota": 120},
    {"pattern": "heavy", "arrivals": 300, "rate": 400, "service_ms": 5, "controller": "pid"},
]


async def set_controls(visit: Visit, values) -> None:
    for name, value in values.items():
        control = visit.page.locator(f"#{name}")
        if await control.evaluate("element => element.tagName") == "SELECT":
            await control.select_option(str(value))
        else:
            await control.fill(str(value))


async def figures(visit: Visit):
    """What the page shows at the end of its run, as numbers."""
    await visit.shows("#state", "The time is over.")
    shown = {}
    for name in FIGURES:
        shown[name] = number((await visit.page.inner_text(f"#{name}")).partition(" ")[0])
    shown["losses"] = [
        int(number.replace(",", ""))
        for number in re.findall(r"[\d,]*\d", await visit.page.inner_text("#losses"))
    ] or [0, 0, 0, 0]
    return shown


async def arrivals(visit: Visit, settings):
    """The page's made-up arrivals in microseconds."""
    return array(
        "q",
        await visit.page.evaluate(
            """async ([settings, seconds]) => {
              const { Arrivals } = await import("./playground/arrivals.js");
              const arrivals = new Arrivals(settings);
              const times = [];
              for (let at; (at = arrivals.next()) <= seconds * 1e6; ) times.push(at);
              return times;
            }""",
            [settings, SECONDS],
        ),
    )


def simulate(settings, times):
    """The same board in the simulation of host_sim."""
    values = {
        "rate": settings["rate"],
        "burst": settings["burst"],
        "slots": settings["capacity"],
        "overflow": settings["overflow"].lower(),
        "stats_ms": 250,
    }
    sink = Phase(0, settings["service_ms"], quota=settings["quota"] or None)
    simulation = simulated_board(values | CONTROLLERS[settings["controller"]], times, sink)
    simulation.run(SECONDS)
    ring, stats = simulation.ring, simulation.stats
    losses = [ring.rejected, ring.overwritten, stats.shed, stats.failed]
    return {
        "offered": simulation.offered,
        "granted": stats.admitted,
        "depth": len(ring),
        "lost": sum(losses),
        "losses": losses,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changed", SCENARIOS, ids=lambda changed: "-".join(map(str, changed.values()))
)
async def test_its_figures_are_those_of_the_simulation(visit, changed):
    await visit.open("index.html")
    await visit.page.select_option("#speed", "0")
    await set_controls(visit, changed)
    await visit.page.select_option("#seconds", str(SECONDS))
    shown = await figures(visit)
    settings = DEFAULTS | changed
    times = await arrivals(visit, settings)
    assert len(times) > 500
    if settings["pattern"] == "steady":
        assert times[:-1] == steady(settings["arrivals"], SECONDS)
    assert shown == simulate(settings, times)
    assert shown["granted"] > 200


@pytest.mark.asyncio
async def test_a_slider_acts_while_it_runs(visit):
    await visit.open("index.html")
    await set_controls(visit, {"pattern": "poisson", "arrivals": 400, "speed": "5"})
    rate = visit.page.locator("figure").first.locator(".key", has_text="rate").locator("b")
    await expect(rate).to_have_text("200")
    arrived = await visit.page.inner_text("#offered")
    await set_controls(visit, {"rate": 300})
    await expect(rate).to_have_text("300")
    assert number(await visit.page.inner_text("#offered")) >= number(arrived)
    await visit.shows("#state", re.compile("^Running"))


def number(text):
    return int(text.replace(",", "").replace("–", "0"))


async def run_program(visit: Visit, text: str) -> None:
    await visit.page.fill("#program", text)
    await visit.page.get_by_role("button", name="Run the program").click()


@pytest.mark.asyncio
async def test_an_error_of_the_program_is_shown_with_its_line_and_is_not_the_end(visit):
    await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    await run_program(visit, "print('so far')\nrate = 1 // 0\n")
    problem = visit.page.locator("#problem")
    await expect(problem).to_contain_text("ZeroDivisionError")
    await expect(problem).to_contain_text('File "program.py", line 2')
    await visit.shows("#gutter .wrong", "2\n")
    await visit.shows("#output", "so far\n")
    await visit.shows("#state", "Stopped by an error")
    await run_program(visit, "def broken(:\n")
    await expect(problem).to_contain_text("SyntaxError")
    await run_program(visit, "from sluice import TokenBucket\nTokenBucket(-1, 5)\n")
    await expect(problem).to_contain_text("rate must be from 0 to 1073741823, not -1")
    await visit.page.get_by_role("button", name="Restore").click()
    await visit.shows("#state", RUNNING)
    await expect(problem).to_be_empty()


COUNTS = '[...document.querySelectorAll("dd, figcaption b")].map((each) => each.textContent)'


@pytest.mark.asyncio
@pytest.mark.parametrize("program", ["1 // 0", "def broken(:", "print('no more')"])
async def test_counts_and_charts_are_of_the_run_that_has_ended_and_of_none_before(visit, program):
    page = await visit.open("index.html")
    await set_controls(visit, {"speed": "5", "rate": 20, "capacity": 4})
    await expect(page.locator("#lost")).to_contain_text("%")
    await run_program(visit, program)
    await visit.shows("#state", re.compile("^(Stopped by|The program has ended)"))
    await expect(page.locator("figcaption b").first).to_have_text("–")  # with the next frame
    assert set(await page.evaluate(COUNTS)) == {"–"}
    assert await page.inner_text("#losses") == ""
    assert "bad" not in (await page.get_attribute("#lost", "class") or "")


@pytest.mark.asyncio
async def test_an_error_while_it_runs_leaves_the_counts_of_its_own_run(visit):
    page = await visit.open("index.html")
    await visit.page.select_option("#speed", "5")
    await visit.shows("#clock", re.compile(r"^[3-9]\.\d s$"))
    text = await page.input_value("#program")
    failing = "def interval():\n    if ticks() > 0 and stats.admitted > 150:\n        1 // 0\n"
    assert "def interval():" in text
    await run_program(visit, re.sub(r"def interval\(\):\n", failing, text))
    await visit.shows("#state", "Stopped by an error")
    shown = [number(await page.inner_text(f"#{name}")) for name in ("offered", "granted", "depth")]
    charted = page.locator("figcaption", has_text="Queue").locator("b").first
    await expect(charted).to_have_text(str(shown[2]))
    assert shown[0] == shown[1] + shown[2]


@pytest.mark.asyncio
async def test_restore_brings_back_the_program_and_the_settings(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    changed = {"pattern": "steady", "rate": 80, "quota": 50, "capacity": 4, "overflow": "OVERWRITE"}
    await set_controls(visit, changed)
    await page.fill("#program", "1 // 0")
    await page.get_by_role("button", name="Restore").click()
    await visit.shows("#state", RUNNING)
    for name, value in DEFAULTS.items():
        await expect(page.locator(f"#{name}")).to_have_value(str(value))
    await visit.shows("output[for=rate]", "200 a second")
    await visit.shows("output[for=quota]", "none")
    limit = page.locator("figcaption", has_text="Queue").locator("b").nth(1)
    await expect(limit).to_have_text("96")
    await expect(page.locator("#program")).to_have_value(re.compile("^# A board's program"))


@pytest.mark.asyncio
async def test_an_error_while_it_runs_is_shown(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    text = await page.input_value("#program")
    await run_program(visit, text.replace("load.turn(pipeline.step() > 0)", "pipeline.stop()"))
    await expect(page.locator("#problem")).to_contain_text(
        "AttributeError: 'Pipeline' object has no attribute 'stop'",
    )


@pytest.mark.asyncio
async def test_a_program_that_never_returns_can_be_stopped(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    await run_program(visit, "while True:\n    pass\n")
    await visit.shows("#state", "The program does not answer; Stop ends it")
    await page.get_by_role("button", name="Stop").click()
    await visit.shows("#state", "Stopped")
    await page.get_by_role("button", name="Restore").click()
    await visit.shows("#state", RUNNING)


@pytest.mark.asyncio
async def test_a_program_that_prints_without_end_can_be_stopped(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    await run_program(visit, "n = 0\nwhile True:\n    n += 1\n    print(n)\n")
    await expect(page.locator("#output")).to_have_text(re.compile(r"\d{5}"))
    await page.get_by_role("button", name="Stop").click()
    await visit.shows("#state", "Stopped")


@pytest.mark.asyncio
async def test_a_program_that_takes_all_memory_ends_with_an_error(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", RUNNING)
    await run_program(visit, "kept = []\nwhile True:\n    kept.append(bytearray(100000))\n")
    problem = page.locator("#problem")
    await expect(problem).to_contain_text("MemoryError")
    await run_program(visit, "def deeper():\n    deeper()\n\n\ndeeper()\n")
    await expect(problem).to_contain_text("maximum recursion depth")
    await visit.shows("#state", "Stopped by an error")


@pytest.mark.asyncio
async def test_a_file_that_is_missing_is_said(visit):
    visit.expects(r"\b404\b|/sluice/queue/ring\.py$")
    await visit.page.route("**/sluice/queue/ring.py", lambda route: route.fulfill(status=404))
    await visit.open("index.html")
    await expect(visit.page.locator("#problem")).to_contain_text(
        "MicroPython cannot continue: ../firmware/sluice/queue/ring.py: 404",
    )


@pytest.mark.asyncio
async def test_a_program_that_hands_nothing_over_just_ends(visit):
    await visit.open("index.html")
    await visit.shows("#state", RUNNING)  # or the page's own program still comes into the editor
    program = "from sluice import TokenBucket\nprint('tokens')\nprint(TokenBucket(5, 3).tokens())\n"
    await run_program(visit, program)
    await visit.shows("#output", "tokens\n3\n")
    await visit.shows("#state", "The program has ended. It did not call run().")


@pytest.mark.asyncio
async def test_time_stands_still_while_it_is_paused(visit):
    page = await visit.open("index.html")
    await visit.shows("#clock", re.compile(r"^[1-9]\d*\.\d s$"))
    await page.get_by_role("button", name="Pause").click()
    await visit.shows("#state", "Paused")
    clock = page.locator("#clock")
    for _ in range(20):  # a slice may still be under way
        before = await clock.inner_text()
        await page.wait_for_timeout(500)
        if await clock.inner_text() == before:
            break
    else:
        raise AssertionError("the time goes on")
    await page.get_by_role("button", name="Resume").click()
    await expect(clock).not_to_have_text(before.replace("\n", ""))
