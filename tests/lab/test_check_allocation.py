"""What a hot function must not do is found, deep in what it calls; what it may do is not."""

from textwrap import indent

import pytest
from planted_library import HERE, check_source, places

QUEUE = '''
    from micropython import const

    _STEP = const(2)
    _FOUR = const(4)
    STEP = 2
    LARGE = 1 << 30
    TEXT = "text"


    def pair(a, b):
        pass


    class Item:
        pass


    class Queue:
        """A queue.

        others: a Queue.
        """

        def __init__(self, others, hook):
            self._others = others
            self._hook = hook
            self._n = 0
            self._data = bytearray(8)
            self.reset()

        def reset(self):
            self._high = 0

        def put(self, item):
            """Append item. Hot."""
            return self._store(item)

        def _store(self, item):
            n = self._n
            data = self._data
%s
'''

# Each was measured on 32-bit MicroPython with micropython.mem_total(): it takes memory, or makes
# or holds a number that takes memory with the next operation.
ALLOCATES = [
    ("put = self.put", "self.put as a value is a bound method"),
    ("append = data.append", "data.append as a value may be a bound method"),
    ("self._hook(self.put)", "self.put as a value is a bound method"),
    ("pair(*item)", "* in a call collects the arguments"),
    ("pair(**item)", "** in a call collects the arguments"),
    ("for _ in range(0, 8, STEP): pass", "range makes an object, except in a for loop with a"),
    ("r = range(8)", "range makes an object, except in a for loop with a"),
    ("for i in enumerate(data): pass  # bound: these", "calls enumerate, which is not known"),
    ("for i in zip(data, data): pass  # bound: these", "calls zip, which is not known"),
    ("q = divmod(n, 3)", "calls divmod, which is not known"),
    ("for i in item.items(): pass  # bound: these", "calls .items, which is not known"),
    ("data.append(n)", "calls .append, which is not known"),
    ("later = lambda: 0.5", "lambda makes a function"),
    ("def later(): return 0.5", "def makes a function"),
    ("async def later(): pass", "def makes a function"),
    ("class Later: pass", "class makes a class"),
    ("x = [b for b in data]", "a comprehension makes a list"),
    ("x = {b for b in data}", "a comprehension makes a set"),
    ("x = {b: b for b in data}", "a comprehension makes a dict"),
    ("x = min(b for b in data)", "a generator expression makes a generator"),
    ("yield n", "yield makes each call make a generator"),
    ("yield from item", "yield makes each call make a generator"),
    ("x = [n]", "a list display makes a list"),
    ("x = {n}", "a set display makes a set"),
    ("x = {n: n}", "a dict display makes a dict"),
    ("x: int = [n]", "a list display makes a list"),
    ("a, b = [n], n", "a list display makes a list"),
    ("for _ in range(n): x = [n]", "a list display makes a list"),
    ("for _ in range(min([n], 2)): pass", "a list display makes a list"),
    ("[n].write(n)", "a list display makes a list"),
    ("pair(n, b=[n])", "a list display makes a list"),
    ("x = n, item", "a tuple is made"),
    ("x = (n, 1)", "a tuple is made"),
    ("x = n in (STEP, 3)", "a tuple is made"),
    ("n, item, data, self._n = item, n, data, n", "a tuple is made"),
    ("a, b = (n, item)", "a tuple is made"),
    ("(a, b) = n, item", "a tuple is made"),
    ("a, *b = data", "* collects a list"),
    ("a, *b = n, item", "* collects a list"),
    ("x = data[1:n]", "a slice makes a new object"),
    ("del data[1:n]", "a slice makes a new object"),
    ("data[1:3] += item", "a slice makes a new object"),
    ('x = f"{n}"', "an f-string makes a string"),
    ('x = "%d" % n', "an operation on text makes a new one"),
    ("x = TEXT + item", "an operation on text makes a new one"),
    ('item += b"x"', "an operation on text makes a new one"),
    ('x = "{}".format(n)', "calls .format, which is not known"),
    ('print("put")', "calls print, which is not known"),
    ("x = bytes(data)", "calls bytes, which is not known"),
    ('x = n.to_bytes(2, "little")', "calls .to_bytes, which is not known"),
    ("x = Item()", "a call of Item makes an object"),
    ("x = n / 2", "/ makes a float"),
    ("n /= 2", "/ makes a float"),
    ("x = 0.5", "0.5 is a float, and its operations make new ones"),
    ("import time", "import takes memory"),
    ("from time import ticks_ms", "import takes memory"),
    ("raise ValueError", "raises ValueError, which no docstring on the way says"),
    ('raise ValueError("n is %d" % n)', "raises ValueError, which no docstring on the way says"),
    ("assert n", "raises AssertionError, which no docstring on the way says"),
    ("self._last = n", "no constructor sets _last: its first value takes memory"),
    ("x = n & 0x40000000", "1073741824 is outside the small integers, -2^30 to 2^30 - 1"),
    ("x = n < 1 << 30", "1073741824 is outside the small integers"),
    ("x = n > -(1 << 30) - 1", "-1073741825 is outside the small integers"),
    ("x = n < LARGE", "1073741824 is outside the small integers"),
    ("x = (STEP << 29) - 1", "1073741824 is outside the small integers"),
    ("x = 1_500_000_000 % _STEP + n * 3_000_000_000", "3000000000 is outside the small integers"),
]

