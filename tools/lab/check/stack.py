"""What a call of each function takes from the stack, and so not from the heap.

MicroPython takes the frame of a call from the heap when it is over 11 words, and the
arguments of a closure when they are more than 5 with what it closes over. The source does
not show it, and where the heap is locked a frame goes to the stack after all, so a board
hides it too: the compiled code tells. Machine code (viper, native) has its frame on the C
stack, whatever its size; its closures are like others.
"""

import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ...board.flash.compiler import compile_file
from ...errors import UserError
from . import mpy
from .finding import Finding
from .library import Library
from .source import LAMBDA, Function, Module

MOST_WORDS = 11
MOST_ARGUMENTS = 5

_HANDLER_WORDS = 3  # an exception handler: where it is, its stack, the exception before


@dataclass(frozen=True)
class Use:
    """What a call takes.

    words:   of its frame; 0 in machine code.
    closure: closed-over variables and arguments; 0: no closure.
    """

    words: int
    closure: int


class Stack:
    """What all functions of a library take from it, compiled as `sluice flash` compiles them."""

    def __init__(self, library: Library) -> None:
        places = defaultdict(list)  # two functions can have one name, as a property's
        for function in library.functions:
            places[function.module, function.path].append(function)
        numbers = _built_in_names(sorted({name for _, path in places for name in path}))
        compiled = {module: _compiled(module) for module in library.modules.values()}

        self._uses = {}
        for (module, path), functions in places.items():
            codes = compiled[module][tuple(numbers[name] for name in path)]
            if len(functions) == len(codes):
                uses = map(_use, functions, codes)
                self._uses.update(zip(functions, uses, strict=True))

    def of(self, function: Function) -> Use:
        """What a call takes; UserError when the function's code cannot be told from others'."""
        if function not in self._uses:
            raise UserError(
                f"{function.module.path}:{function.node.lineno}: {function.label} is not in the "
                "compiled code, or not as often as in the source; give it a name of its own"
            )
        return self._uses[function]

    def findings(self, function: Function) -> list[Finding]:
        """What of the function's call goes to the heap."""
        use = self.of(function)
        line = function.node.lineno
        found = []
        if use.words > MOST_WORDS:
            what = f"a frame of {use.words} words; {MOST_WORDS} fit on the stack"
            found.append(Finding(function, line, what))
        if use.closure > MOST_ARGUMENTS:
            what = f"a closure with {use.closure} variables and arguments; {MOST_ARGUMENTS} fit"
            found.append(Finding(function, line, what))
        return found


def _use(function: Function, code: mpy.Code) -> Use:
    closed_over = code.arguments - len(function.parameters)
    # Whoever calls may name an argument that has a default, which then takes two words.
    named = 2 * code.keyword_only + len(function.node.args.defaults)
    return Use(
        words=0 if function.is_machine_code else code.state + _HANDLER_WORDS * code.handlers,
        closure=code.arguments + named if closed_over else 0,
    )


def _compiled(module: Module) -> dict[tuple[str | int, ...], list[mpy.Code]]:
    codes = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, module.path.name)
        source.write_text(_as_bytecode(module.path.read_text(encoding="utf-8")), encoding="utf-8")
        data = compile_file(source, module.path.name, arch="")
    for path, code in mpy.read(data).walk():
        codes[path].append(code)
    return codes


def _as_bytecode(text: str) -> str:
    """A module without the decorators that compile to machine code; lines stay where they are."""
    return re.sub(r"(?m)^( *)@micropython\.(?:viper|native)$", r"\1", text)


def _built_in_names(names: list[str]) -> dict[str, str | int]:
    """Each name as compiled code has it: a number if MicroPython has it built in."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "names.py")
        source.write_text(
            "".join("lambda: 0\n" if name == LAMBDA else f"def {name}(): pass\n" for name in names)
        )
        code = mpy.read(compile_file(source, source.name, arch=""))
    return dict(zip(names, (inner.name for inner in code.inner), strict=True))
