"""Flat files: bucket and ring for a board without packages, as MicroPython 1.9.2 has it.

`sluice.queue.ring` is `ring` there. No such board runs machine code, so that modules ask for no
kernels. All else stays as it is in the library, comments too.
"""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from .packages import ALONE

_PACKAGE = "sluice."
_KERNELS = "sluice.kernels"


def sources(firmware: Path) -> dict[str, str]:
    """The library's own text of what stands alone, and of what that imports, by their flat names.

    What is imported inside of functions alone is not among them; see `flat`.
    """
    found: dict[str, str] = {}
    open_ends = [*ALONE]
    while open_ends:
        place = open_ends.pop()
        text = (firmware / place).read_text(encoding="utf-8")
        found[Path(place).stem] = text
        imports = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
        for home in {home for node in imports for home in _homes(node)} - {_KERNELS}:
            if _flat_name(home) not in found:
                open_ends.append(home.replace(".", "/") + ".py")
    return dict(sorted(found.items()))


def flat(source: str, modules: Collection[str]) -> str:
    """A module or program of the library for a board that has these modules as flat files.

    A function or method that itself imports another module of the library is left out.
    """
    lines = source.splitlines(keepends=True)
    edits = _Edits(modules)
    edits.visit(ast.parse(source))
    for number, module in edits.renamed.items():
        name = _flat_name(module)
        lines[number - 1] = lines[number - 1].replace(f"from {module} ", f"from {name} ", 1)
    for first, last in reversed(edits.cut):
        start, end = first - 1, last
        while start and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        while end < len(lines) and not lines[end].strip():
            end += 1
        del lines[start:end]
    return "".join(lines).rstrip() + "\n"


class _Edits(ast.NodeVisitor):
    """What to change in a module's lines, whose numbers begin at 1.

    cut: the first and last line of each statement that goes, in order.  renamed: of each line
    that imports, the module.
    """

    def __init__(self, modules: Collection[str]) -> None:
        self.cut: list[tuple[int, int]] = []
        self.renamed: dict[int, str] = {}
        self._modules = modules

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if all(_flat_name(home) in self._modules for home in _homes(node)):
            self.generic_visit(node)
        else:
            self._leave_out(node, *node.decorator_list)

    def visit_Assign(self, node: ast.Assign) -> None:
        value = node.value
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "kernel":
            self._leave_out(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module == _KERNELS:
            self._leave_out(node)
        elif module.startswith(_PACKAGE):
            self.renamed[node.lineno] = module

    def _leave_out(self, node: ast.stmt, *before: ast.expr) -> None:
        first = min(part.lineno for part in (node, *before))
        self.cut.append((first, node.end_lineno or node.lineno))


def _homes(tree: ast.AST) -> Iterator[str]:
    """The modules of the library from which the tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            yield node.module or ""


def _flat_name(module: str) -> str:
    """What a module of the library is called where there are no packages."""
    return module.rpartition(".")[2]
