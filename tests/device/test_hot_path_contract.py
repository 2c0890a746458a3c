"""The hot-path contract on real MicroPython: in bytecode with 31-bit small integers, in viper."""

import ast

import pytest
from conftest import HERE

from host_sim import FIRMWARE
from sluice_tools.lab.runtimes import Unix, WebAssembly

# What needs hardware that the virtual board has not: it is asked for on real boards.
NOT_ON_THIS_BOARD = {"stdio.StdioLine.readinto", "stdio.StdioLine.write", "usb.UsbLine.readinto"}


@pytest.fixture(params=[WebAssembly, Unix], ids=lambda runtime: runtime.name)
def run_here(request, running, run_on_board):
    """Runs a program of this folder on the virtual board, or with the kernels on unix."""
    if request.param is WebAssembly:
        return run_on_board
    if reason := request.param.why_not():
        pytest.skip(reason)
    return lambda program: running(request.param).run((HERE / program).read_text())


def marked_hot():
    """What the docstrings of the library mark as hot, by its public name if it has two."""
    found = set()
    for path in (FIRMWARE / "sluice").rglob("*.py"):
        if path.stem.endswith("_native"):  # the same methods
            continue
        for node in ast.parse(path.read_text()).body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = (
                f"{path.stem}.{node.name}." if isinstance(node, ast.ClassDef) else path.stem + "."
            )
            public = {
                member.value.id: member.targets[0].id
                for member in members
                if isinstance(member, ast.Assign)
                and isinstance(member.value, ast.Name)
                and isinstance(member.targets[0], ast.Name)
            }
            for member in members:
                if isinstance(member, ast.FunctionDef) and "Hot." in (
                    ast.get_docstring(member) or ""
                ):
                    found.add(prefix + public.get(member.name, member.name))
    return found


def test_every_hot_method_runs_with_the_heap_locked(run_here):
    lines = run_here("hot_paths.py")
    assert [line for line in lines if not line.startswith("hot ")] == []
    assert {line.removeprefix("hot ") for line in lines} == marked_hot() - NOT_ON_THIS_BOARD


@pytest.mark.skipif(Unix.why_not() is not None, reason=str(Unix.why_not()))
@pytest.mark.parametrize("native", [True, False])
def test_no_hot_method_takes_its_frame_from_the_heap(running, native):
    program = "COUNTED = True\n" + (HERE / "hot_paths.py").read_text()
    lines = running(Unix, native=native).run(program)
    assert [line for line in lines if not line.startswith("hot ")] == []
    assert {line.removeprefix("hot ") for line in lines} == marked_hot() - NOT_ON_THIS_BOARD


@pytest.mark.skipif(Unix.why_not() is not None, reason=str(Unix.why_not()))
def test_the_count_sees_a_frame(running):
    names = [f"v{n}" for n in range(12)]
    twelve = f"def planted():\n    {' = '.join(names)} = 0\n    return v0\n"
    program = twelve + (
        "import micropython\nbefore = micropython.mem_total()\n"
        "planted()\nprint(micropython.mem_total() > before)"
    )
    assert running(Unix).run(program) == ["True"]


def test_100_000_events_leave_the_heap_as_it_was(run_here):
    assert run_here("allocation.py") == ["allocated 0 events 100000"]


STILL = ["still 0", "still 1", "still 2", "takes 3"]


def test_a_decorated_function_takes_nothing_for_two_arguments(run_here):
    assert run_here("limited_calls.py") == STILL


@pytest.mark.skipif(Unix.why_not() is not None, reason=str(Unix.why_not()))
@pytest.mark.parametrize("native", [True, False])
def test_nor_does_its_frame(running, native):
    program = "COUNTED = True\n" + (HERE / "limited_calls.py").read_text()
    assert running(Unix, native=native).run(program) == STILL


def test_the_check_sees_an_allocation(run_here):
    """What the two tests above rest on: a heap that is locked refuses, and mem_alloc counts."""
    lines = run_here("planted.py")
    assert lines == ["locked heap refused", "counted True"]
