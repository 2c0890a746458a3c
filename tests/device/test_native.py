"""A board with a native emitter runs the kernels, without being told, and they do the same."""

import ast
import random
import re
from itertools import zip_longest

import pytest
from conftest import HERE

from host_sim import FIRMWARE
from sluice_tools.lab.runtimes import Rp2040, Unix

LIBRARY = FIRMWARE / "sluice"
ALL = ["Pipeline", "RecordRing", "RingQueue", "Stats", "TokenBucket"]
IN_USE = "\nimport machine_code\nprint(*machine_code.names())"
ORDERS = 20

on_unix = pytest.mark.skipif(Unix.why_not() is not None, reason=str(Unix.why_not()))
each = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind,
            marks=pytest.mark.skipif(kind.why_not() is not None, reason=str(kind.why_not())),
            id=kind.name,
        )
        for kind in (Unix, Rp2040)
    ],
)


def face():
    """The public names, as `from sluice import` finds them."""
    body = ast.parse((LIBRARY / "__init__.pyi").read_text()).body
    return [node.names[0].name for node in body if isinstance(node, ast.ImportFrom)]


def imports_of(*paths):
    """The imports of the library at the head of these files, in their order."""
    nodes = [node for path in paths for node in ast.parse(path.read_text()).body]
    return "\n".join(
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sluice")
    )


@each
def test_with_the_program_s_imports_all_kernels_are_in_use(running, kind):
    program = LIBRARY / "program" / "program.py"
    files = [FIRMWARE / "main.py"] + [program] * program.exists()
    board = running(kind)
    board.renew()
    assert board.run(imports_of(*files) + IN_USE) == [" ".join(ALL)]


@on_unix
@pytest.mark.parametrize("native", [True, False])
def test_the_program_runs_on_them_where_they_are_installed(running, native):
    program = "open('/config.json', 'w').write('{}')\nimport main" + IN_USE
    start, stop, found = running(Unix, native=native).run(program)
    said = re.fullmatch(r"event=start .* kernels=(\d+)/(\d+)", start)
    assert said, start
    in_force, asked_for = map(int, said.groups())
    assert asked_for > len(ALL)
    assert in_force == (asked_for if native else 0)
    assert found == (" ".join(ALL) if native else "")
    assert stop == "event=stop"


@on_unix
def test_no_order_of_the_face_s_names_loses_one(running):
    names, random_ = face(), random.Random(1)
    lost = {}
    for _ in range(ORDERS):
        random_.shuffle(names)
        found = running(Unix).run(f"from sluice import {', '.join(names)}" + IN_USE)
        if found != [" ".join(ALL)]:
            lost[tuple(names)] = found
    assert lost == {}


@on_unix
def test_whichever_module_comes_first_none_is_lost(running):
    places = [path.relative_to(FIRMWARE).with_suffix("") for path in LIBRARY.rglob("*.py")]
    modules = [".".join(place.parts) for place in places if place.name != "__init__"]
    assert "sluice.flow.pipeline_native" in modules
    modules.remove("sluice.net.wifi")  # the unix port has no network.WLAN
    found = {module: running(Unix).run(f"import {module}" + IN_USE) for module in modules}
    assert {module: names for module, names in found.items() if names != [" ".join(ALL)]} == {}


@on_unix
@pytest.mark.timeout(300)
def test_they_answer_as_the_plain_classes_do(running):
    program = (HERE / "operations.py").read_text()
    kernels, plain = (
        running(Unix, native=native).run(program + IN_USE, timeout_s=120)
        for native in (True, False)
    )
    assert (kernels.pop(), plain.pop()) == (" ".join(ALL), "")
    assert len(plain) > 40_000
    for at, (answer, expected) in enumerate(zip_longest(kernels, plain)):
        assert answer == expected, "\n".join(plain[max(0, at - 5) : at])
