"""`from sluice import NAME`: each name comes from its file when it is first asked for."""

import ast
import subprocess
import sys

import pytest

import sluice
from host_sim import FIRMWARE
from sluice_tools.lab.runtimes import RUNTIMES, Runtime

# Rooms are imported as such and with their modules, whatever the face has loaded before.
PROGRAM = """
import sys
from sluice import limit
import sluice.limit.bucket
from sluice.limit import bucket
from sluice import RingQueue, guard, queue
print(hasattr(limit, "bucket"), hasattr(queue, "ring"), hasattr(queue, "records"))
print(sluice.limit is limit, limit.bucket is bucket, queue.ring.RingQueue is RingQueue)
before = "TokenBucket" in sluice.__dict__
from sluice import TokenBucket
print(before, sluice.__dict__["TokenBucket"] is bucket.TokenBucket, guard.__name__)
for name in ("LeakyBucket", "bucket", "__all__"):
    try:
        getattr(sluice, name)
    except AttributeError as error:
        print(error)
"""
PRINTED = [
    "True True False",
    "True True True",
    "False True sluice.guard",
    "module 'sluice' has no attribute 'LeakyBucket'",
    "module 'sluice' has no attribute 'bucket'",
    "module 'sluice' has no attribute '__all__'",
]


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


def test_the_face_knows_its_modules():
    found = {path.stem for path in (FIRMWARE / "sluice").glob("*.py")} - {"__init__"}
    found |= {path.parent.name for path in (FIRMWARE / "sluice").glob("*/__init__.py")}
    assert sorted(found) == list(sluice._MODULES)


def on_cpython(program):
    """The lines that a program prints in an interpreter of its own."""
    command = [sys.executable, "-c", "import host_sim\n" + program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_modules_and_names_are_imported_on_cpython():
    assert on_cpython(PROGRAM) == PRINTED


@pytest.mark.parametrize(
    "kind", [kind for kind in RUNTIMES if kind.holds is None], ids=lambda kind: kind.name
)
def test_modules_and_names_are_imported_on_micropython(kind: type[Runtime]):
    if kind.why_not():
        pytest.skip(kind.why_not())
    runtime = kind()
    try:
        runtime.start({})
        assert runtime.run(PROGRAM) == PRINTED
    finally:
        runtime.stop()


def test_a_name_is_looked_for_once(monkeypatch):
    monkeypatch.delitem(vars(sluice), "Pacer", raising=False)
    asked = []
    monkeypatch.setattr(sluice, "_HOMES", Homes(asked))
    assert sluice.Pacer is sluice.Pacer
    assert asked == ["Pacer"]


class Homes(dict):
    """The face's table, which notes what it is asked."""

    def __init__(self, asked):
        super().__init__(sluice._HOMES)
        self._asked = asked

    def get(self, name):
        self._asked.append(name)
        return super().get(name)


def test_only_what_is_asked_for_is_loaded():
    program = (
        "import sys; from sluice import TokenBucket;"
        "print(*sorted(name for name in sys.modules if name.startswith('sluice.')))"
    )
    names = "sluice.arguments sluice.kernels sluice.limit sluice.limit.bucket sluice.limit.terms"
    assert on_cpython(program) == [names]
