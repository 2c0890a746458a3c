"""Tables that are made from one source each: the page's, and those of the configuration's keys.

`make tables` writes them; a test fails while one is not what its source says.
"""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..itself import CHECKOUT, FIRMWARE
from ..serial import logfmt, settings

PAGES = ("docs/configuration.md", "docs/control.md")
SCRIPT = "tools/publish/web/page/link/tables.js"

_MESSAGES = ("SET", "AUDIT", "CONFIRM", "REFUSE", "ENTRY")
_READ_AS = {int: "number", float: "number", str: "text", logfmt.integers: "numbers"}
_TABLE = re.compile(r"(<!-- keys: [^\n]*\n\n)((?:\|.*\n)+)")
_KEY = re.compile(r"`(\w+)`")

# Not imported: that would put a board's clock in the place of the host's.
_keys = runpy.run_path(str(FIRMWARE / "sluice/program/keys.py"))
ROWS: dict[str, tuple[Any, ...]] = {row[0]: row for row in _keys["ROWS"]}
"""The rows of sluice/program/keys.py, which says what is in them, by key."""


def tables(checkout: Path) -> dict[Path, str]:
    """Each file that has a table, as it should be.

    UserError: a page has a table with a key that there is none of, or not the keys that it should.
    """
    pages = {checkout / name: page((checkout / name).read_text()) for name in PAGES}
    return pages | {checkout / SCRIPT: script()}


def script() -> str:
    """The module of the page's tables."""
    forms = {form.name: _form(form) for form in logfmt.FORMS.values()}
    parts = [
        "// Made by `make tables`, from tools/serial/settings.py, tools/serial/logfmt.py and\n"
        "// firmware/sluice/program/keys.py: do not edit.",
        "/** The first bytes of the frames of the settings and the audit log. */\n"
        + "\n".join(f"export const {name} = {getattr(settings, name):#x};" for name in _MESSAGES),
        "/** How the values of a statistics line are written, what they are read as, and the text\n"
        " * for none where they can be that. */\n"
        + "\n".join(f"const {name.upper()} = {text};" for name, text in forms.items()),
        "/** The keys of a statistics line, and whether every firmware says them. */\n"
        + "export const STATS = [\n"
        + "".join(
            f'  ["{key}", {form.name.upper()}, {json.dumps(key not in logfmt.NEWER)}],\n'
            for key, form in logfmt.FORMS.items()
        )
        + "];",
        "/** The keys that can be changed while a board runs: what adopts a change, the unit, and\n"
        " * what is allowed. */\n"
        + f"export const KEYS = {json.dumps(dict(_changing()), indent=2)};",
    ]
    return "\n\n".join(parts) + "\n"


def _form(form: logfmt.Form) -> str:
    none = "" if form.none is None else f", none: {json.dumps(form.none)}"
    return f'{{ pattern: /^(?:{form.pattern})$/, as: "{_READ_AS[form.read]}"{none} }}'


def _changing() -> list[tuple[str, dict[str, str]]]:
    return [
        (key, {"adopter": row[5], "unit": row[4], "allowed": _keys["allowed"](row)})
        for key, row in ROWS.items()
        if row[5]
    ]


def page(text: str) -> str:
    """A page of docs/ with its tables of keys filled in, all but the meaning, which it has.

    Such a table stands behind a comment that begins with `keys:`, and then `all` or anything else.
    """
    return _TABLE.sub(_filled, text)


def _filled(found: re.Match[str]) -> str:
    head, rule, *lines = found[2].splitlines()
    columns = _cells(head)
    told = [_KEY.findall(_cells(line)[0]) for line in lines]
    missing = set(ROWS) - {key for keys in told for key in keys}
    if found[1].startswith("<!-- keys: all") and missing:
        raise UserError(f"no line in the table of all keys, with their meaning: {sorted(missing)}")
    done = [_line(columns, keys, line) for keys, line in zip(told, lines, strict=True)]
    return found[1] + "".join(f"{line}\n" for line in (head, rule, *done))


def _line(columns: list[str], keys: list[str], line: str) -> str:
    unknown = [key for key in keys if key not in ROWS]
    if unknown or not keys:
        raise UserError(f"no keys of the configuration: {line}")
    cells = _cells(line) + [""] * len(columns)
    for at, name in enumerate(columns):
        if name in _COLUMNS:
            cells[at] = ", ".join(_COLUMNS[name](ROWS[key]) for key in keys)
    return f"| {' | '.join(cells[: len(columns)])} |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return json.dumps(value)  # null, and a tuple as a list


def _allowed(row: tuple[Any, ...]) -> str:
    _, _, values, or_null, unit, _ = row
    if isinstance(values, int):
        text = f"1 to {values} {unit}"
    elif isinstance(values[0], str):
        text = ", ".join(map(_text, values))
    elif isinstance(values[0], int):
        text = f"{_range(values)} {unit}"
    else:
        text = f"[{'; '.join(map(_range, values))}]"
    return text + " or null" * or_null


def _range(bounds: tuple[int, int]) -> str:
    return "{:,} to {:,}".format(*bounds)


_COLUMNS: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "default": lambda row: _text(row[1]),
    "allowed": _allowed,
    "changes": lambda row: "while it runs" if row[5] else "at the start",
}


if __name__ == "__main__":
    if CHECKOUT is None:
        raise SystemExit("the tables are a checkout's")
    for path, text in tables(CHECKOUT).items():
        path.write_text(text)
