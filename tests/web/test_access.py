"""What everyone can use: with the keyboard alone, with a screen reader, with weak eyes."""

import pytest
from webpage import Visit, expect

PAGES = ("index.html", "console.html")

# Each is a list of what is wrong on the page.
NAMELESS = """
() => [...document.querySelectorAll("a, button, input, select, textarea, [role], [tabindex]")]
  .filter((e) => e.checkVisibility() && e.getAttribute("role") !== "status"
    && e.getAttribute("role") !== "alert")
  .filter((e) => {
    const by = (e.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
    const named = by.map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const words = (label) => {
      const copy = label.cloneNode(true);
      copy.querySelectorAll("select, textarea, output").forEach((inside) => inside.remove());
      return copy.textContent;
    };
    const label = [...(e.labels ?? [])].map(words).join("");
    const own = ["A", "BUTTON"].includes(e.tagName) ? e.textContent : "";
    return !(named + label + own + (e.getAttribute("aria-label") ?? "")).trim();
  })
  .map((e) => e.outerHTML.slice(0, 120))
"""
STRUCTURE = """
() => {
  const wrong = [];
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`two of ${id}`));
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"])
    for (const e of document.querySelectorAll(`[${attribute}]`))
      for (const id of e.getAttribute(attribute).split(" "))
        if (!ids.includes(id)) wrong.push(`${attribute}=${id} leads nowhere`);
  if (!document.documentElement.lang) wrong.push("no lang");
  if (!document.title) wrong.push("no title");
  for (const one of ["main", "header", "nav", "h1"])
    if (document.querySelectorAll(one).length !== 1) wrong.push(`not one ${one}`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`h${next} after h${level}`);
    level = next;
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) wrong.push(image.src);
  return wrong;
}
"""
CONTRAST = """
() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (...colors) => {
    context.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const wrong = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest(":disabled")) continue;
    if (["SCRIPT", "NOSCRIPT", "OPTION"].includes(e.tagName)) continue;
    const grounds = [];
    for (let at = e; at; at = at.parentElement)
      grounds.unshift(getComputedStyle(at).backgroundColor);
    const back = luminance(paint("white", ...grounds));
    const front = luminance(paint("white", ...grounds, getComputedStyle(e).color));
    const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    if (ratio < 4.5) wrong.add(`${ratio.toFixed(2)}: ${e.outerHTML.slice(0, 100)}`);
  }
  return [...wrong];
}
"""
FOCUS = """
() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const style = getComputedStyle(e);
  const ring = getComputedStyle(e.closest(".editor") ?? e);
  const seen = style.outlineStyle + ring.outlineStyle !== "nonenone";
  return { id: e.id || e.textContent.trim(), seen };
}
"""


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_structure_and_contrast(browser, site, name, scheme):
    async with Visit.begin(browser, site, color_scheme=scheme) as visit:
        page = await visit.open(name)
        if name == "index.html":
            await visit.shows("#state", "Running")
            await page.fill("#program", "1 // 0")
            await page.get_by_role("button", name="Run the program").click()
            await expect(page.locator("#problem")).to_contain_text("ZeroDivisionError")
        assert await page.evaluate(NAMELESS) == []
        assert await page.evaluate(STRUCTURE) == []
        assert await page.evaluate(CONTRAST) == []


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
    await visit.shows("#state", "Running")
    press = page.keyboard.press
    passed = await tab_to(visit, "run")
    assert passed[0] == "Skip to the playground"
    await tab_to(visit, "pause")
    await press("Enter")
    await visit.shows("#state", "Paused")
    await press("Enter")
    await visit.shows("#state", "Running")
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
    await visit.shows("#state", "Running")
    await tab_to(visit, "stop", "Shift+Tab")
    await press("Space")
    await visit.shows("#state", "Stopped")


@pytest.mark.asyncio
async def test_the_skip_link_leads_past_the_navigation(visit):
    page = await visit.open("index.html")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await visit.shows("#state", "Running")
    await page.keyboard.press("Tab")
    assert (await page.evaluate(FOCUS))["id"] in ("run", "Run anew")


@pytest.mark.asyncio
async def test_the_page_obeys_its_policy(visit):
    page = await visit.open("index.html")
    await visit.shows("#state", "Running")
    blocked = await page.evaluate(
        """() => new Promise((resolve) => {
          const heard = (event) => resolve(event.effectiveDirective);
          document.addEventListener("securitypolicyviolation", heard);
          fetch("http://127.0.0.2/outside").catch(() => {});
          setTimeout(() => resolve("nothing"), 3000);
        })"""
    )
    assert blocked == "connect-src"
    assert any("127.0.0.2" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
