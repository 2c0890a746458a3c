"""What each package installs: derived from imports and kernels' names, with no list of files.

A package holds all that its modules import, also inside functions, and the kernels that they
ask for, because mip cannot name another package by a relative path: its `deps` are looked up in
an index. So each file that a package names stands beside it or below, which works from a
checkout, from a repository and from a plain web server.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...board.flash.compiler import compile_file
from ...board.flash.release import KERNEL, is_kernel, library
from ...errors import UserError

WHOLE = "package.json"  # what mip looks for in a folder
SOURCE = "source"  # an architecture that no mpy-cross knows: the files as they are
ALONE = ("sluice/limit/bucket.py", "sluice/queue/ring.py")
"""What is worth installing with nothing else: a package each, and a flat file each."""

_NAMESPACE = "sluice/"
_INIT = "__init__.py"
_SPDX = "# SPDX-License-Identifier: "


def files(firmware: Path, arch: str) -> dict[str, bytes]:
    """A folder that mip can install from: every package, and all that they install.

    arch: SOURCE, "" for bytecode, or what mpy-cross takes as -march.
    """
    modules = library(firmware, arch)
    found: dict[str, bytes] = {}
    for name, path in modules.items():
        if arch == SOURCE:
            found[name] = path.read_bytes()
        else:
            found[name.removesuffix(".py") + ".mpy"] = compile_file(path, name, arch)
    suffix = ".py" if arch == SOURCE else ".mpy"
    return found | {name: text.encode() for name, text in packages(modules, suffix).items()}


def packages(modules: Mapping[str, Path], suffix: str) -> dict[str, str]:
    """The JSON of each package, by its place in the folder.

    modules: the library's files by their names below the folder.  suffix: of what is installed.
    """
    init = modules[_NAMESPACE + _INIT]
    about = {"version": library_version(init), "license": _licence(init)}
    found = {WHOLE: _json(about, sorted(modules), suffix)}
    for purpose, wanted in _purposes(modules).items():
        names = set().union(*(needed(name, modules) for name in wanted))
        found[f"{purpose}.json"] = _json(about, sorted(names), suffix)
    return found


def _purposes(modules: Mapping[str, Path]) -> dict[str, list[str]]:
    """What each package holds: a room of the library, or one of two modules that stand alone."""
    found = {Path(name).stem: [name] for name in ALONE if name in modules}
    for name in modules:
        room = name.removeprefix(_NAMESPACE).rpartition("/")[0]
        if room and not is_kernel(name):
            found.setdefault(room, []).append(name)
    return found


def needed(name: str, modules: Mapping[str, Path]) -> set[str]:
    """The files that a module needs: itself, its packages, its kernels, and what those need."""
    found = set()
    open_ends = {name}
    while open_ends:
        at = open_ends.pop()
        found.add(at)
        parents = at.split("/")[:-1]
        inits = {"/".join([*parents[: n + 1], _INIT]) for n in range(len(parents))}
        open_ends |= (inits | (set(_asked_for(modules[at])) & modules.keys())) - found
    return found


def _asked_for(path: Path) -> Iterator[str]:
    """The files that a module may import, in whatever function it does so: some do not exist."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield from _kernel(node)
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [node.module or ""]  # and what it names there may be a module itself
            targets += [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            place = target.replace(".", "/")
            yield from (f"{place}.py", f"{place}/{_INIT}")


def _kernel(call: ast.Call) -> Iterator[str]:
    """The file of machine code that `kernel("limit.bucket", ...)` puts in a class's place."""
    if isinstance(call.func, ast.Name) and call.func.id == "kernel":
        owner = call.args[0] if call.args else None
        if not (isinstance(owner, ast.Constant) and isinstance(owner.value, str)):
            raise UserError(f"{ast.unparse(call)}: the first argument must be a module's name")
        yield _NAMESPACE + owner.value.replace(".", "/") + KERNEL


def library_version(init: Path) -> str:
    """`__version__`, which stands in the library's __init__.py and nowhere else."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id == "__version__":
                return str(node.value.value)
    raise UserError(f"{init}: no __version__")


def _licence(path: Path) -> str:
    """The SPDX expression at the head of a file."""
    head = path.read_text(encoding="utf-8").partition("\n")[0]
    if not head.startswith(_SPDX):
        raise UserError(f"{path}: the first line must begin with {_SPDX!r}")
    return head.removeprefix(_SPDX)


def _json(about: Mapping[str, str], names: list[str], suffix: str) -> str:
    """mip reads version, deps and urls; the rest is for people."""
    head = "".join(f'  "{key}": {json.dumps(value)},\n' for key, value in about.items())
    targets = [name.removesuffix(".py") + suffix for name in names]
    urls = [[target, target] for target in targets]
    lines = ",\n".join("    " + json.dumps(pair) for pair in urls)
    return f'{{\n{head}  "deps": [],\n  "urls": [\n{lines}\n  ]\n}}\n'
