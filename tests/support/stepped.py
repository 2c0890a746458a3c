"""Runs tasks on a clock that no real time moves, and meddles between two of their steps."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from host_sim import TickClock
from host_sim.aio import ClockLoop


class SteppedLoop(ClockLoop):
    """Counts the callbacks that it runs, and calls actions[k] before the k-th of them."""

    def __init__(self, clock: TickClock, actions: dict[int, Callable[[], object]]) -> None:
        super().__init__(clock)
        self.steps = 0
        self._actions = actions

    def call_soon(self, callback, *args, context=None):
        return super().call_soon(self._step, callback, args, context=context)

    def _step(self, callback, args):
        action = self._actions.get(self.steps)
        self.steps += 1
        if action is not None:
            action()
        callback(*args)


def run(
    main: Coroutine[Any, Any, object],
    clock: TickClock,
    actions: dict[int, Callable[[], object]] | None = None,
) -> int:
    """Runs `main` to its end; returns how many callbacks that took."""
    loop = SteppedLoop(clock, actions or {})
    with clock, asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main)
        return loop.steps
