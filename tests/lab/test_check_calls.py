"""Every way from a hot function to another is followed, and none that is not there."""

import pytest
from planted_library import check_source, places, write

from sluice_tools.lab.check.report import check

TO_BAD = {
    "a method of the same class": '''
        class Queue:
            def put(self):
                """Put. Hot."""
                self.store()

            def store(self):
                return 0.5  # here
    ''',
    "an inherited method": '''
        class Base:
            def store(self):
                return 0.5  # here


        class Queue(Base):
            def put(self):
                """Put. Hot."""
                self.store()
    ''',
    "a method that a subclass overrides": '''
        class Base:
            def put(self):
                """Put. Hot."""
                self.store()

            def store(self):
                pass


        class Queue(Base):
            def store(self):
                return 0.5  # here
    ''',
    "a method of a named class": '''
        class Base:
            def put(self):
                return 0.5  # here


        class Queue(Base):
            def put(self):
                """Put. Hot."""
                Base.put(self)
    ''',
    "a second name of a method": '''
        class Queue:
            def put(self):
                """Put. Hot."""
                self.store()

            def _store(self):
                return 0.5  # here

            store = _store
    ''',
    "an attribute made by the constructor": '''
        class Slots:
            def store(self):
                return 0.5  # here


        class Other:
            def store(self):
                pass


        class Queue:
            def __init__(self):
                self._slots = Slots()

            def put(self):
                """Put. Hot."""
                slots, n = self._slots, 1
                slots.store()
    ''',
    "an attribute whose class the docstring names": '''
        class Slots:
            def put(self, timeout=0):
                return 0.5  # here


        class Other:
            def put(self):
                """Put. Hot."""


        class Queue:
            """A queue.

            slots:  the Slots of it.
            """

            def __init__(self, slots):
                self._slots = slots

            def put_all(self):
                """Put. Hot."""
                self._slots.put()
    ''',
    "a method of an unknown object": '''
        class Slots:
            def store(self, item):
                return 0.5  # here


        class Queue:
            def __init__(self, slots):
                self._slots = slots

            def put(self):
                """Put. Hot."""
                self._slots.store(1)
    ''',
    "a property": '''
        class Queue:
            @property
            def depth(self):
                return 0.5  # here

            @depth.setter
            def depth(self, value):
                pass


        def put(queue):
            """Put. Hot."""
            return queue.depth > 1
    ''',
    "len": '''
        class Queue:
            def __len__(self):
                return 0.5  # here


        def put(queue):
            """Put. Hot."""
            return len(queue)
    ''',
    "in": '''
        class Queue:
            def __contains__(self, item):
                return 0.5  # here


        def put(queue):
            """Put. Hot."""
            return 1 in queue
    ''',
    "a subscript": '''
        class Queue:
            def __setitem__(self, at, item):
                self.n = 0.5  # here

            def __init__(self):
                self.n = 0


        def put(queue):
            """Put. Hot."""
            queue[0] = 1
    ''',
    "a for loop": '''
        class Queue:
            def __next__(self):
                return 0.5  # here


        def put(queue):
            """Put. Hot."""
            for _ in queue:  # bound: these
                pass
    ''',
    "with": '''
        class Guard:
            def __enter__(self):
                pass

            def __exit__(self, a, b, c):
                return 0.5  # here


        def put(guard):
            """Put. Hot."""
            with guard:
                pass
    ''',
    "a function of the module": '''
        def put():
            """Put. Hot."""
            store()


        def store():
            return 0.5  # here
    ''',
    "a second name of a function": '''
        def store():
            return 0.5  # here


        _store = store


        def put():
            """Put. Hot."""
            also = _store
            also()
    ''',
    "one of two functions": '''
        def store():
            return 0.5  # here


        def drop():
            pass


        def put(n):
            """Put. Hot."""
            (store if n else drop)()
    ''',
    "a lambda that the constructor made": '''
        class Queue:
            def __init__(self):
                self._store = lambda: 0.5  # here

            def put(self):
                """Put. Hot."""
                self._store()
    ''',
    "a function that the constructor made": '''
        class Queue:
            def __init__(self):
                def store():
                    return self.half()

                self._store = store

            def half(self):
                return 0.5  # here

            def put(self):
                """Put. Hot."""
                self._store()
    ''',
    "calls in a circle": '''
        def put(n):
            """Put. Hot."""
            return store(n)


        def store(n):
            return put(n - 1) if n else 0.5  # here
    ''',
}


