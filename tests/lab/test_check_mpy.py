"""The reader of compiled files."""

import pytest

from sluice_tools.board.flash.compiler import compile_file
from sluice_tools.errors import UserError
from sluice_tools.lab.check import mpy


def read(folder, source: str, arch: str = "") -> mpy.Code:
    path = folder / "module.py"
    path.write_text(source)
    return mpy.read(compile_file(path, "module.py", arch))


def test_a_function(tmp_path):
    [put] = read(tmp_path, "def put_one(a, b):\n    c = 1\n    return a\n").inner
    assert (put.name, put.arguments, put.keyword_only, put.handlers) == ("put_one", 2, 0, 0)
    assert put.state == 4  # three variables and one value


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 15, 16, 31, 64, 200])
def test_numbers_of_every_size(tmp_path, count):
    names = [f"a{i}" for i in range(count)]
    only = ["*", *(f"k{i}" for i in range(count))] if count else []
    variables = "".join(f"    v{i} = 1\n" for i in range(count))
    source = f"def put_one({', '.join(names + only)}):\n{variables}    return 1\n"
    [put] = read(tmp_path, source).inner
    assert (put.arguments, put.keyword_only) == (count, count)
    assert put.state == 3 * count + 1


def test_nested_exception_handlers(tmp_path):
    depth = 9
    body = "".join(f"{'  ' * (i + 1)}try:\n" for i in range(depth))
    ends = "".join(f"{'  ' * (i + 1)}except: pass\n" for i in reversed(range(depth)))
    source = f"def put_one():\n{body}{'  ' * (depth + 1)}pass\n{ends}"
    assert read(tmp_path, source).inner[0].handlers == depth


def test_the_code_of_classes_and_functions_nests(tmp_path):
    source = """
class Outer:
    def method_a(self):
        def inner_b(c):
            return self, c
        return inner_b

    class Inner_c:
        pass

    def method_d(self): pass
"""
    module = read(tmp_path, source)
    assert [path for path, _ in module.walk()] == [
        ("Outer",),
        ("Outer", "method_a"),
        ("Outer", "method_a", "inner_b"),
        ("Outer", "Inner_c"),
        ("Outer", "method_d"),
    ]
    closure = dict(module.walk())["Outer", "method_a", "inner_b"]
    assert closure.arguments == 2  # what it closes over comes first


def test_names_that_micropython_has_built_in_are_numbers(tmp_path):
    clear, put, again = read(
        tmp_path, "def clear(): pass\ndef put_one(): pass\ndef clear(): pass\n"
    ).inner
    assert isinstance(clear.name, int)
    assert clear.name == again.name
    assert put.name == "put_one"


def test_constant_objects_of_every_kind_are_passed_over(tmp_path):
    source = """
x = (1.5, 2j, 1 << 70, "a longer text", b"bytes", b"", (None, True, False, ..., ("deep",)))
y = 10 ** 30
def put_one(): return "a text that is no name, since it has blanks", 0.5
"""
    assert [code.name for code in read(tmp_path, source).inner] == ["put_one"]


def test_native_code_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"begins with 4d 06 .*without native code"):
        read(tmp_path, "@micropython.native\ndef put(): pass\n", arch="armv6m")
