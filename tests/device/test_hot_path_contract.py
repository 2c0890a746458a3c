"""The hot-path contract on real MicroPython with 31-bit small integers."""

import ast

from host_sim import FIRMWARE

# What needs hardware that the virtual board has not: it is asked for on real boards.
NOT_ON_THIS_BOARD = {"stdio.StdioLine.readinto", "stdio.StdioLine.write"}


def marked_hot():
    """What the docstrings of the library mark as hot, by its public name if it has two."""
    found = set()
    for path in (FIRMWARE / "sluice").glob("*.py"):
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


def test_every_hot_method_runs_with_the_heap_locked(run_on_board):
    lines = run_on_board("hot_paths.py")
    assert [line for line in lines if not line.startswith("hot ")] == []
    assert {line.removeprefix("hot ") for line in lines} == marked_hot() - NOT_ON_THIS_BOARD


def test_100_000_events_leave_the_heap_as_it_was(run_on_board):
    assert run_on_board("allocation.py") == ["allocated 0 events 100000"]


def test_the_check_sees_an_allocation(run_on_board, tmp_path):
    """What the two tests above rest on: a heap that is locked refuses, and mem_alloc counts."""
    lines = run_on_board("planted.py")
    assert lines == ["locked heap refused", "counted True"]
