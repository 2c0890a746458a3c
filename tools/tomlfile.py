"""Files in TOML that a user writes, read into pydantic models: what is wrong is told in one line.

It costs 0.2 s to load pydantic: only what reads such a file imports this.
"""

import reprlib
import tomllib
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from .errors import UserError

_REFUSED = "refused"
"""The type of errors that say by themselves what is wrong."""

_Out = TypeVar("_Out")
_Table = TypeVar("_Table", bound="Table")


class Table(BaseModel):
    """A table of the file. Types are not converted, and no key is allowed but the fields'.

    A field's `description` says what is allowed there, as messages do. Where that is not enough, a
    validator raises `refused(...)`.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def read(path: Path, table: type[_Table], error: type[UserError] = UserError) -> _Table:
    """Reads a file; validators find its folder as `info.context`.

    `error` is raised for the first thing that is wrong with it: `FILE: KEY: VALUE, allowed: ...`.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"{path}: {reason.strerror}")
    except UnicodeDecodeError as reason:
        raise error(f"{path}: byte {reason.start} is not UTF-8")
    except RecursionError:
        raise error(f"{path}: no TOML that can be read: it is nested too deeply")
    except ValueError as reason:  # a TOMLDecodeError, or a number of thousands of digits
        raise error(f"{path}: no TOML: {reason}")
    try:
        return table.model_validate(values, context=path.parent)
    except ValidationError as wrong:
        # A key with a typing error is also one that is missing; its name says more.
        found = sorted(wrong.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise error(f"{path}: {_message(found[0], table)}")


def refused(reason: str, key: str = "") -> PydanticCustomError:
    """The error that a validator raises.  key: which one, if the validator is a table's."""
    return PydanticCustomError(_REFUSED, "{reason}", {"reason": reason, "key": key})


def not_allowed(value: object, allowed: str, key: str = "") -> PydanticCustomError:
    """As `refused`, with the value and what is allowed instead."""
    return refused(f"{short(value)}, allowed: {allowed}", key)


def parsed(parse: Callable[[Any], _Out], key: str = "") -> Callable[[Any], _Out]:
    """Makes a validator of what raises UserError."""

    def validate(value: Any) -> _Out:
        try:
            return parse(value)
        except UserError as error:
            raise refused(error.message, key)

    return validate


def short(value: object) -> str:
    """The value in 60 characters or less, in one line."""
    try:
        text = _REPR.repr(value)
    except ValueError:  # Python does not print an integer of thousands of digits
        text = "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."


_REPR = reprlib.Repr()  # does not go deep
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 1000


def _message(error: ErrorDetails, table: type[Table]) -> str:
    place, allowed = "", ""
    inside: type[Table] | None = table
    for part in error["loc"]:
        if isinstance(part, int):
            place += f" {part + 1}"
            continue
        allowed = "one of the keys " + " ".join(_fields(inside)) if inside else ""
        if inside and part in _fields(inside):
            field = _fields(inside)[part]
            allowed = field.description or ""
            inside = _table_in(field.annotation)
        name = part if part.isprintable() else repr(part)
        place += f".{name}" if place else name
    if error["type"] == _REFUSED:
        context = error.get("ctx", {})
        if context["key"]:
            place += f".{context['key']}" if place else context["key"]
        return f"{place}: {context['reason']}"
    value = "missing" if error["type"] == "missing" else short(error["input"])
    return f"{place}: {value}, allowed: {allowed}"


def _fields(table: type[Table]) -> dict[str, Any]:
    """By the name in the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _table_in(annotation: Any) -> type[Table] | None:
    """The table that a field of this type holds, or has in a list; None: it has none."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next(filter(None, map(_table_in, typing.get_args(annotation))), None)
