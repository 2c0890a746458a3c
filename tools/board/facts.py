"""What a board.toml says."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ..tomlfile import Table, not_allowed, refused
from .architectures import ARCHITECTURES


def _architecture(arch: str) -> str:
    if arch not in ARCHITECTURES:
        raise not_allowed(arch, "one of " + ", ".join(map(repr, ARCHITECTURES)))
    return arch


def _expression(text: object) -> re.Pattern[str]:
    if not isinstance(text, str):
        raise ValueError
    try:
        return re.compile(text)
    except re.error as error:
        raise refused(f"{text!r}: {error}")


def _version(text: object) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
    if not match:
        raise ValueError
    return int(match[1]), int(match[2])


class Facts(Table):
    """The fields are those of `kinds.BoardKind`."""

    title: str = Field(description="text")
    platform: str = Field(description="text")
    machine: Annotated[re.Pattern[str], BeforeValidator(_expression)] = Field(
        description="a regular expression"
    )
    arch: Annotated[str, AfterValidator(_architecture)] = Field(
        description="text, as mpy-cross -march takes it"
    )
    micropython: Annotated[tuple[int, int], BeforeValidator(_version)] = Field(
        description="a version like '1.23'"
    )
