"""The cases of tests/suite as programs for boards: what pytest finds there, and no more."""

import ast
from dataclasses import dataclass
from pathlib import Path

SUITE = Path(__file__).resolve().parents[1] / "suite"
PASSED = ["passed"]


@dataclass(frozen=True)
class Case:
    """One test function of a file; its program prints PASSED."""

    file: str
    name: str
    program: str
    needs: frozenset[str]
    """The modules of the library that its file and its helpers import."""


def helpers(holds: frozenset[str] | None) -> dict[str, Path]:
    """The modules that cases import, by name, for a runtime that holds these of the library."""
    files = [path for path in SUITE.rglob("test_*.py") if holds is None or _needs(path) <= holds]
    return {path.stem: path for file in files for path in _helpers_of(file)}


def cases() -> list[Case]:
    return [case for path in sorted(SUITE.rglob("test_*.py")) for case in _cases_of(path)]


def _cases_of(path: Path) -> list[Case]:
    body = ast.parse(path.read_text()).body
    tests = [node for node in body if _is_test(node)]
    head = [node for node in body if node not in tests]
    # The test's body without the function around it: a micro:bit's stack is six calls deep.
    return [
        Case(
            path.stem,
            test.name,
            f"{_text(head)}\n{_text(test.body)}\nprint('passed')",
            _needs(path),
        )
        for test in tests
        if isinstance(test, ast.FunctionDef)
    ]


def _needs(path: Path) -> frozenset[str]:
    files = {path, *_helpers_of(path)}
    return frozenset(
        name.rpartition(".")[2]
        for file in files
        for name in _imported(file)
        if name.startswith("sluice.")
    )


def _helpers_of(path: Path) -> set[Path]:
    """The other files of the suite that it imports, and those that they do."""
    direct = {SUITE / f"{name}.py" for name in _imported(path)}
    found = {helper for helper in direct if helper.is_file()}
    return found.union(*map(_helpers_of, found))


def _imported(path: Path) -> list[str]:
    body = ast.parse(path.read_text()).body
    return [node.module for node in body if isinstance(node, ast.ImportFrom) and node.module]


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def _text(body: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(body, []))
