"""Max-min fair shares, exact in integers.

Nobody gets more while one that asks for more has less. That is the water level up to which each
board is filled (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2), the guaranteed share
counted in. Whoever knows what all ask for, without their names, knows the level.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate

_Board = tuple[int, int]
"""Its guaranteed share, and its demand."""


class Demands:
    """What many boards ask for, without their names."""

    def __init__(self, demands: Iterable[int], guaranteed: Iterable[int]) -> None:
        """Of the boards that ask for more than is guaranteed: the demands, and the guaranteed
        shares above 0.
        """
        self._demands = _Heights(demands)
        self._guaranteed = _Heights(guaranteed)

    @classmethod
    def of(cls, boards: Iterable[_Board]) -> "Demands":
        asking = [board for board in boards if board[0] < board[1]]
        return cls((demand for _, demand in asking), (least for least, _ in asking if least))

    @property
    def demands(self) -> list[int]:
        return self._demands.heights

    @property
    def guaranteed(self) -> list[int]:
        return self._guaranteed.heights

    @property
    def most(self) -> int:
        return self.demands[-1] if self.demands else 0

    def filled(self, level: int) -> int:
        """What it takes, above the guaranteed shares, to fill all up to this level."""
        return self._demands.up_to(level) - self._guaranteed.up_to(level)

    def asking(self, level: int) -> int:
        """How many ask for more when they are filled up to this level."""
        return self._demands.above(level) - self._guaranteed.above(level)


class _Heights:
    """Numbers in their order, each 0 or more, and the sums of the first of them."""

    def __init__(self, heights: Iterable[int]) -> None:
        self.heights = sorted(heights)

    @cached_property
    def _sums(self) -> list[int]:
        return [0, *accumulate(self.heights)]

    def up_to(self, level: int) -> int:
        """The sum, where each counts as the level at most."""
        below = bisect_right(self.heights, level)
        return self._sums[below] + (len(self.heights) - below) * level

    def above(self, level: int) -> int:
        return len(self.heights) - bisect_right(self.heights, level)


def water_level(spare: int, groups: Sequence[Demands]) -> tuple[int, int]:
    """The highest level that a spare rate, 0 or more, fills all groups up to, and what it leaves:
    less than a unit for each board that asks for more.
    """
    low, high = 0, max((group.most for group in groups), default=0)
    while low < high:
        level = (low + high + 1) // 2
        if sum(group.filled(level) for group in groups) <= spare:
            low = level
        else:
            high = level - 1
    return low, spare - sum(group.filled(low) for group in groups)


def shares(boards: Iterable[_Board], level: int, left: int) -> list[int]:
    """What each board gets above its guaranteed share at this level: what is left goes by one to
    the first that ask for more.
    """
    given = []
    for guaranteed, demand in boards:
        share = max(0, min(demand, level) - guaranteed)
        if left > 0 and guaranteed <= level < demand:
            share += 1
            left -= 1
        given.append(share)
    return given


def extras(spare: int, boards: Sequence[_Board]) -> list[int]:
    """What each board gets above its guaranteed share, from a rate that is spare.

    boards: in an order that all who compute agree on.
    spare:  0 or more; the sum of the shares is the least of it and what is asked for.
    """
    return shares(boards, *water_level(spare, [Demands.of(boards)]))
