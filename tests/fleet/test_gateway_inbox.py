"""What ports' threads leave for the event loop: few wake-ups, the order kept, nothing lost."""

import asyncio
import threading

import pytest

from sluice_tools.fleet.gateway.inbox import Inbox

pytestmark = pytest.mark.asyncio


async def test_what_comes_together_wakes_the_loop_once(monkeypatch):
    loop = asyncio.get_running_loop()
    woken = []
    wake = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *a: woken.append(a) or wake(*a))
    inbox, taken = Inbox(), []
    for i in range(100):
        inbox.put(taken.append, i)
    assert taken == [] and len(woken) == 1
    while len(taken) < 100:
        await asyncio.sleep(0)
    assert taken == list(range(100))
    inbox.put(taken.append, 100)
    assert len(woken) == 2


async def test_nothing_is_lost_of_what_many_threads_put_meanwhile():
    inbox, taken = Inbox(), []

    def put(name):
        for i in range(2000):
            inbox.put(taken.append, (name, i))

    threads = [threading.Thread(target=put, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while len(taken) < 8000:
        await asyncio.sleep(0.001)
    for thread in threads:
        thread.join()
    for name in range(4):
        assert [i for at, i in taken if at == name] == list(range(2000))


async def test_an_error_in_one_does_not_lose_the_others():
    errors, taken = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    inbox = Inbox()
    inbox.put(lambda _: 1 // 0, None)
    inbox.put(taken.append, 1)
    while not taken:
        await asyncio.sleep(0.001)
    assert len(errors) == 1
