"""What in a function's source would take memory from the heap of a board.

Measured on 32-bit MicroPython with `micropython.mem_total()`. What the source does not
say is not found: which strings a `+` joins, how far an integer grows, what a caller
hands in. For that the same methods run on a board with its heap locked.
"""

import ast

from .callgraph import CallGraph
from .constants import SMALL, Constants
from .finding import Finding
from .leaves import LEAVES
from .source import WHOLE, Assigned, Class, Function, Node

_MAKES = {
    ast.FunctionDef: "def makes a function",
    ast.AsyncFunctionDef: "def makes a function",
    ast.Lambda: "lambda makes a function",
    ast.ClassDef: "class makes a class",
    ast.ListComp: "a comprehension makes a list",
    ast.SetComp: "a comprehension makes a set",
    ast.DictComp: "a comprehension makes a dict",
    ast.GeneratorExp: "a generator expression makes a generator",
    ast.Yield: "yield makes each call make a generator",
    ast.YieldFrom: "yield makes each call make a generator",
    ast.Dict: "a dict display makes a dict",
    ast.Set: "a set display makes a set",
    ast.JoinedStr: "an f-string makes a string",
    ast.Import: "import takes memory",
    ast.ImportFrom: "import takes memory",
}
_POINTERS = ("ptr8", "ptr16", "ptr32")


class Allocation:
    """Judges the functions of a library, one at a time."""

    def __init__(self, graph: CallGraph) -> None:
        self.graph = graph
        self.constants = Constants(graph.library)
        self._settled: dict[Class, set[str]] = {}

    def findings(self, function: Function) -> list[Finding]:
        """What the function does that hot code must not."""
        body = _Body(self, function)
        body.signature(function.node)
        for node in function.statements:
            body.visit(node)
        for node, target in self.graph.calls(function):
            if isinstance(target, Class):
                body.report(node, f"a call of {target.node.name} makes an object")
            elif isinstance(target, str) and target not in LEAVES:
                body.report(node, f"calls {target}, which is not known to stay off the heap")
        return body.findings

    def settled(self, cls: Class) -> set[str]:
        """The attributes that objects of the class have once they are made."""
        if cls not in self._settled:
            self._settled[cls] = {
                name
                for constructor in self.graph.members({cls}, "__init__")
                if isinstance(constructor, Function)
                for reached in self.graph.chains(constructor)
                if reached.owner
                for name, definitions in reached.owner.members.items()
                if any(isinstance(one, Assigned) and one.scope is reached for one in definitions)
            }
        return self._settled[cls]


