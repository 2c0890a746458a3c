"""Who calls whom, found without running anything: too many callees rather than too few.

An object's class is known when all that is ever assigned to it is a call of that class,
or a parameter whose docstring names it ("ring: a RecordRing"). Where it is not known, a
method may be that of every class in the library that has one of this name with fitting
arguments; if some of these are marked as hot, it is taken to be one of them.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from .library import Library
from .source import Assigned, Class, Definition, Function, Given, Node, Scope

Target = Function | Class | Given | str  # a string: something outside the library, by its name

_SUBSCRIPTS = {ast.Load: "__getitem__", ast.Store: "__setitem__", ast.Del: "__delitem__"}


class CallGraph:
    """The calls between the functions of a library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._under_way: set[Assigned] = set()  # a name can be assigned from itself
        self._calls: dict[Function, list[tuple[Node, Target]]] = {}

    def chains(self, root: Function) -> dict[Function, list[Function]]:
        """Each function that a call of root can reach, with a shortest way to it."""
        chains = {root: [root]}
        waiting = [root]
        for function in waiting:  # grows while it is walked
            for _, target in self.calls(function):
                if isinstance(target, Function) and target not in chains:
                    chains[target] = [*chains[function], target]
                    waiting.append(target)
        return chains

    def calls(self, function: Function) -> list[tuple[Node, Target]]:
        """All that a function calls, each with the place in its source."""
        if function not in self._calls:
            self._calls[function] = list(self._find_calls(function))
        return self._calls[function]

    def instances(self, expr: ast.expr, scope: Scope) -> set[Class] | None:
        """The classes of the library that expr is an object of, or one of them itself.

        Empty: an object from outside the library. None: that cannot be told.
        """
        match expr:
            case ast.Name(id=name):
                cls = isinstance(scope, Function) and scope.self_class(name)
                return {cls} if cls else self._all_instances(scope.lookup(name))
            case ast.Attribute(value=base, attr=name):
                if self.dotted(expr, scope):
                    return set()
                owners = self.instances(base, scope)
                return self._all_instances(self.members(owners, name)) if owners else None
            case ast.Call(func=func):
                made = self.targets(func, scope)
                given = any(isinstance(target, Function | Given) for target in made)
                return None if given else {target for target in made if isinstance(target, Class)}
            case ast.Constant() | ast.List() | ast.Tuple() | ast.Dict() | ast.ListComp():
                return set()
        return None

    def members(self, classes: set[Class] | None, name: str) -> list[Definition]:
        """What an attribute of that name may be, of one of these classes or of any."""
        family = self._shared_classes() if classes is None else self._families(classes)
        return [definition for cls in family for definition in cls.members.get(name, [])]

    def targets(self, func: ast.expr, scope: Scope, call: ast.Call | None = None) -> list[Target]:
        """What may run when func is called; `call` sorts out methods with other arguments."""
        match func:
            case ast.Name(id=name):
                definitions = scope.lookup(name)
                return self._stand_for(definitions) if definitions else [name]
            case ast.Attribute(value=base, attr=name):
                if dotted := self.dotted(func, scope):
                    return self._stand_for([dotted])
                owners = self.instances(base, scope)
                definitions = self.members(owners, name)
                if owners is None:
                    fitting = (one for one in definitions if not call or _fits(one, call))
                    definitions = _likely(fitting)
                return self._stand_for(definitions) if definitions else [f".{name}"]
            case ast.Lambda():
                return [self.library.lambdas[func]]
            case ast.IfExp(body=one, orelse=other):
                return self.targets(one, scope) + self.targets(other, scope)
            case ast.Constant():  # None, where a function can be left out
                return []
        return [ast.unparse(func)]

    def dotted(self, expr: ast.expr, scope: Scope) -> str | None:
        """`time.ticks_ms` as it was imported; None when expr is not part of a module."""
        match expr:
            case ast.Name(id=name):
                for definition in scope.lookup(name):
                    if isinstance(definition, str) and not self.library.find(definition):
                        return definition
            case ast.Attribute(value=base, attr=name):
                home = self.dotted(base, scope)
                return f"{home}.{name}" if home else None
        return None

    def _find_calls(self, function: Function) -> Iterator[tuple[Node, Target]]:
        for node in function.body():
            if isinstance(node, ast.Call):
                for target in self.targets(node.func, function, node) or [ast.unparse(node.func)]:
                    yield node, target
            for expr, name in _implied(node):
                owners = self.instances(expr, function)
                members = self.members(owners, name)
                for member in _likely(members) if owners is None else members:
                    if isinstance(member, Function) and (
                        member.is_property or not isinstance(node, ast.Attribute)
                    ):
                        yield node, member

    def _all_instances(self, definitions: Iterable[Definition]) -> set[Class] | None:
        found: set[Class] = set()
        for definition in definitions:
            classes = self._instances_of(definition)
            if classes is None:
                return None
            found |= classes
        return found

    def _instances_of(self, definition: Definition) -> set[Class] | None:
        if isinstance(definition, Class):
            return {definition}
        if isinstance(definition, str):
            return self._all_instances(self.library.find(definition))
        if isinstance(definition, Given):
            said = set(re.findall(r"\w+", definition.doc))
            return {cls for cls in self._shared_classes() if cls.node.name in said} or None
        if not isinstance(definition, Assigned) or not definition.expr:
            return None
        if definition in self._under_way:
            return set()
        self._under_way.add(definition)
        classes = self.instances(definition.expr, definition.scope)
        self._under_way.remove(definition)
        return classes

    def _stand_for(self, definitions: Iterable[Definition]) -> list[Target]:
        found: list[Target] = []
        for definition in definitions:
            if isinstance(definition, str):
                inside = self.library.find(definition)
                found += self._stand_for(inside) if inside else [definition]
            elif not isinstance(definition, Assigned):
                found.append(definition)
            elif not definition.expr:
                found.append("a value that no assignment names")
            elif definition not in self._under_way:
                self._under_way.add(definition)
                found += self.targets(definition.expr, definition.scope)
                self._under_way.remove(definition)
        return found

    def _shared_classes(self) -> list[Class]:
        """The classes of packages: those of programs are nobody else's."""
        return [cls for cls in self.library.classes if "." in cls.module.dotted]

    def _families(self, classes: set[Class]) -> list[Class]:
        """The classes with all that they inherit from and all that inherit from them."""
        return [
            cls
            for cls in self.library.classes
            if any(cls in self._ancestry(one) or one in self._ancestry(cls) for one in classes)
        ]

    def _ancestry(self, cls: Class) -> set[Class]:
        found = [cls]
        for each in found:  # grows while it is walked
            for base in each.node.bases:
                # A class in machine code extends one that `over` is handed, as its docstring says.
                handed = self.instances(base, each.scope) or set()
                for parent in [*self.targets(base, each.scope), *handed]:
                    if isinstance(parent, Class) and parent not in found:
                        found.append(parent)
        return set(found)


