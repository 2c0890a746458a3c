"""Max-min fair shares, exact in integers."""

from collections.abc import Sequence


def extras(spare: int, boards: Sequence[tuple[int, int]]) -> list[int]:
    """What each board gets above its guaranteed share, from a rate that is spare.

    boards: guaranteed share and demand of each, in an order that all who compute agree on.
    spare:  0 or more; the sum of the shares is the least of it and what is asked for.

    The shares are max-min fair: nobody gets more while one that asks for more has less. That is
    the water level up to which each board is filled (Bertsekas and Gallager, Data Networks, 1992,
    section 6.5.2), the guaranteed share counted in. What is left, less than a unit for each that
    still asks, goes by one to the first in the order.
    """
    asked = [max(0, demand - guaranteed) for guaranteed, demand in boards]
    if sum(asked) <= spare:
        return asked
    level, left = _water_level(spare, [board for board in boards if board[0] < board[1]])
    shares = []
    for guaranteed, demand in boards:
        share = max(0, min(demand, level) - guaranteed)
        if left and guaranteed <= level < demand:
            share += 1
            left -= 1
        shares.append(share)
    return shares


def _water_level(spare: int, boards: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The highest level that the spare rate reaches, and what it leaves; it does not reach all."""
    turns = [(guaranteed, 1) for guaranteed, _ in boards] + [(demand, -1) for _, demand in boards]
    turns.sort()
    level = filling = 0
    for turn, change in turns:
        needed = filling * (turn - level)
        if needed > spare:
            break
        spare -= needed
        level = turn
        filling += change
    return level + spare // filling, spare % filling