# Measured too: they take nothing.
INNOCENT = [
    "a, b = item, n",
    "a, b, c = n, item, data",
    "self._n, self._high = self._high, self._n",
    "a, b = 1, 2",
    "a, b = (n + 1) % 2, (item)",
    "a, b = (n), item",
    "a = b = n",
    "x = n in (1, 2, _FOUR)",
    "for _ in range(n): pass",
    "for _ in range(1, n): pass",
    "for _ in range(n, 0, -1): pass",
    "for _ in range(0, n, _STEP): pass",
    "for b in data: pass  # bound: these",
    "self._n += 1",
    "data[0:2] = item",
    "data[n] = item[0] >> 8 & 255",
    "x = min(n, 3) + max(n, 3) + len(data) + abs(n)",
    "x = n if n > 0 else -n // 3",
    "pair(n, b=item)",
    "self._high = n",
    "item.high = n",
    "x = (1 << 30) - 1",
    "x = -(1 << 30)",
    "x = 7_000_000_000 // 7",
    "x = self._others._n",
    "x: float = n",
]


def queue_with(statement: str) -> str:
    first, _, rest = statement.partition("\n")
    marked = f"{first}  {HERE}\n{rest}"
    return QUEUE % indent(marked, " " * 12)


@pytest.mark.parametrize(("statement", "what"), ALLOCATES)
def test_what_takes_memory_is_found_where_it_is(tmp_path, statement, what):
    source = queue_with(statement)
    [found] = check_source(tmp_path, queue=source)
    assert [found.place] == places(queue=source)
    assert found.what.startswith(what)
    assert found.calls == ("queue.Queue.put", "queue.Queue._store")


@pytest.mark.parametrize("statement", INNOCENT)
def test_what_takes_none_is_not_reported(tmp_path, statement):
    assert check_source(tmp_path, queue=queue_with(statement)) == []


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ("*items", "*items takes the arguments as a tuple"),
        ("**items", "**items takes the arguments as a dict"),
        ("n=1 << 30", "1073741824 is outside the small integers"),
        ("*, n=0.5", "0.5 is a float"),
    ],
)
def test_parameters_that_take_memory(tmp_path, parameters, what):
    source = f'def put({parameters}):  {HERE}\n    """Put. Hot."""\n'
    [found] = check_source(tmp_path, queue=source)
    assert found.place == ("queue.py", 1)
    assert found.what.startswith(what)


@pytest.mark.parametrize(
    "body", ["def put(words: ptr32):\n    pass\n", "def put(data):\n    words = ptr32(data)\n"]
)
def test_a_pointer_that_is_handed_on(tmp_path, body):
    """Measured where the memory lies at 2^31 (MicroPython's ports/qemu, rv32imc): 24 bytes."""
    put = body.replace(":\n", ':\n    """Put. Hot."""\n', 1)
    source = f"def clear(words):\n    pass\n\n\n{put}    clear(words)  {HERE}\n"
    [found] = check_source(tmp_path, queue=source)
    assert [found.place] == places(queue=source)
    assert found.what.startswith("a pointer is handed on as an integer")


def test_a_coroutine(tmp_path):
    [found] = check_source(tmp_path, queue='async def put():\n    """Put. Hot."""\n')
    assert found.what == "async makes each call make a coroutine"


@pytest.mark.parametrize(
    ("doc", "findings"),
    [
        ("Raises KeyboardInterrupt for Ctrl-C.", 0),
        ("Raises ValueError, or at the end\n        KeyboardInterrupt.", 0),
        ("Raises ValueError. A KeyboardInterrupt is none.", 1),
        ("", 1),
    ],
)
def test_an_exception_that_a_docstring_on_the_way_announces(tmp_path, doc, findings):
    source = f'''
    def read():
        """Read. Hot. {doc}"""
        scan()


    def scan():
        raise KeyboardInterrupt
    '''
    assert len(check_source(tmp_path, line=source)) == findings


def test_an_exception_that_only_one_of_two_ways_announces(tmp_path):
    source = '''
    def poll():
        """Poll. Hot. Raises KeyboardInterrupt."""
        scan()


    def read():
        """Read. Hot."""
        scan()


    def scan():
        raise KeyboardInterrupt
    '''
    [found] = check_source(tmp_path, line=source)
    assert found.calls == ("line.read", "line.scan")


def test_an_exception_that_goes_on_as_it_came(tmp_path):
    source = '''
    def read(line):
        """Read. Hot."""
        try:
            return line.readinto(line)
        except OSError:
            raise
    '''
    assert check_source(tmp_path, line=source) == []


def test_a_constant_of_another_module(tmp_path):
    bounds = "LIMIT = 1 << 31\n"
    queue = f'''
    from sluice.bounds import LIMIT


    def put(n):
        """Put. Hot."""
        return n < LIMIT  {HERE}
    '''
    [found] = check_source(tmp_path, bounds=bounds, queue=queue)
    assert [found.place] == places(queue=queue)
    assert found.what.startswith("2147483648 is outside the small integers")
