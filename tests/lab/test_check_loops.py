"""A loop that another party might keep going is found; one that ends by itself is not."""

from textwrap import dedent, indent

import pytest
from planted_library import HERE, check_source, places

LOOPS = '''
from micropython import const

_MOST = const(8)
most = 8


class Queue:
    """A queue.

    data: bytes.
    """

    def __init__(self, data):
        self._data = data
        self._n = 0

    def put(self, n, end):
        """Put. Hot."""
        data = self._data
        i = 0
        self._run(data, n, end, i)

    def _leave(self):
        return self._n

    def _run(self, data, n, end, i):
%s
'''
NOT_SEEN = "no bound is seen in this loop; say what ends it: # bound: <reason>"


def library(loop: str) -> str:
    return LOOPS % indent(dedent(loop).strip(), " " * 8)


BOUNDED = [
    "for i in range(n): pass",
    "for i in range(len(data)): pass",
    "for i in (1, 2): pass",
    'for i in b"ab": pass',
    "while n: n -= 1",
    "while n > 0: n -= 2",
    "while 0 < n: n -= 1",
    "while n >= 0: n -= 1",
    "while i < end: i += 1",
    "while i <= end: i += 1",
    "while end > i: i += 1",
    "while i < _MOST: i += 2",
    "while i < end: end -= 1",
    "while i < end and self._leave(): i += 1",
    "while self._leave() and data[i] and i < end: i += 1",
    """
    while i < end:
        if data[i]:
            break
        i += 1
        if data[n]:
            continue
        for n in range(2):
            pass
    """,
]


@pytest.mark.parametrize("loop", BOUNDED)
def test_a_bound_that_is_seen(tmp_path, loop):
    assert check_source(tmp_path, queue=library(loop)) == []


UNBOUNDED = {
    "no condition": "while True: pass  # here",
    "a call": "while self._leave(): pass  # here",
    "a call that is counted elsewhere": """
        while self._leave():  # here
            n -= 1
    """,
    "not": "while not self._leave(): pass  # here",
    "an attribute": """
        while self._n:  # here
            self._n -= 1
    """,
    "an attribute as the limit": """
        while i < self._n:  # here
            i += 1
    """,
    "a call as the limit": """
        while i < len(data):  # here
            i += 1
    """,
    "a name of the module as the limit": """
        while i < most:  # here
            i += 1
    """,
    "what others fill": "for i in data: pass  # here",
    "a local that stays": "while n: pass  # here",
    "a step in a branch": """
        while i < end:  # here
            if data[i]:
                i += 1
    """,
    "a step behind continue": """
        while i < end:  # here
            if data[i]:
                continue
            i += 1
    """,
    "a step to and fro": """
        while i < end:  # here
            i += 1
            if data[i]:
                i -= 1
    """,
    "a step of any size": """
        while i < end:  # here
            i += n
    """,
    "a step of nothing": """
        while i < end:  # here
            i += 0
    """,
    "a step away": """
        while i < end:  # here
            i -= 1
    """,
    "a step away, from above": """
        while i > end:  # here
            i += 1
    """,
    "a step over zero": """
        while n:  # here
            n -= 2
    """,
    "up from zero": """
        while n:  # here
            n += 1
    """,
    "a limit that moves": """
        while i < end:  # here
            i += 1
            end = n
    """,
    "another operation": """
        while i < end:  # here
            i *= 2
    """,
    "past an equal": """
        while i != end:  # here
            i += 1
    """,
    "or": """
        while i < end or self._leave():  # here
            i += 1
    """,
    "an assignment in the condition": """
        while i < (n := end):  # here
            i += 1
    """,
    "a name of the module": """
        global most
        while most:  # here
            most -= 1
    """,
    "inside of one that has a bound": """
        while n:
            n -= 1
            while True:  # here
                pass
    """,
    "a step of the loop inside": """
        while i < end:  # here
            for _ in range(2):
                i += 1
    """,
}


@pytest.mark.parametrize("loop", UNBOUNDED.values(), ids=UNBOUNDED.keys())
def test_a_loop_that_another_party_might_keep_going(tmp_path, loop):
    source = library(loop)
    [found] = check_source(tmp_path, queue=source)
    assert ([found.place], found.what) == (places(queue=source), NOT_SEEN)
    assert found.calls == ("queue.Queue.put", "queue.Queue._run")


