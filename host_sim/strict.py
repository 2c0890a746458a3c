"""Integers that raise where a board would have to allocate."""

from typing import Any

SMALL_MIN = -(1 << 30)
SMALL_MAX = (1 << 30) - 1


class StrictInt(int):
    """A small integer of a 32-bit MicroPython: -2^30 to 2^30 - 1.

    Arithmetic with it gives a StrictInt again, or raises OverflowError as soon
    as a result, also an intermediate one, leaves that range: there a board
    would take memory from the heap.
    """

    def __new__(cls, value: int) -> "StrictInt":
        if not SMALL_MIN <= value <= SMALL_MAX:
            raise OverflowError(f"{int(value)} is no small integer of a 32-bit MicroPython")
        return super().__new__(cls, value)


def _strict(name: str) -> None:
    plain = getattr(int, name)

    def method(self: StrictInt, *others: int) -> Any:
        result = plain(self, *others)
        return StrictInt(result) if type(result) is int else result

    setattr(StrictInt, name, method)


_BINARY = ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or", "xor")
for _operation in _BINARY:
    _strict(f"__{_operation}__")
    _strict(f"__r{_operation}__")
for _operation in ("__neg__", "__abs__", "__invert__", "__pos__"):
    _strict(_operation)


def _divide(self: StrictInt, other: object) -> float:
    raise OverflowError("/ gives a float, which a board keeps on the heap; use //")


StrictInt.__truediv__ = _divide  # type: ignore[method-assign,assignment]
StrictInt.__rtruediv__ = _divide  # type: ignore[method-assign,assignment]
