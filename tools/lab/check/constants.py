"""Integers and floats that the source fixes, and what of them the compiler computes."""

import ast
import operator
from collections.abc import Callable

from .library import Library
from .source import Assigned, Scope

SMALL = range(-(1 << 30), 1 << 30)  # the integers that need no heap on a 32-bit board

_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}


class Constants:
    """The values of a library's constant expressions."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def value(self, expr: ast.AST, scope: Scope) -> int | float | None:
        """The number that expr is, through the constants that it names; None: it is not fixed."""
        match expr:
            case ast.Constant(value=bool()):
                return None
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return self._named(scope.lookup(name))
            case ast.Call(func=ast.Name(id="const"), args=[inner]):
                return self.value(inner, scope)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _compute(_UNARY[type(op)], self.value(operand, scope))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                numbers = self.value(left, scope), self.value(right, scope)
                return _compute(_BINARY[type(op)], *numbers)
        return None

    def folds(self, expr: ast.AST, scope: Scope) -> bool:
        """Whether the compiler replaces expr by one constant object: no name but by const()."""
        match expr:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return any(_is_const(one) for one in scope.lookup(name))
            case ast.UnaryOp(operand=operand):
                return self.folds(operand, scope)
            case ast.BinOp(left=left, right=right):
                return self.folds(left, scope) and self.folds(right, scope)
            case ast.Tuple(elts=elements):
                return all(self.folds(element, scope) for element in elements)
        return False

    def _named(self, definitions: list) -> int | float | None:
        match definitions:
            case [str(dotted)]:
                return self._named(self.library.find(dotted))
            case [Assigned(expr=ast.expr() as expr, scope=scope)] if scope.outer is None:
                return self.value(expr, scope)
        return None


def _compute(operation: Callable, *numbers: int | float | None) -> int | float | None:
    if None in numbers:
        return None
    try:
        return operation(*numbers)
    except (ArithmeticError, TypeError, ValueError):  # 1 // 0 is for the program to meet
        return None


def _is_const(definition: object) -> bool:
    match definition:
        case Assigned(expr=ast.Call(func=ast.Name(id="const"))):
            return True
    return False
