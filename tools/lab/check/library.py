"""The firmware read: every module under a folder, with the definitions of its names."""

import ast
from collections.abc import Iterable
from pathlib import Path

from ...errors import UserError
from .source import Assigned, Class, Definition, Function, Module, Scope


class Library:
    """Every module under a folder."""

    def __init__(self, folder: Path) -> None:
        self.modules: dict[str, Module] = {}
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.lambdas: dict[ast.Lambda, Function] = {}
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder).with_suffix("")
            dotted = ".".join(part for part in inside.parts if part != "__init__")
            module = self.modules[dotted] = Module(dotted, path, _parse(path))
            _Binder(self, module, module).walk(module.tree.body)

    def find(self, dotted: str) -> list[Definition]:
        """What the dotted name of an import stands for; empty when it is none of the library's."""
        home, _, name = dotted.rpartition(".")
        if home not in self.modules:
            return []
        if name in self.modules[home].names:
            return self.modules[home].names[name]
        # A package can load its names from its files when they are asked for.
        inside = [cls for cls in self.classes if cls.dotted.startswith(home + ".")]
        return [cls for cls in inside if cls.node.name == name]


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path} does not compile: {error}") from None


class _Binder(ast.NodeVisitor):
    """Finds what the statements of one scope define."""

    def __init__(self, library: Library, scope: Scope, module: Module) -> None:
        self.library = library
        self.scope = scope
        self.module = module
        self.owner: Class | None = None  # the class whose body is being read
        self.elsewhere: set[str] = set()  # names declared global or nonlocal

    def walk(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def define(self, name: str, definition: Definition) -> None:
        names = self.owner.members if self.owner else self.scope.names
        if name not in self.elsewhere:
            names.setdefault(name, []).append(definition)

    def bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            for definition in self.meant_by(value):
                self.define(target.id, definition)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            cls = isinstance(self.scope, Function) and self.scope.self_class(target.value.id)
            if cls:
                cls.members.setdefault(target.attr, []).append(Assigned(value, self.scope))
        elif isinstance(target, ast.Tuple | ast.List):
            values: list[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, ast.Tuple) and len(value.elts) == len(values):
                values[:] = value.elts
            for part, its_value in zip(target.elts, values, strict=True):
                self.bind(part, its_value)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, None)

    def meant_by(self, value: ast.expr | None) -> list[Definition]:
        """In a class body a name can be another for a method above it.

        What `kernel` returns is what it was handed, or the one of this name that extends it.
        """
        match value:
            case ast.Call(func=ast.Name(id="kernel"), args=[_, _, plain]):
                value = plain
        if self.owner and isinstance(value, ast.Name) and value.id in self.owner.members:
            return self.owner.members[value.id]
        return [Assigned(value, self.scope)]

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.define(node.name, self.function(node))
        self.walk([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.library.lambdas[node] = self.function(node)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
        function = Function(node, self.scope, self.owner, self.module)
        self.library.functions.append(function)
        _Binder(self.library, function, self.module).walk(function.statements)
        return function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        cls = Class(node, self.scope, self.module)
        self.library.classes.append(cls)
        self.define(node.name, cls)
        outside, self.owner = self.owner, cls
        self.walk(node.body)
        self.owner = outside

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.define(alias.asname or name, name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.define(alias.asname or alias.name, f"{node.module}.{alias.name}")

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.elsewhere.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.bind(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.bind(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.bind(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        self.bind(node.target, None)
        self.generic_visit(node)

    visit_AsyncFor = visit_For
    visit_comprehension = visit_For

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars:
            self.bind(node.optional_vars, None)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.define(node.name, Assigned(None, self.scope))
        self.generic_visit(node)