@pytest.mark.parametrize("loop", UNBOUNDED.values(), ids=UNBOUNDED.keys())
def test_a_bound_that_is_said(tmp_path, loop):
    source = library(loop).replace(HERE, "# bound: a reason")
    assert check_source(tmp_path, queue=source) == []


def test_a_comment_alone_on_the_line_above(tmp_path):
    source = library("# bound: a reason\nwhile True: pass")
    assert check_source(tmp_path, queue=source) == []


OF_COMMENTS = {
    "without a reason": ("while True: pass  # bound:", [(0, "# bound: without a reason")]),
    "without a reason, above": (
        "# bound:  \nwhile True: pass",
        [(0, "# bound: without a reason")],
    ),
    "on a loop whose bound is seen": (
        "while n: n -= 1  # bound: a reason",
        [(0, "no loop needs this # bound:")],
    ),
    "above a loop whose bound is seen": (
        "# bound: a reason\nfor i in range(n): pass",
        [(0, "no loop needs this # bound:")],
    ),
    "on no loop": ("n = 1  # bound: a reason", [(0, "no loop needs this # bound:")]),
    "two lines above": (
        "# bound: a reason\n\nwhile True: pass",
        [(0, "no loop needs this # bound:"), (2, NOT_SEEN)],
    ),
    "behind the statement above": (
        "n = 1  # bound: a reason\nwhile True: pass",
        [(0, "no loop needs this # bound:"), (1, NOT_SEEN)],
    ),
    "above and on the line": (
        "# bound: a reason\nwhile True: pass  # bound: a reason",
        [(0, "no loop needs this # bound:")],
    ),
    "on the line of the loop around": (
        "while self._leave():  # bound: a reason\n    while True: pass",
        [(1, NOT_SEEN)],
    ),
    "in a text": ('while self._leave() != "# bound: a": pass', [(0, NOT_SEEN)]),
}


@pytest.mark.parametrize(("loop", "due"), OF_COMMENTS.values(), ids=OF_COMMENTS.keys())
def test_a_comment_that_says_nothing(tmp_path, loop, due):
    source = library(loop)
    first = source.splitlines().index(" " * 8 + loop.splitlines()[0]) + 1
    found = check_source(tmp_path, queue=source)
    assert [(one.place[1] - first, one.what) for one in found] == due


def test_a_loop_that_no_hot_code_reaches(tmp_path):
    source = library("pass") + "    def wait(self):\n        while True: pass\n"
    assert check_source(tmp_path, queue=source) == []


KERNEL = '''
import micropython


def over(plain, name):
    """plain: the Queue."""

    class Queue(plain):
        def __init__(self, state):
            @micropython.viper
            def put(n: int) -> int:
                s = ptr32(state)
                while n:
                    n -= 1
                while s[0] == n:  # here
                    n += 1
                while s[1] == n:  # bound: a reason
                    n += 1
                return n

            self.put = put

    return Queue
'''


def test_loops_of_a_kernel(tmp_path):
    [found] = check_source(tmp_path, queue_native=KERNEL)
    assert ([found.place], found.what) == (places(queue_native=KERNEL), NOT_SEEN)


EMPTIES = '''
class Session:
    def __init__(self, window):
        self._window = window
        self._under_way = 0

    def room(self):
        """Deliveries that the host has room for; its answers make more. Hot."""
        return self._window - self._under_way

    def deliver(self):
        """Hot."""
        if self.room() == 0:
            return False
        self._under_way += 1
        return True


class Program:
    """One board.

    session: a Session.
    """

    def __init__(self, session):
        self._session = session

    def turn(self, ended):
        """One turn of the loop. Hot."""
        while ended:  # here
            if self._session.deliver():
                ended -= 1
'''


def test_the_loop_that_delivered_empty_records_until_there_was_room(tmp_path):
    """Only the host makes room, and it is not heard before the loop ends."""
    [found] = check_source(tmp_path, program=EMPTIES)
    assert ([found.place], found.what) == (places(program=EMPTIES), NOT_SEEN)
