"""The site of `make docs`: no link leads nowhere, the reference is whole, a phone can show it."""

import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from playwright.async_api import Browser
from test_docs import PAGES, SECTIONS

import host_sim
import sluice

PROJECT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
FACE = re.findall(r" as (\w+)$", (PROJECT / "firmware/sluice/__init__.pyi").read_text(), re.M)


class Page(HTMLParser):
    """What a page refers to, and where one can get to on it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given.get("id", ""), given.get("name", "")}
        loads = given.get("src") or (given.get("href") if tag == "link" else None)
        if loads:
            self.loads.append(loads)
        elif tag == "a" and "href" in given:
            self.targets.append(given["href"])

    def leads_nowhere(self, site: "Site") -> Iterator[str]:
        for target in self.targets + self.loads:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            path = (self.path.parent / unquote(url.path)).resolve() if url.path else self.path
            if path.is_dir():
                path /= "index.html"
            there = site.pages[path].anchors if path in site.pages else set()
            if not path.is_file() or (url.fragment and unquote(url.fragment) not in there):
                yield target


class Site(NamedTuple):
    folder: Path
    pages: dict[Path, Page]

    def reference(self) -> Iterator[Page]:
        for path, page in self.pages.items():
            if path.parent == self.folder / "docs/reference":
                yield page


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, as `make docs` builds it."""
    into = tmp_path_factory.mktemp("site").resolve()
    make = ["make", "--assume-old=setup", "docs", f"SITE={into}"]
    done = subprocess.run(make, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = into / "docs"
    pages = [path for path in folder.rglob("*.html") if path.name != "404.html"]
    return Site(folder, {path: Page(path) for path in pages})


def test_no_link_and_no_picture_leads_nowhere(built: Site) -> None:
    dead = {
        page.path.name: found
        for page in built.pages.values()
        if (found := [*page.leads_nowhere(built)])
    }
    assert not dead


def test_nothing_is_loaded_from_elsewhere(built: Site) -> None:
    for page in built.pages.values():
        assert not [each for each in page.loads if urlsplit(each).netloc], page.path


def test_each_page_is_in_the_navigation() -> None:
    nav = tomllib.loads((PROJECT / "docs/zensical.toml").read_text())["project"]["nav"]

    def flat(entries: list[dict]) -> Iterator[str]:
        for entry in entries:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else flat(value)

    pages = [page.relative_to(PROJECT).as_posix() for page in PAGES]
    assert sorted(flat(nav)) == sorted(pages)


def public_methods(name: str) -> list[str]:
    found = getattr(sluice, name)
    if not inspect.isclass(found):
        return []
    return [each for each, value in vars(found).items() if each[0] != "_" and callable(value)]


@pytest.mark.parametrize("name", FACE)
def test_a_public_name_is_in_the_reference_with_its_contract(built: Site, name: str) -> None:
    anchors = set().union(*(page.anchors for page in built.reference()))
    wanted = {f"sluice.{name}"} | {f"sluice.{name}.{each}" for each in public_methods(name)}
    assert wanted <= anchors


def test_what_host_sim_offers_is_in_the_reference(built: Site) -> None:
    anchors = set().union(*(page.anchors for page in built.reference()))
    assert {f"host_sim.{name}" for name in host_sim.__all__} <= anchors


def test_each_class_leads_to_its_costs_and_hazards(built: Site) -> None:
    led_to = {unquote(each) for page in built.reference() for each in page.targets}
    for name in SECTIONS:
        assert any(re.search(rf"#.*\b{name.lower()}\b", each) for each in led_to), name


def test_a_kernel_is_not_in_the_reference(built: Site) -> None:
    for page in built.reference():
        assert "_native" not in page.path.read_text()


@pytest.mark.asyncio
async def test_no_page_is_wider_than_a_phone(built: Site, browser: Browser) -> None:
    page = await browser.new_page(viewport=PHONE)
    for path in built.pages:
        await page.goto(path.as_uri())
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], path
