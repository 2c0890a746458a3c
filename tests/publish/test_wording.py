"""Pages, help and messages are in plain English: what was stilted once does not come back.

A list of phrases is no judge of style. It holds those that readers stumbled over.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from test_docs import PAGES

from host_sim import FIRMWARE
from sluice_tools.cli import main

PROJECT = Path(__file__).parents[2]
STILTED = re.compile(
    r"\b(anew|go(es)? on (behind|by|from|with)|cannot go on|run anew|settles? by itself|is said in"
    r"|what is the matter|of what is wrong|how to mend|but for (a|an|the|what)\b|hangs on"
    r"|over any time|demand always waiting, the|tells (of|more)\b"
    r"|stands? (in|there|only)\b(?! for)|good as its)\b",
    re.IGNORECASE,
)
GLOSSARY = PROJECT / "docs/glossary.md"
WORDS = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY.read_text(), re.MULTILINE)
# Needs no glossary: it is one, lists what has changed, or is about work on Sluice itself.
WITHOUT = {"CONTRIBUTING.md", "docs/SECURITY.md", "docs/changelog.md", "docs/glossary.md"}
# Made from other sources, or lists of links.
MADE = ("docs/bench/", "docs/experiments/", "docs/reference/", "docs/ISSUE_TEMPLATE/")


def found(text: str) -> list[str]:
    return [each[0] for each in STILTED.finditer(text)]


def names(pages: list[Path]) -> list[str]:
    return [page.relative_to(PROJECT).as_posix() for page in pages]


@pytest.mark.parametrize("page", names(PAGES))
def test_a_page_has_no_stilted_phrase(page: str) -> None:
    prose = re.sub(r"^<!--.*-->$", "", (PROJECT / page).read_text(), flags=re.MULTILINE)
    assert found(prose) == []


@pytest.mark.parametrize(
    "page", [name for name in names(PAGES) if name not in WITHOUT and not name.startswith(MADE)]
)
def test_a_page_that_uses_a_word_of_the_glossary_leads_there(page: str) -> None:
    text = (PROJECT / page).read_text()
    if re.search(rf"\b({'|'.join(WORDS)})s?\b", text):
        assert re.search(r"\]\([./\w]*glossary\.md\)", text)


def test_the_glossary_has_the_words_of_the_readme() -> None:
    wanted = (
        "token bucket, burst, record, sink, grant, credit, watermark, sojourn, backpressure, QPS"
    )
    assert set(wanted.split(", ")) <= set(WORDS)
    assert sorted(WORDS, key=str.lower) == WORDS


@pytest.mark.parametrize("name", main.commands)
def test_the_help_of_a_command_has_none(name: str) -> None:
    command = main.commands[name].load()
    assert found(command.get_help(click.Context(command, terminal_width=10_000))) == []


def messages(path: Path) -> Iterator[str]:
    """The strings of a program that are sentences, and no docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        for child in () if isinstance(node, ast.Expr) else ast.iter_child_nodes(node):
            if isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield child.value


def test_no_message_has_one() -> None:
    programs = [*PROJECT.glob("tools/**/*.py"), *PROJECT.glob("host_sim/**/*.py")]
    stilted = {
        f"{path.relative_to(PROJECT)}: {text}": phrases
        for path in programs
        if "node_modules" not in path.parts
        for text in messages(path)
        if (phrases := found(text))
    }
    assert stilted == {}


def test_the_contracts_of_the_library_have_none() -> None:
    stilted = {
        f"{path.name}:{node.lineno}": phrases
        for path in FIRMWARE.glob("sluice/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not node.name.startswith("_")
        if (phrases := found(ast.get_docstring(node) or ""))
    }
    assert stilted == {}


def test_the_page_in_the_browser_has_none() -> None:
    page = PROJECT / "tools/publish/web/page"
    for path in [*page.rglob("*.html"), *page.rglob("*.js")]:
        text = re.sub(r"^\s*(//|/?\*).*$", "", path.read_text(), flags=re.MULTILINE)
        assert found(text) == [], path
