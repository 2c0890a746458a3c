"""Garbage: pauses and jitter of an allocating limiter, and of this one, on MicroPython.

Both run on an emulated micro:bit whose clock counts instructions: a real collector
on a real heap, and nearly the same figures on any machine.
"""

import ast
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from host_sim.percentile import percentile

from ... import plots
from ...errors import UserError
from ...itself import FIRMWARE
from ...publish.mip.flat import sources
from ..runtimes import Microbit, ProgramError, Runtime, WebAssembly
from .result import Cell, Result, table
from .setup import Setup

_ICOUNT_SHIFT = 6  # an instruction takes 64 ns: about a Cortex-M0 at 16 MHz
_BLOCK = 50  # calls between two print-outs
_FREE_KB = 128  # of an example
_RATE, _BURST = 2000, 10  # fewer calls a second are made

_COLUMNS = [
    "limiter",
    "calls",
    "min_us",
    "p50_us",
    "p99_us",
    "worst_us",
    "collection_us",
    "bytes_each",
]

# Both modules do not fit into a heap of 9 KB while they are compiled, so that this leaves out what
# is not called here, and the messages of errors. The rest is as it is.
_LEFT_OUT = {
    "ring": {
        "put",
        "get",
        "free",
        "peek",
        "set_limit",
        "set_watermarks",
        "above",
        "clear",
        "_rise",
        "_fall",
    },
    "bucket": {
        "acquire",
        "acquire_up_to",
        "refill",
        "wait",
        "reserve",
        "cancel",
        "tokens",
        "set_rate",
        "set_burst",
        "reset",
        "wait_ticks",
        "_ticks_to_pay",
        "_grant_unlimited",
    },
    "terms": {"converted", "leaving", "check_debt"},
    "arguments": set(),
}

NAIVE, OURS = "allocating", "Sluice"

_MAKE = {
    NAIVE: f"""
import naive
queue = naive.NaiveQueue({_RATE}, {_BURST})
""",
    OURS: f"""
from bucket import TokenBucket
gc.collect()
from ring import RingQueue
gc.collect()
queue = RingQueue(16, "H")
limiter = TokenBucket({_RATE}, {_BURST}, 1000000, ticks_us)
""",
}
_CALL = {
    NAIVE: """
        queue.put(i)
        queue.get()
""",
    OURS: """
        queue.try_put(i)
        if len(queue) and limiter.try_acquire():
            queue.try_get()
""",
}
# The functions come first, while there is most room to compile them.
_TIMING = """
import gc
gc.threshold(-1)
from array import array
try:
    from time import ticks_us, ticks_diff
except ImportError:
    from utime import ticks_us, ticks_diff
def measure():
    for i in range(%(block)d):
        start = ticks_us()
%(call)s
        times[i] = ticks_diff(ticks_us(), start)
def collect():
    start = ticks_us()
    gc.collect()
    print(ticks_diff(ticks_us(), start))
times = array("H", bytes(2 * %(block)d))
%(make)s
gc.collect()
measure()
collect()
for block in range(%(blocks)d):
    measure()
    for time in times:
        print(time)
"""
_COUNTING = """
import gc
from time import ticks_us
%(make)s
def count():
    before = gc.mem_alloc()
    for i in range(%(block)d):
%(call)s
    print(gc.mem_alloc() - before)
count()
count()
"""


def run(setup: Setup) -> Result:
    """UserError: the emulator or the image is not installed."""
    if why_not := Microbit.why_not():
        raise UserError(f"garbage needs an emulated micro:bit: {why_not}; apt-get install both")
    blocks = 10 if setup.quick else 80
    times: dict[str, list[int]] = {}
    rows: list[list[Cell]] = []
    for name in setup.track([NAIVE, OURS], "garbage"):
        collecting, *times[name] = _run(Microbit(_ICOUNT_SHIFT), _TIMING, name, blocks)
        *_, allocated = _run(WebAssembly(), _COUNTING, name, blocks)
        rows.append(_row(name, times[name], collecting, allocated / _BLOCK))
    return Result(
        "garbage",
        "Garbage: what a collector does to a limiter's time",
        _COLUMNS,
        rows,
        {"garbage": _figure(times)},
        _page(rows),
    )


def _run(board: Runtime, program: str, name: str, blocks: int) -> list[int]:
    """The numbers that the program prints, on a freshly started board."""
    setting = {"block": _BLOCK, "blocks": blocks, "make": _MAKE[name], "call": _CALL[name]}
    with tempfile.TemporaryDirectory(prefix="garbage-") as folder:
        try:
            board.start(dict(_modules(Path(folder))))
            return [int(line) for line in board.run(program % setting, 120)]
        except (ProgramError, TimeoutError) as error:
            raise UserError(f"{board.name}: {str(error).splitlines()[-1]}") from error
        finally:
            board.stop()


