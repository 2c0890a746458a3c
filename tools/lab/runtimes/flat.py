"""Flat files in parts: the library for a board with a heap of a few kilobytes.

Such a board compiles what it imports, and needs room for the whole syntax tree of a file while it
does. So docstrings, comments and annotations go from the flat files that anybody gets, constants
stand as numbers, and `ring.py` does no more than run its parts, `ring.1`, `ring.2` and so on, each
of them small, in its own namespace. A class that is larger than a part gets its members one by one.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from ...publish.mip.flat import flat

_SELF = "I"  # nobody else's name
PART = 620  # characters; compiling takes several times as many bytes

# Collecting garbage before each part keeps the free memory in one piece.
_LOADER = """import gc
for part in range(%d):
 gc.collect()
 exec(open("%s." + str(part)).read(), globals())
"""


def flat_files(modules: Mapping[str, str]) -> dict[str, str]:
    """The files, by name, for modules of the library, given by name and source."""
    files: dict[str, str] = {}
    for name, source in modules.items():
        parts = _parts(_lean(source, modules))
        files[f"{name}.py"] = _LOADER % (len(parts), name)
        files |= {f"{name}.{number}": part for number, part in enumerate(parts)}
    return files


def flat_program(source: str, modules: Mapping[str, str]) -> list[str]:
    """A program for a board that has these modules as flat files, statement by statement.

    What a module imports is imported before it: while it runs its parts, the stack of such a
    board is too small to run another's.
    """
    statements = []
    for statement in _lean(source, modules).body:
        statements += [f"import {name}\n" for name in _needed(statement, modules)[:-1]]
        statements.append(_text([statement]))
    return statements


def _needed(statement: ast.stmt, modules: Mapping[str, str]) -> list[str]:
    """The modules that an import loads, each behind those that it imports itself."""
    module = statement.module if isinstance(statement, ast.ImportFrom) else None
    if module is None or module not in modules:
        return []
    found: dict[str, None] = {}
    for inner in _lean(modules[module], modules).body:
        found |= dict.fromkeys(_needed(inner, modules))
    return [*found, module]


def _lean(source: str, modules: Mapping[str, str]) -> ast.Module:
    return _Lean().visit(ast.parse(flat(source, modules)))


class _Lean(ast.NodeTransformer):
    """Takes out what only people read, and names of constants."""

    def __init__(self) -> None:
        self._constants: dict[str, ast.expr] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._visit_body(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        node.arg = _short(node.arg)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "const":
            assert isinstance(node.value, ast.Call)
            assert isinstance(target, ast.Name)
            number = eval(ast.unparse(node.value.args[0]))
            node.value = self._constants[target.id] = ast.Constant(number)
            if target.id.startswith("_"):
                return None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = _short(node.id)
        if isinstance(node.ctx, ast.Load):
            return self._constants.get(node.id, node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name != "const"]
        return node if node.names else None

    def _visit_body(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> ast.AST:
        if ast.get_docstring(node) is not None:
            del node.body[0]
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    visit_Module = visit_ClassDef = _visit_body


def _short(name: str) -> str:
    """`self` in one letter: a fifteenth of all the text, and the board's flash is full."""
    return _SELF if name == "self" else name


def _parts(module: ast.Module) -> list[str]:
    parts = [""]
    for piece in _pieces(module):
        if parts[-1] and len(parts[-1] + piece) > PART:
            parts.append("")
        parts[-1] += piece
    return parts


def _pieces(module: ast.Module) -> Iterator[str]:
    """The text of what must not be cut, in order."""
    for statement in module.body:
        text = _text([statement])
        if isinstance(statement, ast.ClassDef) and len(text) > PART:
            yield from _members_apart(statement)
        else:
            yield text


def _members_apart(owner: ast.ClassDef) -> Iterator[str]:
    yield f"class {owner.name}({', '.join(map(ast.unparse, owner.bases))}):\n pass\n"
    for member in owner.body:
        if isinstance(member, ast.FunctionDef):
            name = member.name
            yield f"{_text([member])}{owner.name}.{name} = {name}\ndel {name}\n"
        else:  # another name for a method
            assert isinstance(member, ast.Assign)
            target, source = ast.unparse(member.targets[0]), ast.unparse(member.value)
            yield f"{owner.name}.{target} = {owner.name}.{source}\n"


def _text(statements: list[ast.stmt]) -> str:
    text = ast.unparse(ast.Module(statements, []))
    return re.sub("(?m)^ +", lambda indent: indent[0][::4], text) + "\n"
