"""Completes asyncio by `run` and `ThreadSafeFlag`, as other boards have them.

This MicroPython leaves the event loop to JavaScript, which never gets its turn
while a program of the board runs.
"""

import asyncio
import time
from asyncio import core


class ThreadSafeFlag:
    """Its `set` may push the task at once: on this board a handler only runs where the
    program reads the clock or sleeps, never inside a change of the task queue."""

    def __init__(self):
        self._set = False
        self._waiting = None

    def set(self):
        self._set = True
        task = self._waiting
        if task is not None:
            self._waiting = None
            core._task_queue.push(task)

    def clear(self):
        self._set = False

    async def wait(self):
        if not self._set:
            self._waiting = core.cur_task
            core.cur_task.data = self  # whose `remove` a cancel calls
            yield
        self._set = False

    def remove(self, task):
        self._waiting = None


def run(main):
    """Runs the loop until `main` has ended; gives its result or raises its error."""
    outcome = []

    async def attempt():
        try:
            outcome.append((await main, None))
        except BaseException as error:
            outcome.append((None, error))

    asyncio.create_task(attempt())
    while True:
        core._run_iter()
        if outcome:
            break
        time.sleep_ms(1)
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


core._schedule_run_iter = lambda delay: None  # nothing is left to JavaScript's timers
core.new_event_loop()
asyncio.ThreadSafeFlag = ThreadSafeFlag
asyncio.run = run