def _modules(folder: Path) -> Iterable[tuple[str, Path]]:
    yield "naive", Path(__file__).with_name("naive_queue.py")
    ours = sources(FIRMWARE)
    for name, left_out in _LEFT_OUT.items():
        tree = ast.parse(ours[name])
        for owner in tree.body:
            if isinstance(owner, ast.ClassDef):
                owner.body = [
                    node
                    for node in owner.body
                    if not (isinstance(node, ast.FunctionDef) and node.name in left_out)
                ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                node.exc = node.exc.func
        path = folder / f"{name}.py"
        path.write_text(ast.unparse(tree))
        yield name, path


def _row(name: str, times: list[int], collecting: int, bytes_each: float) -> list[Cell]:
    ordered = sorted(map(float, times))
    return [
        name,
        len(times),
        round(ordered[0]),
        round(percentile(ordered, 0.5)),
        round(percentile(ordered, 0.99)),
        round(ordered[-1]),
        collecting,
        f"{bytes_each:g}",
    ]


def _figure(times: dict[str, list[int]]) -> Figure:
    figure, (series, shares) = plots.panels(1, 2, width=10, height=3.6)
    for (name, measured), color in zip(times.items(), (plots.RED, plots.BLUE), strict=True):
        shown = measured[:600]  # in which a collection falls
        series.plot(shown, color=color, linestyle="none", marker=".", markersize=3, label=name)
        steps = sorted(Counter(measured).items())
        left = len(measured)
        beyond = []
        for _, count in steps:
            beyond.append(left / len(measured))
            left -= count
        shares.step([at for at, _ in steps], beyond, color=color, where="pre", label=name)
        shares.plot(steps[-1][0], beyond[-1], color=color, marker="o")
    series.set_title("Call after call")
    series.set_xlabel("call (number)")
    series.set_ylabel("put and take (µs)")
    series.set_ylim(bottom=0)
    series.legend(loc="center right", markerscale=4)
    plots.plain_numbers(series.xaxis)
    plots.plain_numbers(series.yaxis)
    shares.set_title("How many take how long")
    shares.set_xlabel("put and take (µs)")
    shares.set_ylabel("share of calls that take this or longer")
    shares.set_yscale("log")
    plots.plain_numbers(shares.yaxis)
    plots.plain_numbers(shares.xaxis)
    shares.legend(loc="center")
    return figure


def _page(rows: list[list[Cell]]) -> str:
    naive, ours = (dict(zip(_COLUMNS, row, strict=True)) for row in rows)

    def over(row: dict[str, Cell]) -> int:
        return int(row["worst_us"] or 0) - int(row["p50_us"] or 0)

    return f"""
`sluice experiment garbage` writes this page. Two limiters with a queue put and take a record, call
after call:

- **allocating**: as it is often written. `tokens += elapsed * rate` with floats, and a list of
  (time, item) tuples.
- **Sluice**: `TokenBucket` and `RingQueue` of this library.

They run on an emulated micro:bit (MicroPython 1.9.2, a Cortex-M0, 9 KB of heap) whose clock counts
instructions of {1 << _ICOUNT_SHIFT} ns: a real collector on a real heap, and the same figures
within a few microseconds on any machine. Both modules of the library do not fit into that heap
while they are compiled, so the methods that are not called here, and the messages of errors, are
left out; what is measured is unchanged.

![Each call's time, and their distribution](garbage.svg)

{table(_COLUMNS, rows)}

`collection_us` is a whole collection by `gc.collect()`. `bytes_each` is what a call takes from the
heap on a 32-bit board with boxed floats, as ESP32 and RP2040 have them, counted by
`gc.mem_alloc()` on the virtual board. (The micro:bit packs floats into the reference, so there
only the tuples are garbage, and it collects less often than those would.)

## What it says

1. The allocating limiter's worst call takes {over(naive):,} µs longer than half of them, Sluice's
   {over(ours):,} µs. A collection takes {naive["collection_us"]:,} µs and
   {ours["collection_us"]:,} µs.
2. Half of the allocating limiter's calls take {naive["p50_us"]:,} µs or less, half of Sluice's
   {ours["p50_us"]:,} µs.
3. A collection visits the whole heap, here of 9 KB. How long it takes on a larger one was not
   measured: that needs a board, or an emulator of one.
4. At {naive["bytes_each"]} bytes a call and 500 calls a second, {_FREE_KB} KB of free heap last
   {_FREE_KB * 1024 / float(naive["bytes_each"] or 1) / 500:.1f} s from one collection to the next.
"""