@pytest.mark.parametrize("source", TO_BAD.values(), ids=TO_BAD.keys())
def test_a_call_is_followed(tmp_path, source):
    [found] = check_source(tmp_path, queue=source)
    assert [found.place] == places(queue=source)
    assert found.what.startswith("0.5 is a float")


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("from sluice.slots import store", "store()"),
        ("from sluice.slots import store as keep", "keep()"),
        ("import sluice.slots", "sluice.slots.store()"),
        ("from sluice import slots", "slots.store()"),
        ("from sluice import Slots", "Slots.store()"),
    ],
)
def test_an_imported_function_is_followed(tmp_path, statement, call):
    slots = """
    def store():
        return 0.5  # here


    class Slots:
        def store():
            return store()
    """
    queue = f'{statement}\n\n\ndef put():\n    """Put. Hot."""\n    {call}\n'
    [found] = check_source(tmp_path, __init__="", queue=queue, slots=slots)
    assert [found.place] == places(slots=slots)
    assert (found.calls[0], found.calls[-1]) == ("queue.put", "slots.store")


INNOCENT = {
    "the other class": '''
        class Slots:
            def store(self):
                pass


        class Other:
            def store(self):
                return 0.5


        class Queue:
            def __init__(self):
                self._slots = Slots()

            def put(self):
                """Put. Hot."""
                self._slots.store()
    ''',
    "a method with other arguments": '''
        class Slots:
            def store(self, item, n=1):
                return 0.5

            def keep(self, item):
                return 0.5


        class Other:
            def store(self):
                pass

            def keep(self, item, *, again):
                pass


        def put(slots):
            """Put. Hot."""
            slots.store()
            slots.keep(1, again=True)
    ''',
    "a method of the same name that is not hot, of an unknown object": '''
        class Slots:
            def put(self, item, timeout=0):
                return 0.5


        class Other:
            def put(self, item):
                """Put. Hot."""


        def put(slots):
            """Put. Hot."""
            slots.put(1)
    ''',
    "a method of bytearray that a class has too": '''
        class Slots:
            def get(self, key):
                return 0.5


        class Queue:
            def __init__(self):
                self._topics = dict()

            def put(self, key):
                """Put. Hot."""
                return self._topics.get(key)
    ''',
    "what is not called": '''
        def put(n):
            """Put. Hot."""
            return n


        def configure():
            return 0.5
    ''',
}


@pytest.mark.parametrize("source", INNOCENT.values(), ids=INNOCENT.keys())
def test_a_call_that_is_not_there_is_not_followed(tmp_path, source):
    assert check_source(tmp_path, queue=source) == []


def test_a_program_beside_the_package_lends_it_no_methods(tmp_path):
    queue = '''
    class NullSink:
        def write(self, record):
            pass


    def put(sink):
        """Put. Hot."""
        sink.write(b"")
    '''
    write(tmp_path, queue=queue)
    (tmp_path / "example.py").write_text(
        "class Printer:\n    def write(self, record):\n        print(record)\n"
    )
    assert check(tmp_path).findings == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("table[n]()", "calls table[n], which is not known to stay off the heap"),
        ("n.unheard_of()", "calls .unheard_of, which is not known to stay off the heap"),
        ("unheard_of()", "calls unheard_of, which is not known to stay off the heap"),
        ("gc.collect()", "calls gc.collect, which is not known to stay off the heap"),
        ("hook()", "calls hook, which is not known to stay off the heap"),
        (
            "for call in table: call()  # bound: these",
            "calls a value that no assignment names, which is not known to stay off the heap",
        ),
    ],
)
def test_a_call_that_cannot_be_followed_is_reported(tmp_path, body, what):
    source = f'''
    import gc

    hook = None


    def set_hook(function):
        global hook
        hook = function


    def put(n, table):
        """Put. Hot."""
        {body}
    '''
    [found] = check_source(tmp_path, queue=source)
    assert found.what == what


def test_what_callers_hand_in_is_told(tmp_path):
    source = '''
    class Queue:
        def __init__(self, ticks, hook=None):
            self._ticks = ticks
            self._hook = None
            self._hook = hook

        def put(self, degrade):
            """Put. Hot."""
            degrade(self._ticks())
            if self._hook is not None:
                self._hook()
    '''
    report = check(write(tmp_path, queue=source))
    assert report.given == ["degrade", "hook", "ticks"]
    assert report.findings == []


def test_the_shortest_way_is_told(tmp_path):
    source = '''
    def step():
        """Step. Hot."""
        put()


    def put():
        """Put. Hot."""
        store()


    def store():
        return 0.5
    '''
    [found] = check_source(tmp_path, queue=source)
    assert found.calls == ("queue.put", "queue.store")
