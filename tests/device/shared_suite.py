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
    found = {path.stem: path for path in SUITE.glob("*.py") if not path.stem.startswith("test_")}
    return {name: path for name, path in found.items() if holds is None or _needs(path) <= holds}


def cases() -> list[Case]:
    return [case for path in sorted(SUITE.glob("test_*.py")) for case in _cases_of(path)]


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
    needs: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            helper = SUITE / f"{node.module}.py"
            if node.module.startswith("sluice."):
                needs.add(node.module.removeprefix("sluice."))
            elif helper.is_file():
                needs |= _needs(helper)
    return frozenset(needs)


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def _text(body: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(body, []))
