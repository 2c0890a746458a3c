"""The licence that the project names is the same everywhere."""

import json
import tomllib
from pathlib import Path

import pytest

from sluice_tools.itself import FIRMWARE

PROJECT = Path(__file__).parents[2]
LICENCE = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["license"]
ONTO_BOARDS = [
    path
    for folder in ("firmware", "boards")
    for path in sorted((PROJECT / folder).rglob("*.py*"))
    if path.suffix in (".py", ".pyi")
]


def test_the_licence_is_there() -> None:
    text = (PROJECT / "LICENSE").read_text()
    assert text.startswith(f"{LICENCE} License\n") and "the Sluice authors" in text


@pytest.mark.parametrize("path", ONTO_BOARDS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_each_file_for_boards_names_it(path: Path) -> None:
    assert path.read_text().partition("\n")[0] == f"# SPDX-License-Identifier: {LICENCE}"


def test_each_package_names_it() -> None:
    packages = [path for path in FIRMWARE.glob("*.json") if "urls" in path.read_text()]
    packages += [PROJECT / "tools" / name / "package.json" for name in ("vboard", "publish/web")]
    assert len(packages) > 5
    for path in packages:
        assert json.loads(path.read_text())["license"] == LICENCE, path
