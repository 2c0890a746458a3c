"""Queues and buckets as they would be without any concurrency, written to be obviously right."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

from .history import Operation

LOST = "lost"  # the result of taking a record that was overwritten while it was read; a str


class Contents(NamedTuple):
    """The state of a queue.

    overwritten: those that the consumer knows of.  unseen: the others.
    made_room:   an overwriting put is half done.
    limit:       the logical capacity; 0: the whole.
    """

    items: tuple[Any, ...] = ()
    rejected: int = 0
    overwritten: int = 0
    unseen: int = 0
    deepest: int = 0
    made_room: bool = False
    limit: int = 0


@dataclass(frozen=True)
class Queue:
    """First in, first out.

    high, low: the watermarks. Between them either answer is right, since an interrupt decides
    which depths the ring has seen.
    """

    capacity: int
    overwrite: bool = False
    high: int = 0
    low: int = 0
    start: Contents = Contents()

    def after(self, state: Contents, operation: Operation) -> tuple[Contents, ...]:
        name, argument, result = operation[:3]
        depth = len(state.items)
        limit = state.limit or self.capacity
        match name:
            case "set_limit":
                return (state._replace(limit=argument),)
            case "put" if depth >= limit and not self.overwrite:
                return () if result else (state._replace(rejected=state.rejected + 1),)
            case "put":
                return self._append(self._with_room(state), argument, result)
            case "make_room":
                return (self._with_room(state)._replace(made_room=True),)
            case "append":
                return self._append(state, argument, result) if state.made_room else ()
            case "clear":  # argument: the last item that was there when it began
                later = tuple(item for item in state.items if item > argument)
                return state._replace(items=(), unseen=0), state._replace(items=later, unseen=0)
            case "above":
                right = depth > self.low if result else depth < self.high
            case "high_water":  # a put that was interrupted may have counted on what left
                right = state.deepest <= result <= state.deepest + 1
            case "len":
                right = result == depth
            case "backlog":  # items are (tick, record)
                right = result == sum(len(record) for _, record in state.items)
            case "behind":
                right = result == (state.items[1] if depth > 1 else None)
            case "may_rest":
                right = result == (depth == 0)
            case "free":
                right = result == max(0, limit - depth)
            case "rejected":
                right = result == state.rejected
            case "overwritten":
                right = result == state.overwritten
            case "holds":
                right = result
            case _:
                return self._consume(name, state, result)
        return (state,) if right else ()

    def _with_room(self, state: Contents) -> Contents:
        if len(state.items) < (state.limit or self.capacity):
            return state
        return state._replace(items=state.items[1:], unseen=state.unseen + 1)

    def _append(self, state: Contents, item: Any, accepted: bool) -> tuple[Contents, ...]:
        items = (*state.items, item)
        if not accepted or len(items) > self.capacity:
            return ()
        deepest = max(state.deepest, len(items))
        return (state._replace(items=items, deepest=deepest, made_room=False),)

    def _consume(self, name: str, state: Contents, result: Any) -> tuple[Contents, ...]:
        """What passes the overwritten items first, or finds that there are some."""
        front = state.items[0] if state.items else None
        lapped = state.unseen > 0
        seen = state._replace(overwritten=state.overwritten + state.unseen, unseen=0)
        taken = seen._replace(items=state.items[1:])
        match name, result:
            case "look", bool():  # whether there is one
                return (seen,) if result == bool(state.items) else ()
            case "peek", _:
                return (seen,) if result == front else ()
            case "get", _:
                return (taken,) if result == front else ()
            case "release", True:
                return (taken,) if state.items and not lapped else ()
            case "release", False:
                return (seen,) if lapped or not state.items else ()
            case "take", str():  # LOST: what a look had found was overwritten
                return (seen,) if lapped else ()
            case "take", _:
                return (taken,) if result == front and not lapped else ()
            case "step", None:  # a pipeline's: nothing to send, or overwritten meanwhile
                return (seen,) if lapped or not state.items else ()
            case "step", _:
                return (taken,) if result == front else ()
        raise ValueError(f"no operation {name!r}")


class Level(NamedTuple):
    """The state of a bucket: the tick now, the latest tick it has seen, its tokens then."""

    now: int
    seen: int
    tokens: Fraction


# What they answer, without a look at the clock, when nothing is asked for.
_ASKING = {"try_acquire": True, "wait_ticks": 0, "reserve": 0, "acquire_up_to": 0}


class Bucket:
    """A token bucket in fractions.

    rate, per, burst: as of a TokenBucket.
    """

    def __init__(self, rate: int, per: int, burst: int) -> None:
        self.speed = Fraction(rate, per)
        self.burst = burst
        self.start = Level(0, 0, Fraction(burst))

    def after(self, state: Level, operation: Operation) -> tuple[Level, ...]:
        name, argument, result = operation[:3]
        full = Fraction(self.burst)
        if name == "advance":
            return (state._replace(now=state.now + argument),)
        if name == "cancel":
            return (state._replace(tokens=min(state.tokens + argument, full)),)
        if name == "reset":
            return (Level(state.now, state.now, full),)
        if name in _ASKING and (argument[0] if name == "reserve" else argument) <= 0:
            return (state,) if result == _ASKING[name] else ()
        seen = max(state.seen, state.now)
        there = min(state.tokens + (seen - state.seen) * self.speed, full)
        state = Level(state.now, seen, there)
        match name:
            case "refill":
                right, taken = True, 0
            case "tokens":
                right, taken = result == max(0, floor(there)), 0
            case "wait_ticks":
                right, taken = result == self._wait(argument, there), 0
            case "try_acquire":
                granted = argument <= there
                right, taken = result == granted, argument if granted else 0
            case "acquire_up_to":
                taken = min(argument, max(0, floor(there)))
                right = result == taken
            case "reserve":
                n, max_wait = argument
                wait = self._wait(n, there)
                refused = wait < 0 or 0 <= max_wait < wait
                right, taken = result == (-1 if refused else wait), 0 if refused else n
            case _:
                raise ValueError(f"no operation {name!r}")
        return (state._replace(tokens=there - taken),) if right else ()

    def _wait(self, n: int, there: Fraction) -> int:
        if n > self.burst:
            return -1
        return ceil((n - there) / self.speed) if n > there and n else 0


class Moment(NamedTuple):
    """The tick now, and that of the last event that counts, or None; how many were refused."""

    now: int = 0
    last: int | None = None
    refused: int = 0


@dataclass(frozen=True)
class Throttle:
    """An event goes when the last that went is `gap` ticks old."""

    gap: int
    start: Moment = Moment()

    def after(self, state: Moment, operation: Operation) -> tuple[Moment, ...]:
        name, argument, result = operation[:3]
        now, last, refused = state
        goes = last is None or now - last >= self.gap
        match name:
            case "advance":
                return (state._replace(now=now + argument),)
            case "refill":
                return (state,)
            case "refused":
                return (state,) if result == refused else ()
            case "try_acquire" if goes:
                return (state._replace(last=now),) if result else ()
            case "try_acquire":
                return () if result else (state._replace(refused=refused + 1),)
        raise ValueError(f"no operation {name!r}")


@dataclass(frozen=True)
class Debounce:
    """Edges are an event when the last of them is `quiet` ticks old."""

    quiet: int
    start: Moment = Moment()

    def after(self, state: Moment, operation: Operation) -> tuple[Moment, ...]:
        name, argument, result = operation[:3]
        complete = state.last is not None and state.now - state.last >= self.quiet
        match name:
            case "advance":
                return (state._replace(now=state.now + argument),)
            case "edge":
                return (state._replace(last=state.now),)
            case "poll" if complete:
                return (state._replace(last=None),) if result else ()
            case "poll":
                return () if result else (state,)
        raise ValueError(f"no operation {name!r}")
