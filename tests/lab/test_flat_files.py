"""Flat files mean what the library means: the shared suite runs on them, here on CPython."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from host_sim import FIRMWARE
from sluice_tools.lab.runtimes.flat import PART, flat_files, flat_program
from sluice_tools.publish.mip.flat import sources

SUITE = Path(__file__).resolve().parents[1] / "suite"
CASES = sorted([*SUITE.glob("limit/test_bucket_*.py"), *SUITE.glob("queue/test_ring_*.py")])
MODULES = sources(FIRMWARE)

# The board's clock is host_sim's; its modules are those of its own folder, and no others.
BOARD = f"""
import sys
sys.path.insert(0, {str(FIRMWARE.parent)!r})
import host_sim
sys.path[:2] = [""]
"""


HELPERS = {"clock": (SUITE / "clock.py").read_text()}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A folder that is a board's flat file system."""
    folder = tmp_path_factory.mktemp("board")
    for name, text in flat_files(MODULES | HELPERS).items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_shared_suite_passes_on_them(board, path):
    tests = [node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")]
    calls = [f"{name}()" for name in tests if name.startswith("test_")]
    program = flat_program(path.read_text(), MODULES | HELPERS)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "\n".join([BOARD, *program, *calls, "print('sluice' in sys.modules)"]),
        ],
        cwd=board,
        capture_output=True,
        text=True,
        check=False,
    )
    assert calls
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_parts_are_small_and_say_nothing_to_people():
    for name, text in flat_files(MODULES).items():
        whole_functions = [node for node in ast.parse(text).body if hasattr(node, "args")]
        assert len(text) <= PART or len(whole_functions) == 1, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                assert ast.get_docstring(node) is None
            if isinstance(node, ast.FunctionDef):
                assert node.returns is None
                assert not any(argument.annotation for argument in node.args.args)


SMALL = '''"""About."""
from micropython import const
from sluice.kernels import kernel
from sluice.queue.ring import Ring
_HALF = const(1 << 29)
FULL = const(_HALF - 1 + _HALF)

class Queue(Ring):
    """More about."""

    def put(self, item: int = FULL) -> bool:
        """Puts."""

    def wait(self):
        from sluice.deadline import Deadline
        return Deadline(_HALF)

Queue = kernel("queue", "Queue", Queue)
'''


def test_what_a_module_becomes():
    text = flat_files({"queue": SMALL, "ring": ""})["queue.0"]
    assert text == (
        "from ring import Ring\n"
        "FULL = 1073741823\n"
        "class Queue(Ring):\n"
        "\n"
        " def put(I, item=1073741823):\n"
        "  pass\n"
    )


def test_a_method_stays_where_the_module_that_it_imports_is_there():
    files = flat_files({"queue": SMALL, "ring": "", "deadline": ""})
    assert "  from deadline import Deadline\n  return Deadline(536870912)\n" in files["queue.0"]


def test_what_a_module_imports_is_imported_before_it():
    modules = {
        "low": "",
        "middle": "from sluice.limit.low import a\n",
        "other": "from sluice.limit.low import a\nfrom sluice.middle import b\n",
    }
    program = "import time\nfrom sluice.queue.other import c\nc()\n"
    assert flat_program(program, modules) == [
        "import time\n",
        "import low\n",
        "import middle\n",
        "from other import c\n",
        "c()\n",
    ]


def test_a_large_class_gets_its_members_one_by_one():
    body = "".join(f" def m{i}(self):\n  return {'9' * 400}\n" for i in range(3))
    files = flat_files({"large": f"class Large:\n{body} again = m1\n"})
    assert sorted(files) == ["large.0", "large.1", "large.2", "large.py"]
    namespace = {}
    for number in range(3):
        exec(files[f"large.{number}"], namespace)
    assert set(namespace) == {"__builtins__", "Large"}
    large = namespace["Large"]()
    assert large.m0() == large.m2() == int("9" * 400)
    assert large.again.__func__ is type(large).m1
