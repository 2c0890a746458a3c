# SPDX-License-Identifier: MIT
"""Several limits on one ring: the user's and a controller's, and what a fleet leaves of them."""

from micropython import const

from sluice.arguments import check_int

WHOLE = const(1024)  # what a part of the limit is counted in


class Limits:
    """The limits on a ring, kept apart by name. The ring's is a part of the least of them.

    So nobody who sets one needs to know of the others, and one that is lifted
    leaves them as they were. A ring has one at most: see `limits_of`. It puts
    itself behind the ring's `set_limit`, which sets the user's.

    Read only: `user`, at first what the ring's was; `controller`, at first its
    capacity; `part`, in 1/1,024, at first the whole.

    Ownership: the main loop. The ring's producers may continue meanwhile.
    """

    def __init__(self, ring):
        self._ring = ring
        self.user = ring.limit
        self.controller = ring.capacity
        self.part = WHOLE
        ring.set_limit = self.set

    def set(self, n) -> None:
        """Set the user's limit, 1 to the ring's capacity. Raises TypeError or ValueError."""
        check_int("limit", n, 1, self._ring.capacity)
        self.user = n
        self._settle()

    def adapt(self, n: int) -> None:
        """Set the controller's limit; n is clamped to 1..capacity. Hot."""
        capacity = self._ring.capacity
        self.controller = 1 if n < 1 else n if n < capacity else capacity
        self._settle()

    def throttle(self, part: int) -> None:
        """Let part / 1,024 of the least limit be the ring's, at least 1; part: 1 to 1,024. Hot."""
        self.part = part
        self._settle()

    def _settle(self):
        own = min(self.user, self.controller)
        # Apart, so that no product leaves the small integers.
        limit = own // WHOLE * self.part + own % WHOLE * self.part // WHOLE
        self._ring.limit = limit if limit > 1 else 1


def limits_of(ring):
    """The Limits of a ring, made when they are first asked for."""
    limits = getattr(ring, "limits", None)
    if limits is None:
        limits = ring.limits = Limits(ring)
    return limits
