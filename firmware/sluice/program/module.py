# SPDX-License-Identifier: MIT
"""A user's own module as the source or the sink of the program: `module:NAME`."""

import io
import sys

from micropython import const

from sluice.flow.pipeline import REFUSED
from sluice.flow.slots import free_slot
from sluice.program.config import ConfigError

_SMALL_MAX = const((1 << 30) - 1)
_AT_MOST = const(4)  # records that a turn of the loop asks for
_NO_ANSWER = "read() says neither 0 nor how many bytes of buf the record has"
_SHOWN = const(100)  # characters of what an error says


def load_module(name, key, function):
    """The module of this name, which has the function.

    key: "source" or "sink", which names it. Raises ConfigError when it cannot be imported, or
    has no such function. MemoryError is not caught.
    """
    try:
        module = __import__(name)
    except MemoryError:
        raise
    except Exception as error:  # whatever a user's file raises
        raise _refused(key, name, "a module that can be imported", error)
    if not callable(getattr(module, function, None)):
        raise _refused(key, name, "a module with a function " + function)
    return module


def start_module(module, name, key, config, board):
    """Call the module's `start(config, board)`, if it has one. Raises ConfigError when that does.

    MemoryError is not caught.
    """
    if not hasattr(module, "start"):
        return
    try:
        module.start(config, board)
    except MemoryError:
        raise
    except Exception as error:  # whatever a user's function raises
        raise _refused(key, name, "a module whose start() returns", error)


class ModuleSource:
    """Asks a module's `read(buf) -> int` for records, while the queue has room.

    ring: a RecordRing.  read: a function that is given a slot of the ring, all of it, and says how
    many bytes of it are the next record; 0 or None: there is none now.
    caught: a Caught, for what `read` raises, and for an answer that is none.

    A full queue that rejects is not asked for more, so nothing is refused; one that
    overwrites is always asked.

    Ownership: the only producer of the ring, in the main loop.
    """

    def __init__(self, ring, read, caught):
        self._ring = ring
        self._read = read
        self._caught = caught

    def poll(self) -> bool:
        """Take the records that there are, 4 at most; whether there was one. Hot.

        Allocates what the module's function does, and when that goes wrong.
        """
        left = _AT_MOST
        while left and self._take():
            left -= 1
        return left != _AT_MOST

    def _take(self):
        slot = free_slot(self._ring)
        if slot is None:
            return False
        n = self._ask(slot)
        return self._publish(n) if n else False

    def _ask(self, slot):
        with self._caught:
            return self._read(slot)
        return 0

    def _publish(self, n):
        if isinstance(n, int) and self._ring.publish(n):
            return True
        self._caught.tell(_NO_ANSWER)
        return False


class ModuleSink:
    """A module's functions as a sink: `write(record, n)`, and `room()` and `done()` if it has them.

    write: the module's.
    caught: a Caught, for what `write` raises.

    Without `room` there is always some.
    """

    def __init__(self, module, write, caught):
        self._write = write
        self._caught = caught
        self._n = 0
        if hasattr(module, "room"):
            self.room = module.room
        if hasattr(module, "done"):
            self.done = module.done

    def room(self) -> int:
        """2^30 - 1. Hot."""
        return _SMALL_MAX

    def write(self, record, n: int) -> int:
        """What the module's `write` says: TAKEN, REFUSED or HELD; REFUSED when it raises. Hot.

        Allocates what the module's function does, and when that goes wrong.
        """
        self._n = n
        return self._offer(record)

    def _offer(self, record):
        with self._caught:
            return self._write(record, self._n)
        return REFUSED


class Caught:
    """Ends in a `with` what is raised there, and tells it.

    tell: a function of (error), an exception or a text. It may allocate.
    """

    def __init__(self, tell):
        self.tell = tell

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None or not isinstance(error, Exception):
            return False
        self.tell(error)
        return True


class Complaints:
    """Counts the errors of a user's module, and says some: the 1st, 2nd, 4th, 8th, 16th ...

    So a module that fails at each call is heard of, and does not fill the console.

    key: "source" or "sink".  tell: called with a line of text for the console.
    """

    def __init__(self, key, tell):
        self._key = key
        self._tell = tell
        self._count = 0

    def add(self, error) -> None:
        """Count an exception, or a text about another error; say it if it is its turn."""
        count = self._count
        if count == _SMALL_MAX:
            return
        self._count = count = count + 1
        if count & count - 1 == 0:
            values = self._key, count, error if isinstance(error, str) else _in_words(error)
            self._tell('event=module_error key=%s errors=%d error="%s"' % values)


def _refused(key, name, allowed, error=None):
    if error is not None:
        allowed += "; " + _in_words(error)
    return ConfigError(key, "module:" + name, allowed)


def _in_words(error):
    """What an exception says, and on a board the line that raised it."""
    text = "%s: %s" % (type(error).__name__, error)
    text = "".join([c if 32 <= ord(c) < 127 and c != '"' else "?" for c in text[:_SHOWN]])
    return text + _place(error) if hasattr(sys, "print_exception") else text


def _place(error):
    traceback = io.StringIO()
    sys.print_exception(error, traceback)  # type: ignore[attr-defined]  # stubs
    # The last of its lines like:   File "counter.py", line 3, in read
    text = traceback.getvalue()  # type: ignore[attr-defined]  # stubs
    parts = text.split('File "')[-1].split("\n")[0].split(", in ")[0].split('"')
    return " (%s%s)" % (parts[0], parts[1]) if len(parts) == 2 else ""