def _implied(node: Node) -> list[tuple[ast.expr, str]]:
    """The methods that run without being called by name, each with its object."""
    match node:
        case ast.Attribute(value=owner, attr=name, ctx=ast.Load()):
            return [(owner, name)]  # a property, perhaps
        case ast.Call(func=ast.Name(id="len"), args=[container]):
            return [(container, "__len__")]
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[container]):
            return [(container, "__contains__")]
        case ast.For(iter=iterable):
            return [(iterable, "__iter__"), (iterable, "__next__")]
        case ast.Subscript(value=container, ctx=context):
            return [(container, _SUBSCRIPTS[type(context)])]
        case ast.With(items=items):
            managers = [item.context_expr for item in items]
            return [(one, name) for one in managers for name in ("__enter__", "__exit__")]
    return []


def _likely(definitions: Iterable[Definition]) -> list[Definition]:
    """Those marked as hot; all if none is."""
    definitions = list(definitions)
    return [one for one in definitions if isinstance(one, Function) and one.hot] or definitions


def _fits(definition: Definition, call: ast.Call) -> bool:
    """Whether a method takes the arguments of a call, `self` apart."""
    if not isinstance(definition, Function) or not definition.owner:
        return True
    spec = definition.node.args
    names = {parameter.arg for parameter in (*definition.parameters, *spec.kwonlyargs)}
    most = len(definition.parameters) - 1
    least = most - len(spec.defaults)
    named = {keyword.arg for keyword in call.keywords}
    if spec.vararg or spec.kwarg:
        return True
    return named <= names and len(call.args) <= most and len(call.args) + len(named) >= least