class _Body(ast.NodeVisitor):
    """Visits what runs at a call of one function."""

    def __init__(self, allocation: Allocation, function: Function) -> None:
        self.graph = allocation.graph
        self.constants = allocation.constants
        self.settled = allocation.settled
        self.function = function
        self.findings: list[Finding] = []

    def report(self, node: Node, what: str, raises: str = "") -> None:
        self.findings.append(Finding(self.function, node.lineno, what, raises))

    def signature(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        if isinstance(node, ast.AsyncFunctionDef):
            self.report(node, "async makes each call make a coroutine")
        if node.args.vararg:
            self.report(node, f"*{node.args.vararg.arg} takes the arguments as a tuple")
        if node.args.kwarg:
            self.report(node, f"**{node.args.kwarg.arg} takes the arguments as a dict")
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default:
                self.number(default)

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, Node):
            return self.generic_visit(node)
        if self.number(node):
            return None
        if type(node) in _MAKES:
            self.report(node, _MAKES[type(node)])
        if isinstance(node, WHOLE) and not isinstance(node, ast.Raise):
            return None
        return super().visit(node)

    def number(self, node: Node) -> bool:
        """Whether the compiler makes a number of the whole; reports one that takes memory."""
        number = self.constants.value(node, self.function)
        if isinstance(number, float):
            self.report(node, f"{number!r} is a float, and its operations make new ones")
        elif number is not None and number not in SMALL:
            self.report(node, f"{number} is outside the small integers, -2^30 to 2^30 - 1")
        return number is not None and self.constants.folds(node, self.function)

    def parts(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node:
                self.visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc:
            name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            self.raises(node, ast.unparse(name))

    def visit_Assert(self, node: ast.Assert) -> None:
        self.raises(node, "AssertionError")
        self.visit(node.test)

    def raises(self, node: Node, name: str) -> None:
        self.report(node, f"raises {name}, which no docstring on the way says", name)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.parts(node.target, node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        to, what = node.targets[0], node.value
        if isinstance(to, ast.Tuple) and isinstance(what, ast.Tuple) and _on_stack(to, what):
            self.parts(*to.elts, *what.elts)
        else:
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.operation(node, node.op, node.value)
        if isinstance(node.target, ast.Subscript) and isinstance(node.target.slice, ast.Slice):
            self.report(node, "a slice makes a new object")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.operation(node, node.op, node.left, node.right)
        self.generic_visit(node)

    def operation(self, node: Node, operator: ast.operator, *operands: ast.expr) -> None:
        if isinstance(operator, ast.Div):
            self.report(node, "/ makes a float")
        elif any(self.is_text(operand) for operand in operands):
            self.report(node, "an operation on text makes a new one")

    def is_text(self, expr: ast.expr) -> bool:
        match expr:
            case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
                return True
            case ast.Name(id=name):
                match self.function.lookup(name):
                    case [Assigned(expr=ast.Constant(value=str() | bytes()))]:
                        return True
        return False

    def visit_For(self, node: ast.For) -> None:
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=limits, keywords=[]) if all(
                self.constants.folds(step, self.function) for step in limits[2:]
            ):  # compiled to a counter
                self.parts(node.target, *limits, *node.body, *node.orelse)
            case _:
                self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "range":
            self.report(node, "range makes an object, except in a for loop with a constant step")
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            self.report(node, "* in a call collects the arguments")
        if any(keyword.arg is None for keyword in node.keywords):
            self.report(node, "** in a call collects the arguments")
        self.parts(node.func.value if isinstance(node.func, ast.Attribute) else node.func)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if self.is_pointer(argument):
                self.report(node, "a pointer is handed on as an integer: from 2^30 on, a large one")
            self.visit(argument.value if isinstance(argument, ast.Starred) else argument)

    def is_pointer(self, expr: ast.expr) -> bool:
        """Whether it is a name that viper has as a pointer."""
        if not isinstance(expr, ast.Name):
            return False
        for argument in self.function.node.args.args:
            if argument.arg == expr.id and argument.annotation:
                return ast.unparse(argument.annotation) in _POINTERS
        match self.function.lookup(expr.id):
            case [Assigned(expr=ast.Call(func=ast.Name(id=name)))]:
                return name in _POINTERS
        return False

    def visit_Starred(self, node: ast.Starred) -> None:
        self.report(node, "* collects a list")
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        if isinstance(node.ctx, ast.Load) and not self.constants.folds(node, self.function):
            self.report(node, "a tuple is made")
        self.generic_visit(node)

    def visit_List(self, node: ast.List) -> None:
        if isinstance(node.ctx, ast.Load):
            self.report(node, "a list display makes a list")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Slice) and not isinstance(node.ctx, ast.Store):
            self.report(node, "a slice makes a new object")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self.value_of_attribute(node)
        elif isinstance(node.value, ast.Name):
            cls = self.function.self_class(node.value.id)
            if cls and node.attr not in self.settled(cls):
                self.report(node, f"no constructor sets {node.attr}: its first value takes memory")
        self.visit(node.value)

    def value_of_attribute(self, node: ast.Attribute) -> None:
        if self.graph.dotted(node, self.function):
            return
        owners = self.graph.instances(node.value, self.function)
        members = self.graph.members(owners, node.attr)
        if all(isinstance(one, Function) and not one.is_property for one in members):
            maybe = "is" if members else "may be"
            self.report(node, f"{ast.unparse(node)} as a value {maybe} a bound method")


def _on_stack(to: ast.Tuple, what: ast.Tuple) -> bool:
    """Whether the compiler turns the assignment of a tuple into moves on the stack."""
    brackets = _in_parentheses(to) or _in_parentheses(what)
    return len(to.elts) == len(what.elts) <= 3 and not brackets


def _in_parentheses(node: ast.Tuple) -> bool:
    first, last = node.elts[0], node.elts[-1]
    starts = (node.lineno, node.col_offset) != (first.lineno, first.col_offset)
    return starts and (node.end_lineno, node.end_col_offset) != (
        last.end_lineno,
        last.end_col_offset,
    )
