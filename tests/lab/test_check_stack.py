"""Frames and closures are judged as real MicroPython treats them."""

import pytest
from planted_library import check_source, places, write

from sluice_tools.lab.check.library import Library
from sluice_tools.lab.check.stack import Stack, Use


def function(n: int, parameters: str = "", local: int = 0, rest: str = "return 0") -> str:
    body = "\n    ".join(['"""Hot."""', *(f"v{i} = {i}" for i in range(local)), rest])
    return f"def put_{n}({parameters}):\n    {body}\n"


def parameters(n: int) -> str:
    return ", ".join(f"a{i}=1" for i in range(n))


LOOP = "for i in range(2):\n        v0 = i"
TRY = "try:\n        return 0\n    except ValueError:\n        return 1"

# How many of its parts each shape of a function may have until a call takes memory: measured
# with micropython.mem_total() on 32-bit MicroPython 1.28.
MOST = {
    "locals": (10, lambda n: function(n, local=n)),
    "parameters": (10, lambda n: function(n, parameters(n))),
    "keyword-only parameters": (10, lambda n: function(n, f"*, {parameters(n)}" if n else "")),
    "locals and a for loop": (7, lambda n: function(n, local=n, rest=LOOP)),
    "locals and a try": (2, lambda n: function(n, local=n, rest=TRY)),
}


@pytest.mark.parametrize(("most", "shape"), MOST.values(), ids=MOST.keys())
def test_frames_as_measured(tmp_path, most, shape):
    found = check_source(tmp_path, shapes="\n\n".join(shape(n) for n in range(14)))
    assert [one.calls[0] for one in found] == [f"shapes.put_{n}" for n in range(most + 1, 14)]
    assert found[0].what.endswith("words; 11 fit on the stack")


def test_a_frame_of_12_words_deep_in_the_calls(tmp_path):
    source = '''
    class Queue:
        def put(self, item):
            """Put. Hot."""
            return self._store(item, 1, 2, 3)

        def _store(self, item, a, b, c):  # here
            total = 0
            for i in range(a, b):
                total += i * item * c
            return total
    '''
    [found] = check_source(tmp_path, queue=source)
    assert [found.place] == places(queue=source)
    assert found.what == "a frame of 12 words; 11 fit on the stack"
    assert found.calls == ("queue.Queue.put", "queue.Queue._store")


def closure(closed: int, arguments: str) -> str:
    names = [f"c{i}" for i in range(closed)]
    return (
        f"def make({', '.join(names)}):\n    def put({arguments}):\n"
        f'        """Hot."""\n        return {" or ".join(names) or 0}\n\n    return put\n'
    )


@pytest.mark.parametrize(
    ("closed", "arguments", "counted"),
    [
        (1, "a, b, c, d", 5),
        (5, "", 5),
        (2, "a, b, c, d", 6),
        (3, "a, b, c", 6),
        (3, "*, a", 5),
        (4, "*, a", 6),
        (1, "a=1, b=2", 5),  # whoever calls may name them
        (2, "a, b=1", 5),
        (2, "a=1, b=2", 6),
        (0, "a, b, c, d, e, f", 0),
    ],
)
def test_closures(tmp_path, closed, arguments, counted):
    library = Library(write(tmp_path, closures=closure(closed, arguments)))
    stack = Stack(library)
    [put] = [function for function in library.functions if function.hot]
    assert stack.of(put).closure == counted
    assert [found.what for found in stack.findings(put)] == (
        [f"a closure with {counted} variables and arguments; 5 fit"] if counted > 5 else []
    )


def test_a_closure_that_a_hot_method_calls(tmp_path):
    source = '''
    class Queue:
        def __init__(self, a, b, c, d):
            def store(e, f):  # here
                return a or b or c or d or e or f

            self._store = store

        def put(self):
            """Put. Hot."""
            return self._store(1, 2)
    '''
    [found] = check_source(tmp_path, queue=source)
    assert [found.place] == places(queue=source)
    assert found.what == "a closure with 6 variables and arguments; 5 fit"


KERNEL = '''
import micropython

def over(plain, name):
    """plain: the Queue."""

    class Queue(plain):
        def __init__(self, a, b, c):
            @micropython.viper
            def put(d: int, e: int) -> int:
                return a or b or c or d or e

            @micropython.native
            def get(d=None, e=None, a=a):
                return a or b or d or e

            @micropython.native
            def peek(d=None, e=None, f=None, a=a, b=b, c=c):  # none of these is closed over
                return a or b or c or d or e or f

            self.put = put
            self.get = get
            self.peek = peek

        def _adopt(self, a, b, c):
            plain._adopt(self, a, b, c)

    return Queue
'''
TWIN = '''
from sluice.kernels import kernel

class Queue:
    def put(self, a):
        """Put. Hot."""
        self._adopt(a, a, a)

    def _adopt(self, a, b, c):
        pass

Queue = kernel("queue", "Queue", Queue)
'''


def test_the_closures_of_a_kernel(tmp_path):
    """Machine code is judged though no docstring says that it is hot, and what it stands for."""
    found = check_source(tmp_path, queue=TWIN, queue_native=KERNEL)
    assert [(one.calls[0], one.what) for one in found] == [
        (
            "queue_native.over.Queue.__init__.get",
            "a closure with 7 variables and arguments; 5 fit",
        ),
    ]
    fuller = KERNEL.replace("or d or e\n", "or d or e or name\n", 1)
    fuller = fuller.replace("plain._adopt(", "name or plain._adopt(")
    (tmp_path / "fuller").mkdir()
    found = check_source(tmp_path / "fuller", queue=TWIN, queue_native=fuller)
    counted = [one for one in found if "closure" in one.what]
    assert [one.calls[-1].rpartition(".")[2] for one in counted] == ["put", "get", "_adopt"]


def test_functions_of_one_name_are_told_apart(tmp_path):
    source = '''
    class Queue:
        @property
        def clear(self):
            """Hot."""
            return 0

        @clear.setter
        def clear(self, value):
            a = b = c = value
            return a, b, c
    '''
    library = Library(write(tmp_path, queue=source))
    stack = Stack(library)
    getter, setter = library.functions
    assert stack.of(getter) == Use(words=2, closure=0)
    assert stack.of(setter).words > 6


def test_a_function_that_the_compiler_leaves_out(tmp_path):
    source = '''
    if False:
        def put():
            """Put. Hot."""
    '''
    with pytest.raises(Exception, match=r"queue.py:3: queue.put is not in the compiled code"):
        check_source(tmp_path, queue=source)
