"""How much of a budget a gateway claims for its boards."""

_PLENTY = 8  # of what is not guaranteed, this part is not claimed by anybody


def next_claim(claim: int, needed: int, spare: int, unclaimed: int) -> int:
    """The claim of a gateway whose boards need so much, and that has claimed `claim`.

    spare: the rate without what is guaranteed.  unclaimed: of it, what no gateway has claimed.

    It is what is needed, as far as there is room. Where there is plenty it has a little more, and
    stays while it is up to a quarter too much: each change of a claim is written, and stops the
    others' raises that are under way.
    """
    room = claim + max(0, unclaimed)
    if unclaimed * _PLENTY < spare:
        return min(needed, room)
    if needed <= claim <= needed + needed // 4:
        return claim
    return min(max(needed, min(needed + needed // 8, claim + unclaimed // 2)), room)
