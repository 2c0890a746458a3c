"""From what a program printed to what one call costs."""

from statistics import median

from .figures import Figure
from .program import Printed, Single


def figure(printed: Printed) -> Figure:
    """The least and the median over the loops, less the least empty one; and the single calls.

    What disturbs a loop only makes it longer: the least of each kind is the undisturbed one.
    """
    empty = min(loop[0] for loop in printed.loops)
    timed = [loop[1] for loop in printed.loops]
    single_us, worst_us = _singles(printed.single) if printed.single else (None, None)
    return Figure(
        us=round((min(timed) - empty) / printed.n, 3),
        median_us=round((median(timed) - empty) / printed.n, 3),
        bytes=round(printed.bytes_per_call, 2),
        single_us=single_us,
        worst_us=worst_us,
    )


def _singles(single: Single) -> tuple[float | None, float | None]:
    """(median, longest), the median rounded down to a bin's edge.

    None when the bins do not hold the median or the clock is too coarse.
    """
    rank = (sum(single.bins) + 1) // 2
    passed = 0
    for at, count in enumerate(single.bins[:-1]):
        passed += count
        if passed >= rank:
            took = float(at * single.width - single.clock)
            return (took, float(single.worst - single.clock)) if took > 0 else (None, None)
    return None, None
