"""The figures of a flashed program on one board, and the file that keeps them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ....errors import UserError

FORMAT = 2


@dataclass(frozen=True)
class Link:
    """Records of one size from the host through the program and back, no rate set.

    per_s, load, longest_turn_us:  with records always waiting, by the board's clock.
    half_per_s, p99_ms:  what came at about half of that, and the sojourn in the queue.
    first_ms:     from the reset to the first record's grant, by the board's clock; None: a reset
                  does not begin that anew.
    sent:         records, all of which came back.
    naive_per_s:  lines that the naive script moves in a second; None: it was not run.
    """

    bytes: int
    per_s: float
    load: float
    longest_turn_us: int
    half_per_s: float
    p99_ms: int
    first_ms: int | None
    sent: int
    naive_per_s: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the naive script."""
        return self.per_s / self.naive_per_s if self.naive_per_s else None


@dataclass(frozen=True)
class Timer:
    """Events of a timer of 1 kHz into the null sink, no rate set: in a second of the board's."""

    admitted_per_s: float
    refused_per_s: float
    load: float
    longest_turn_us: int


@dataclass(frozen=True)
class Heap:
    """Bytes of the board's heap with the default program standing, and the ms until it stood."""

    used: int
    free: int
    built_ms: int


@dataclass(frozen=True)
class Whole:
    """All figures of one run on one board, and where they come from.

    image:   what the board says of its MicroPython.
    line:    how it was reached: "serial", or "socket" and the like.
    release: the folder of what is flashed.  commit: of that; "" if it is not of this checkout.
    frozen:  the library runs from the firmware image.
    seconds: whole intervals of the statistics that each case took.
    reason:  why it may be worse than the run that was kept before it.
    """

    machine: str
    micropython: str
    image: str
    line: str
    release: str
    sluice: str
    commit: str
    date: str
    seconds: int
    links: list[Link]
    timer: Timer
    heap: Heap
    frozen: bool = False
    reason: str = ""

    @property
    def title(self) -> str:
        """What runs where: of the runs of one title the last is kept."""
        title = self.machine + ", the library frozen" * self.frozen
        return title if self.line == "serial" else f"{title}, over a {self.line}"

    @property
    def first_ms(self) -> int | None:
        """The least of the times from a reset to the first record; None: it is not known."""
        known = [link.first_ms for link in self.links if link.first_ms is not None]
        return min(known, default=None)


def to_json(runs: Iterable[Whole]) -> dict[str, Any]:
    return {"format": FORMAT, "programs": [asdict(run) for run in runs]}


def save(path: Path, runs: Iterable[Whole]) -> None:
    path.write_text(json.dumps(to_json(runs), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Whole]:
    """The runs in a file, by title. UserError if it cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(f"{path}: not the figures of `sluice bench --program`, format {FORMAT}")
    try:
        runs = [_run(entry) for entry in data["programs"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the figures of `sluice bench --program`: {error}") from None
    return {run.title: run for run in runs}


def _run(entry: Mapping[str, Any]) -> Whole:
    parts = {
        "links": [Link(**link) for link in entry["links"]],
        "timer": Timer(**entry["timer"]),
        "heap": Heap(**entry["heap"]),
    }
    return Whole(**{**entry, **parts})
