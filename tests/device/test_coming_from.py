"""What docs/coming-from.md says of MicroPython's own queues, asked of MicroPython itself."""

PROGRAM = """
import asyncio
from collections import deque
from micropython import RingIO

def outcome(call):
    try:
        return call()
    except (AttributeError, ImportError, IndexError) as error:
        return type(error).__name__

print("asyncio.Queue", hasattr(asyncio, "Queue"))
print("queue", outcome(lambda: __import__("queue")))

newest, checked = deque((), 2), deque((), 1, 1)
for n in (1, 2, 3):
    newest.append(n)
checked.append(1)
print("newest", list(newest), "full", outcome(lambda: checked.append(2)))
print("popped", checked.popleft(), "empty", outcome(checked.popleft))

ring = RingIO(4)
print("written", ring.write(b"abcdef"), "any", ring.any(), "read", ring.read(), ring.read())

async def caller():
    pass

def closure(variable):
    async def inner():
        return variable
    return inner

print("coroutine function", type(caller).__name__, "inside another", type(closure(1)).__name__)
"""


def test_micropythons_own_queues_do_what_the_page_says(run_on_board):
    assert run_on_board(PROGRAM) == [
        "asyncio.Queue False",
        "queue ImportError",
        "newest [2, 3] full IndexError",
        "popped 1 empty IndexError",
        "written 4 any 4 read b'abcd' b''",
        "coroutine function generator inside another closure",  # why limited_async has a name
    ]
