"""The program for a case, and what it prints, read.

It prints `loop EMPTY TIMED` for each timed loop, in microseconds; `bytes COUNT`; and, when
single calls are asked for, `single CLOCK WIDTH WORST` with a line `bins` of their counts:
how many calls took from i * WIDTH microseconds on, the clock's own cost included.
"""

import re
from dataclasses import dataclass
from textwrap import indent

from .cases import Case

_BINS = 128
_IN_TYPICAL = 32  # bins up to a typical call

_HEAD = """\
import gc
import micropython
try:
    import time
except ImportError:
    import utime as time
ticks_us = time.ticks_us
ticks_diff = time.ticks_diff
used = getattr(micropython, 'mem_total', gc.mem_alloc)
"""

_LOOP = """\
{prefix}def {name}(n, {names}):
    {begin}
    start = ticks_us()
    for _ in range(n):
        {body}
    start = ticks_diff(ticks_us(), start)
    {end}
    return start
"""

_SINGLE = """\
{prefix}def single(n, bins, width, {names}):
    worst = 0
    last = len(bins) - 1
    for at in range(n):
        if at % {most} == 0:
{prepare}
        start = ticks_us()
        {call}
        took = ticks_diff(ticks_us(), start)
        if took > worst:
            worst = took
        took //= width
        bins[took if took < last else last] += 1
    return worst
"""

# A coroutine that never has to wait runs to its end when it is started, with no event loop.
_FINISH = """\
def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
"""

_CLOCK = """\
def clock():
    least = 1000
    for _ in range(20):
        start = ticks_us()
        took = ticks_diff(ticks_us(), start)
        if took < least:
            least = took
    return least
"""

# The collector runs when the heap is full, as where nobody says otherwise: peers that allocate pay
# for it.
_LOOPS = """\
gc.threshold(-1)
for _ in range({loops}):
{prepare}
    gc.collect()
    print('loop', {empty}, {timed})
"""

_BYTES = """\
before = between = after = 0
{prepare}
gc.collect()
gc.disable()
before = used()
{empty}
between = used()
{timed}
after = used()
gc.enable()
print('bytes', after - 2 * between + before)
"""

# Made first, while the memory of a small board is in one piece.
_MAKE_BINS = """\
import array
bins = array.array('H', bytes(2 * {bins}))
"""

_SINGLES = """\
gc.collect()
{prepare}
width = 1 + {timed} // {n} // {in_typical}
gc.collect()
print('single', clock(), width, {single})
print('bins', bins)
"""


@dataclass(frozen=True)
class Quiet:
    """What keeps the board's own interrupts away while calls are timed together.

    setup: a program.  begin, end: statements around the loop, which allocate nothing.
    """

    setup: str = ""
    begin: str = "pass"
    end: str = "pass"


@dataclass(frozen=True)
class Effort:
    """How much is run.

    programs: how often the whole program, since a board is never quite the same after a reset.
    loops, calls:  timed loops in it, and calls in each.
    counted:  calls whose bytes are counted.
    singles:  single calls.
    """

    programs: int
    loops: int
    calls: int
    counted: int
    singles: int


@dataclass(frozen=True)
class Single:
    """Single calls: clock, the least that reading the clock takes; worst, the longest call."""

    clock: int
    width: int
    worst: int
    bins: list[int]


@dataclass(frozen=True)
class Printed:
    """What a program printed; n is the calls in each loop."""

    n: int
    loops: list[tuple[int, int]]
    bytes_per_call: float
    single: Single | None


def program(case: Case, effort: Effort, quiet: Quiet) -> str:
    """The program for a board."""
    prefix = "async " if case.awaits else ""

    def loop(name: str, body: str) -> str:
        return _LOOP.format(
            prefix=prefix,
            name=name,
            names=case.names,
            body=body,
            begin=quiet.begin,
            end=quiet.end,
        )

    def run(name: str, n: str | int) -> str:
        call = f"{name}({n}, {case.names})"
        return f"finish({call})" if case.awaits else call

    n = _calls(case, effort.calls)
    counted = _calls(case, effort.counted)
    bins = _MAKE_BINS.format(bins=_BINS) if effort.singles else ""
    parts = [_HEAD, quiet.setup, bins, case.setup + "\n"]
    parts += [loop("empty", "pass"), loop("timed", case.call)]
    if case.awaits:
        parts.append(_FINISH)
    parts += [
        _LOOPS.format(
            loops=effort.loops,
            prepare=indent(case.prepare, "    "),
            empty=run("empty", n),
            timed=run("timed", n),
        ),
        _BYTES.format(
            prepare=case.prepare, empty=run("empty", counted), timed=run("timed", counted)
        ),
    ]
    if effort.singles:
        singles = max(1, effort.singles // case.events)
        parts += [
            _SINGLE.format(
                prefix=prefix,
                names=case.names,
                most=case.most or singles,
                prepare=indent(case.prepare, "            "),
                call=case.call,
            ),
            _CLOCK,
            _SINGLES.format(
                prepare=case.prepare,
                timed=run("timed", n),
                n=n,
                in_typical=_IN_TYPICAL,
                single=run("single", f"{singles}, bins, width"),
            ),
        ]
    return "".join(parts)


def read(lines: list[str], case: Case, effort: Effort) -> Printed:
    """What the program printed in all its runs. ValueError if it is not what it should print."""
    said: dict[str, list[list[int]]] = {"loop": [], "bytes": [], "single": [], "bins": []}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word not in said:
            raise ValueError(f"printed {line!r}")
        said[word].append([int(number) for number in re.findall(r"-?\d+", rest)])
    runs = len(said["bytes"])
    if not runs or len(said["loop"]) != effort.loops * runs:
        raise ValueError(f"printed {len(said['loop'])} loops, not {effort.loops} in each run")
    single = None
    for (clock, width, worst), bins in zip(said["single"], said["bins"], strict=True):
        single = Single(clock, width, worst, bins)
    return Printed(
        n=_calls(case, effort.calls) * case.events,
        loops=[(empty, timed) for empty, timed in said["loop"]],
        bytes_per_call=max(said["bytes"])[0] / (_calls(case, effort.counted) * case.events),
        single=single,
    )


def _calls(case: Case, wanted: int) -> int:
    """Calls in a row: `wanted` events, and no more calls than the case can take."""
    return min(max(1, wanted // case.events), case.most or wanted)
