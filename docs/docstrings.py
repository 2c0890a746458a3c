"""What the reference's generator is told about the library's docstrings and classes.

The docstrings are written for a terminal: an argument is a paragraph that begins
with `name:`, attributes are a table in two columns. Here both become lists. This
is an extension of griffe, which reads the sources for mkdocstrings;
docs/zensical.toml names it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

_DOCS = Path(__file__).parent


class Docstrings(griffe.Extension):
    """Docstrings as Markdown, and classes where a kernel may take their place."""

    def __init__(self) -> None:
        self._classes: dict[str, griffe.Class] = {}
        self._sections = dict(_sections())

    def on_class_instance(self, *, cls: griffe.Class, **_: Any) -> None:
        self._classes[cls.path] = cls

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """`TokenBucket = kernel(…, TokenBucket)` leaves the class what it is."""
        for name in mod.members:
            if found := self._classes.get(f"{mod.path}.{name}"):
                mod.members[name] = found

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        self._rewrite(cls, [parameter.name for parameter in cls.parameters])

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        self._rewrite(func, [parameter.name for parameter in func.parameters])

    def _rewrite(self, obj: griffe.Class | griffe.Function, arguments: list[str]) -> None:
        if obj.docstring is None:
            return
        obj.docstring.value = as_markdown(obj.docstring.value, arguments)
        if obj.name in self._sections:
            link = f"[What it is for, its cost, its hazards]({self._sections[obj.name]})"
            obj.docstring.value += "\n\n" + link


def _sections() -> Iterator[tuple[str, str]]:
    """The name of each class, and where its section is, seen from docs/reference."""
    for page in sorted(_DOCS.glob("classes/*.md")):
        for head in re.findall(r"^## (.+)", page.read_text(), re.MULTILINE):
            anchor = re.sub(r"\W+", "-", head.lower())
            for name in head.split(", "):
                yield name, f"../classes/{page.name}#{anchor}"


def as_markdown(text: str, arguments: list[str]) -> str:
    """A docstring of the library, whose function or class has these arguments."""
    text = re.sub(r"\bdocs/(\w+)\.md", r"[\1](../\1.md)", text)
    name = "|".join(arguments) or "-"
    text = re.sub(rf"(?<=\.) +(?=(?:{name}): )", "\n", text)  # two on a line
    item = re.compile(rf"(?P<argument>(?:{name})(?:, (?:{name}))*): +|  (?P<row>\w+(?:, \w+)*) +")
    return "\n\n".join(_paragraph(lines.splitlines(), item) for lines in text.split("\n\n"))


def _paragraph(lines: list[str], item: re.Pattern[str]) -> str:
    done = ""
    kind = ""  # of the line before: "argument", "row", or other text
    for line in lines:
        if found := item.match(line):
            done += "\n" if kind else "\n\n"
            kind = found.lastgroup or ""
            done += f"- `{found[kind]}`: {line[found.end() :]}"
        elif kind == "row" and not line.startswith(" "):  # a table ends with its indentation
            done += "\n\n" + line
            kind = ""
        else:
            done += " " + line.strip()
    return done.strip()
