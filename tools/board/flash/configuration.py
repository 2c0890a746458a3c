"""A configuration file as the board gets it: what it cannot read, or refuses, is not sent."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

from ...errors import UserError
from .compiler import compile_file

KEYS = "sluice/program/keys.py"
_MODULE = "module:"
_NOT_A_USERS = ("board", "boot", "main", "sluice")  # what the board itself has under these names
_SHOWN = 40  # characters of a value that is refused


def read(path: Path, firmware: Path) -> bytes:
    """What to send of the file at this path: itself, or the same in ASCII if it is in another
    encoding that JSON allows (UTF-8 with or without a mark in front, UTF-16, UTF-32).

    firmware: the folder whose rows of keys say what is allowed; without any, the board checks.
    UserError: the file cannot be read, is no JSON object, or says what the board would refuse
    by itself. What does not go together is left to the board.
    """
    try:
        data = path.read_bytes()
        text = data.decode(json.detect_encoding(data))
        values = json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: not for a board: nested too deeply") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a JSON object of keys and values")
    if (firmware / KEYS).is_file():
        _check(path, values, runpy.run_path(str(firmware / KEYS)))
    plain = data == text.encode() and re.fullmatch(rb"[\t\n\r -~]*", data)
    return data if plain else json.dumps(values).encode() + b"\n"


def modules(path: Path, settings: bytes, arch: str) -> dict[str, bytes]:
    """The user's modules that the configuration names, by their paths on the board: those that lie
    beside its file at this path. Another one is on the board already, or the board misses it.

    settings: what `read` made of the file.  arch: of the board's machine code.
    UserError: a module does not compile, or its name is none, or one that the board needs.
    """
    found = {}
    for key, value in json.loads(settings).items():
        if not isinstance(value, str) or not value.startswith(_MODULE):
            continue
        name = value.removeprefix(_MODULE)
        says = f"{path}: {key} is {json.dumps(value)[:_SHOWN]}"
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise UserError(f"{says}, allowed: {_MODULE}NAME, NAME as Python's import takes it")
        if name in _NOT_A_USERS:
            raise UserError(f"{says}, which is the board's own {name}")
        source = path.with_name(f"{name}.py")
        if source.is_file():
            compile_file(source, source.name, arch)
            found[f"/{source.name}"] = source.read_bytes()
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _check(path: Path, values: dict[str, Any], keys: dict[str, Any]) -> None:
    rows = {row[0]: row for row in keys["ROWS"]}
    for key, value in values.items():
        if key not in rows:
            known = " ".join(sorted(rows))
            raise UserError(f"{path}: {json.dumps(key)} is no key, allowed: {known}")
        if not keys["fits"](rows[key], value):
            shown = json.dumps(value)[:_SHOWN]
            raise UserError(f"{path}: {key} is {shown}, allowed: {keys['allowed'](rows[key])}")
