"""MicroPython's viper as far as the firmware uses it, so that its kernels run on CPython too.

What a pointer reads is a Word: arithmetic with it that leaves 32 bits raises, where viper
would wrap without a word.
"""

import builtins
import functools
from collections.abc import Callable, MutableSequence
from typing import Any


class Word(int):
    """An integer of 32 bits with its sign; arithmetic beyond them raises OverflowError."""

    def __new__(cls, value: int) -> "Word":
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError(f"{int(value)} does not fit the 32 bits of viper's int")
        return super().__new__(cls, value)


def _within_32_bits(name: str) -> None:
    plain = getattr(int, name)

    def method(self: Word, *others: int) -> Any:
        result = plain(self, *others)
        return Word(result) if type(result) is int else result

    setattr(Word, name, method)


for _operation in ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or", "xor"):
    _within_32_bits(f"__{_operation}__")
    _within_32_bits(f"__r{_operation}__")


class _Pointer:
    """ptr8, ptr16 or ptr32 to what a buffer holds."""

    def __init__(self, buffer: "MutableSequence[int] | _Pointer") -> None:
        self._buffer = buffer._buffer if isinstance(buffer, _Pointer) else buffer

    def __getitem__(self, i: int) -> Word:
        return Word(self._buffer[i])

    def __setitem__(self, i: int, value: int) -> None:
        self._buffer[i] = int(value)


def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
    """`micropython.viper`: parameters annotated as pointers or `int` become such."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    kinds = [(at, function.__annotations__.get(name)) for at, name in enumerate(names)]
    casts = [(at, _CASTS[kind]) for at, kind in kinds if kind in _CASTS]
    if not casts:
        return function

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        given = list(arguments)
        for at, cast in casts:
            given[at] = cast(given[at])
        return function(*given)

    return call


_CASTS: dict[Any, Callable[[Any], Any]] = {_Pointer: _Pointer, int: Word}


def install() -> None:
    """Make viper's casts known everywhere, as MicroPython does."""
    for name in ("ptr8", "ptr16", "ptr32"):
        setattr(builtins, name, _Pointer)
    builtins.uint = lambda value: int(value) & 0xFFFFFFFF  # type: ignore[attr-defined]
