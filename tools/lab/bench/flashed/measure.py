"""All cases of the flashed program on one board."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....board.flash.device import Device
from ....errors import UserError
from ....itself import FIRMWARE, version_installed
from .. import provenance
from .board import Board, borrowed
from .figures import Heap, Link, Timer, Whole
from .running import Running, longest_turn

SIZES = (4, 32, 200)
_SILENCE_S = 60
_NAIVE = Path(__file__).with_name("naive.py")
_NAIVE_LINES = {4: 1500, 32: 1000, 200: 200}  # in a second of the naive script
_UNDER_WAY = 240  # bytes that every board's console holds

# At a rate at which no line waits; the first one is not timed.
_TIMED = """
echo(1000000, 10, 1)
start = time.ticks_ms()
echo(1000000, 10, {lines})
print('took', time.ticks_diff(time.ticks_ms(), start))
"""

# As main.py has it.
_STAND = """\
import gc
import sys
import time
start = time.ticks_ms()
sys.path.insert(0, {folder!r})
import board
from sluice.program.program import stand
program = stand(board, board.open_line())
print('took', time.ticks_diff(time.ticks_ms(), start))
"""
# A program of its own: one runtime collects only when no program runs.
_COLLECT = "gc.collect()"
_HEAP = "print('used', gc.mem_alloc())\nprint('free', gc.mem_free())"


def steps(sizes: Sequence[int] = SIZES) -> int:
    """How often `measure` says what comes next."""
    return 3 * len(sizes) + 2


def measure(
    port: str, seconds: int, say: Callable[[str], object], sizes: Sequence[int] = SIZES
) -> Whole:
    """Run all cases on the board at the port; say(what) is told what comes next.

    seconds: whole intervals of the statistics, of a second each, that are measured in each case.

    The board's configuration is another one meanwhile, and is put back at the end, whatever
    happens. UserError, in one line, for what fails.
    """
    default = json.loads((FIRMWARE / "config.json").read_text(encoding="utf-8"))
    unlimited = default | {"rate": None}
    by_size = {size: unlimited | {"slot_size": max(size, default["slot_size"])} for size in sizes}
    timer = unlimited | {"source": "timer", "timer_ms": 1, "sink": "null"}
    with borrowed(port, [default, timer, *by_size.values()]) as board:
        links = [_link(board, by_size[size], size, seconds, say) for size in sizes]
        say("timer to null")
        timed = _timer(board, timer, seconds)
        with board.stopped(default) as device:
            say("heap")
            heap = _heap(board, device)
            for at, size in enumerate(sizes):
                say(f"naive script, {size} bytes")
                device.reset()
                links[at] = replace(links[at], naive_per_s=_naive(device, size))
        return Whole(
            machine=board.facts.machine or board.facts.platform,
            micropython=".".join(map(str, board.facts.version)),
            image=board.image,
            line=port.partition("://")[0] if "://" in port else "serial",
            release=board.folder,
            sluice=version_installed(),
            commit=provenance.commit() if board.release_is_ours else "",
            date=provenance.today(),
            seconds=seconds,
            links=links,
            timer=timed,
            heap=heap,
            frozen=board.frozen,
        )


def _link(
    board: Board,
    config: Mapping[str, Any],
    size: int,
    seconds: int,
    say: Callable[[str], object],
) -> Link:
    say(f"link to link, {size} bytes")
    before_ms = board.start(config)
    with closing(Running(board.port)) as running:
        running.open()
        full = running.feed(size, seconds)
        say(f"link to link, {size} bytes, half of {full.per_s:.0f}/s")
        half = running.feed(size, seconds, full.per_s / 2)
        first_ms = round(running.first_ms)
        return Link(
            bytes=size,
            per_s=round(full.per_s, 1),
            load=round(full.load, 2),
            longest_turn_us=full.longest_turn_us,
            half_per_s=round(half.per_s, 1),
            p99_ms=half.p99_ms,
            first_ms=first_ms if first_ms < before_ms else None,
            sent=running.sent,
            naive_per_s=None,
        )


def _timer(board: Board, config: Mapping[str, Any], seconds: int) -> Timer:
    board.start(config)
    with closing(Running(board.port)) as running:
        running.open()
        before, *lines = running.listen(seconds)
    last = lines[-1]
    return Timer(
        admitted_per_s=round(sum(line.qps for line in lines) / len(lines), 1),
        refused_per_s=round((last.rejected - before.rejected) / len(lines), 1),
        load=round(sum(line.load for line in lines) / len(lines), 2),
        longest_turn_us=longest_turn(lines),
    )


def _heap(board: Board, device: Device) -> Heap:
    built = _numbers(device.run(_STAND.format(folder=board.folder), _SILENCE_S))
    device.run(_COLLECT, _SILENCE_S)
    heap = _numbers(device.run(_HEAP, _SILENCE_S))
    return Heap(used=heap["used"], free=heap["free"], built_ms=built["took"])


def _naive(device: Device, size: int) -> float:
    """Lines of so many bytes and their end that the script moves in a second."""
    count = _NAIVE_LINES.get(size, 200)
    line = b"%0*d\n" % (size, 7)
    most = max(2, _UNDER_WAY // len(line))
    left = count + 1

    def answer(printed: bytes) -> bytes:
        nonlocal left
        n = min(left, printed.count(b"\n") if printed else most)
        left -= n
        return line * n

    program = _NAIVE.read_text(encoding="utf-8") + _TIMED.format(lines=count)
    took_ms = _numbers(device.converse(program, answer, _SILENCE_S))["took"]
    if not took_ms:
        raise UserError(f"{device.port}: the naive script was over within a tick of the board")
    return round(count * 1000 / took_ms, 1)


def _numbers(printed: str) -> dict[str, int]:
    """By name, from lines like `name 5`."""
    return {name: int(number) for name, number in re.findall(r"^([a-z]+) (\d+)\s*$", printed, re.M)}
