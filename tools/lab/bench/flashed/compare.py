"""A flashed program's figures against those that were kept."""

from collections.abc import Iterator

from ..compare import Change, Comparison
from .figures import Link, Whole

US_PER_S = 1000000


def compare(kept: Whole, now: Whole) -> Comparison:
    """The time of a record, the timer's load and refusals, and the heap.

    Not what the host has a part in (the sojourn, the first record), nor the time to import and
    build, which varies by a quarter from run to run; nor the naive script.
    """
    then, present = dict(_figures(kept)), dict(_figures(now))
    return Comparison(
        [
            Change(name, unit, value, present[name, unit])
            for (name, unit), value in then.items()
            if (name, unit) in present
        ],
        [name for name, unit in then if (name, unit) not in present],
    )


def name_of(link: Link) -> str:
    return f"link to link, {link.bytes} bytes"


def _figures(run: Whole) -> Iterator[tuple[tuple[str, str], float]]:
    for link in run.links:
        yield (name_of(link), "us"), round(US_PER_S / link.per_s, 1)
    yield ("timer to null", "load"), run.timer.load
    yield ("timer to null", "refused/s"), run.timer.refused_per_s
    yield ("heap in use", "B"), run.heap.used
