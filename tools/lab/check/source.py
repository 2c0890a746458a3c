"""The firmware's source as the checks see it: functions, classes, and what names stand for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAMBDA = "<lambda>"  # the name of a function that has none

Node = ast.expr | ast.stmt  # what has a place in the source


@dataclass(frozen=True)
class Given:
    """A parameter of a function: its value comes from the caller."""

    name: str
    function: Function

    @property
    def doc(self) -> str:
        """The first sentence of what the docstring says of it; a constructor's is the class's."""
        told = _docstring(self.function.node)
        if self.function.owner:
            told += "\n" + _docstring(self.function.owner.node)
        entry = re.search(rf"\b{self.name}:\s+([^.;]+)", told)
        return entry[1] if entry else ""


@dataclass(frozen=True, eq=False)
class Assigned:
    """What an expression gives; None: something that no assignment names, as a loop's variable."""

    expr: ast.expr | None
    scope: Scope


class Scope:
    """A module or a function, with the definitions of its names. `dotted` is its own name."""

    def __init__(self, dotted: str, outer: Scope | None) -> None:
        self.dotted = dotted
        self.outer = outer
        self.names: dict[str, list[Definition]] = {}

    def lookup(self, name: str) -> list[Definition]:
        """All that the name may stand for here; empty for a built-in."""
        if name in self.names or self.outer is None:
            return self.names.get(name, [])
        return self.outer.lookup(name)


class Module(Scope):
    """One file."""

    def __init__(self, dotted: str, path: Path, tree: ast.Module) -> None:
        super().__init__(dotted, None)
        self.path = path
        self.tree = tree


class Class:
    """A class; `members` holds its methods, its own values and what methods set in `self`."""

    def __init__(self, node: ast.ClassDef, scope: Scope, module: Module) -> None:
        self.dotted = f"{scope.dotted}.{node.name}"
        self.node = node
        self.scope = scope
        self.module = module
        self.members: dict[str, list[Definition]] = {}


class Function(Scope):
    """A function, method, nested function or lambda; `owner` is the class that has the method."""

    def __init__(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        outer: Scope,
        owner: Class | None,
        module: Module,
    ) -> None:
        name = LAMBDA if isinstance(node, ast.Lambda) else node.name
        super().__init__(f"{(owner or outer).dotted}.{name}", outer)
        self.node = node
        self.owner = owner
        self.module = module
        self.parameters = [*node.args.posonlyargs, *node.args.args]
        for parameter in ast.walk(node.args):
            if isinstance(parameter, ast.arg):
                self.names[parameter.arg] = [Given(parameter.arg, self)]

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it in its file: a class and a method, say."""
        return tuple(self.dotted.removeprefix(self.module.dotted + ".").split("."))

    @property
    def label(self) -> str:
        """Its name for people: file, class, function."""
        return self.dotted.removeprefix("sluice.")

    @property
    def doc(self) -> str:
        return _docstring(self.node)

    @property
    def hot(self) -> bool:
        """Whether its docstring marks it so."""
        return "Hot." in self.doc

    @property
    def is_property(self) -> bool:
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return any(isinstance(one, ast.Name) and one.id == "property" for one in decorators)

    @property
    def is_machine_code(self) -> bool:
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return any(ast.unparse(one).startswith("micropython.") for one in decorators)

    @property
    def statements(self) -> list[ast.AST]:
        """What runs at a call; of a lambda, the expression."""
        return [self.node.body] if isinstance(self.node, ast.Lambda) else list(self.node.body)

    def self_class(self, name: str) -> Class | None:
        """The class of the object that `name` is `self` for, here or in the method around."""
        if self.owner and self.parameters and self.parameters[0].arg == name:
            return self.owner
        return self.outer.self_class(name) if isinstance(self.outer, Function) else None

    def body(self) -> Iterator[Node]:
        """The expressions and statements that run at a call, each before its parts.

        Left out are the parts of what the checks judge as a whole: definitions,
        comprehensions, f-strings and what is raised.
        """
        waiting: list[ast.AST] = self.statements[::-1]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Node):
                yield node
            if not isinstance(node, WHOLE):
                waiting += reversed(list(ast.iter_child_nodes(node)))


Definition = Function | Class | Given | Assigned | str  # a string: the dotted name of an import

WHOLE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.Raise,
)


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef) -> str:
    return "" if isinstance(node, ast.Lambda) else ast.get_docstring(node) or ""
