"""Draws the picture of the console that the README shows.

`python -m sluice_tools.board.console.picture FILE`

The run in it is made up, from a fixed seed: bursts into a limit of 500 a second, and one reset.
"""

import asyncio
import math
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click

from ...errors import UserError
from ...serial.logfmt import Stats
from .app import ConsoleApp
from .events import Event, LinkUp, Sample, TextLine
from .panels import Levels

SIZE = (100, 30)

_FIRST_RUN_S, _BOOT_S, _SECOND_RUN_S = 46, 4, 80
_RATE, _BURST, _SLOTS = 500, 10, 64
_START = "event=start version=0.1.0 board=rp2040 source=link sink=link"


class MadeUpBoard:
    """A source whose run is over: everything happened in the last two minutes."""

    name = "/dev/ttyACM0"

    def __init__(self) -> None:
        self._closed = threading.Event()

    def events(self) -> Iterator[list[Event]]:
        restart = int(time.time()) - _SECOND_RUN_S
        start = restart - _BOOT_S - _FIRST_RUN_S
        yield [
            LinkUp(start),
            *_run(start, _FIRST_RUN_S, seed=1),
            TextLine(restart, "MPY: soft reboot"),
            *_run(restart, _SECOND_RUN_S, seed=2),
        ]
        self._closed.wait()

    def close(self) -> None:
        self._closed.set()


def _run(start: float, length_s: int, seed: int) -> Iterator[Event]:
    """The events of a program that starts at `start`."""
    chance = random.Random(seed)
    admitted = denied = high_water = 0
    yield TextLine(start, _START)
    for up_s in range(1, length_s + 1):
        wave = 1 + math.sin(up_s / 7 + seed) + 0.4 * math.sin(up_s / 2.3)
        offered = max(0, round(350 * wave + chance.gauss(0, 15)))
        qps = min(offered, _RATE + chance.randint(-1, 1))
        depth = min(_SLOTS, (offered - qps) // 4 + chance.randint(0, 2))
        high_water = max(high_water, depth)
        admitted += qps
        denied += qps if depth else 0
        p50_ms = depth * 1000 // _RATE
        yield Sample(
            start + up_s,
            Stats(
                up_s=up_s,
                qps=qps,
                mean_qps=round(admitted / up_s, 2),
                depth=depth,
                limit=_SLOTS,
                high_water=high_water,
                capacity=_SLOTS,
                tokens=0 if depth else _BURST,
                rate=_RATE,
                per_ms=1000,
                burst=_BURST,
                cost="record",
                admitted=admitted,
                denied=denied,
                load=round(qps / 2000, 2),
                rejected=0,
                overwritten=0,
                failed=0,
                shed=0,
                retried=0,
                bad_frames=0,
                strays=0,
                p50_ms=p50_ms,
                p95_ms=p50_ms + 4,
                p99_ms=p50_ms + 6,
            ),
        )


async def draw(path: Path) -> None:
    """Writes the picture to `path` as SVG that needs nothing from elsewhere."""
    app = ConsoleApp(MadeUpBoard())
    async with app.run_test(size=SIZE) as pilot:
        while app.query_one(Levels).stats is None:
            await pilot.pause(0.05)
        await pilot.pause()
        svg = app.export_screenshot()
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def main(file: Path) -> None:
    """Draw the console with a made-up run into FILE, as SVG."""
    try:
        asyncio.run(draw(file))
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from error


if __name__ == "__main__":
    main()
