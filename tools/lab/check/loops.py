"""Whether each loop of a function ends by itself, whatever another party does.

The bound of a loop is seen when it is a `for` over `range()` or over values that are written
out there, or a `while` of which one condition (of several joined by `and`) compares a local
that every turn moves, by a number written there, towards a constant or a local that the loop
does not change; `while n` counts n down by 1. Every other loop says what ends it, on its line or
alone on the line above: `# bound: <reason>`. A loop whose bound is seen does not say it.
"""

import ast
import re
import tokenize
from collections import Counter
from dataclasses import dataclass

from .constants import Constants
from .finding import Finding
from .library import Library
from .source import Function, Module

_Loop = ast.While | ast.For | ast.AsyncFor


@dataclass(frozen=True)
class _Comment:
    """A `# bound:`; alone: it has the line to itself."""

    reason: str
    alone: bool


class Loops:
    """Judges the loops of a library's functions."""

    def __init__(self, library: Library) -> None:
        self._constants = Constants(library)
        self._comments = {module: _comments(module) for module in library.modules.values()}

    def findings(self, function: Function) -> list[Finding]:
        """The loops of the function that another party might keep going, and idle comments."""
        lines = range(function.node.lineno, (function.node.end_lineno or 0) + 1)
        comments = {
            line: comment
            for line, comment in self._comments[function.module].items()
            if line in lines
        }
        found = []
        for loop in function.body():
            if not isinstance(loop, _Loop) or self._is_bounded(loop, function):
                continue
            line = loop.lineno
            if line not in comments and line - 1 in comments and comments[line - 1].alone:
                line -= 1
            comment = comments.pop(line, None)
            if comment is None:
                what = "no bound is seen in this loop; say what ends it: # bound: <reason>"
                found.append(Finding(function, loop.lineno, what))
            elif not comment.reason:
                found.append(Finding(function, line, "# bound: without a reason"))
        return found + [Finding(function, line, "no loop needs this # bound:") for line in comments]

    def _is_bounded(self, loop: _Loop, function: Function) -> bool:
        match loop:
            case ast.For(iter=ast.Call(func=ast.Name(id="range"))):
                return True
            case ast.For(iter=ast.Tuple() | ast.List() | ast.Constant()):
                return True
            case ast.While(test=ast.BoolOp(op=ast.And(), values=conditions)):
                return any(self._ends(one, loop, function) for one in conditions)
            case ast.While(test=condition):
                return self._ends(condition, loop, function)
        return False

    def _ends(self, condition: ast.expr, loop: ast.While, function: Function) -> bool:
        """Whether the turns of the loop make the condition false."""
        match condition:
            case ast.Name(id=name):
                return self._step(name, loop, function) == -1
            case ast.Compare(left=low, ops=[ast.Lt() | ast.LtE()], comparators=[high]):
                return self._meet(low, high, loop, function)
            case ast.Compare(left=high, ops=[ast.Gt() | ast.GtE()], comparators=[low]):
                return self._meet(low, high, loop, function)
        return False

    def _meet(self, low: ast.expr, high: ast.expr, loop: ast.While, function: Function) -> bool:
        """Whether low rises to a high that stays, or high falls to a low that stays."""
        match low, high:
            case ast.Name(id=name), _ if self._step(name, loop, function) > 0:
                return self._stays(high, loop, function)
            case _, ast.Name(id=name) if self._step(name, loop, function) < 0:
                return self._stays(low, loop, function)
        return False

    def _step(self, name: str, loop: ast.While, function: Function) -> int:
        """By how much every turn moves a local; 0: it does not, or not only so."""
        if name not in function.names or _changes(loop)[name] != 1:
            return 0
        for statement in loop.body:
            match statement:
                case ast.AugAssign(ast.Name(id=moved), op, ast.Constant(value=int() as by)):
                    if moved == name and isinstance(op, ast.Add | ast.Sub):
                        return by if isinstance(op, ast.Add) else -by
            if any(isinstance(node, ast.Continue) for node in ast.walk(statement)):
                return 0
        return 0

    def _stays(self, limit: ast.expr, loop: ast.While, function: Function) -> bool:
        """Whether it is one constant, or a local that the loop does not change."""
        if isinstance(limit, ast.Name) and limit.id in function.names:
            return not _changes(loop)[limit.id]
        return self._constants.folds(limit, function)


def _changes(loop: ast.While) -> Counter[str]:
    """How often each name is assigned or deleted in a loop."""
    names = [node for node in ast.walk(loop) if isinstance(node, ast.Name)]
    return Counter(node.id for node in names if not isinstance(node.ctx, ast.Load))


def _comments(module: Module) -> dict[int, _Comment]:
    found = {}
    with tokenize.open(module.path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if said := re.match(r"#\s*bound:(.*)", token.string):  # only a comment begins so
                alone = token.line.lstrip().startswith("#")
                found[token.start[0]] = _Comment(said[1].strip(), alone)
    return found
