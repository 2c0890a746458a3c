"""`from sluice import NAME`: each name comes from its file when it is first asked for."""

import ast
import subprocess
import sys

import pytest

import sluice
from host_sim import FIRMWARE


def stub_names():
    tree = ast.parse((FIRMWARE / "sluice" / "__init__.pyi").read_text())
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield node.names[0].name, node.module


def test_the_stub_for_type_checkers_says_the_same():
    assert dict(stub_names()) == {name: f"sluice.{home}" for name, home in sluice._HOMES.items()}


@pytest.mark.parametrize(("name", "module"), list(stub_names()))
def test_each_name_is_that_of_its_file(name, module):
    assert getattr(sluice, name) is getattr(sys.modules[module], name)


def test_an_unknown_name_is_named():
    with pytest.raises(ImportError, match="LeakyBucket"):
        from sluice import LeakyBucket  # noqa: F401


def test_only_what_is_asked_for_is_loaded():
    program = (
        "import os; os.environ.pop('SLUICE_NATIVE', None);"  # a kernel is a module, too
        "import host_sim, sys; from sluice import TokenBucket;"
        "print(sorted(name for name in sys.modules if name.startswith('sluice')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = "sluice sluice.arguments sluice.kernels sluice.limit sluice.limit.bucket"
    assert done.stdout.strip() == str([*loaded.split(), "sluice.limit.terms"])
