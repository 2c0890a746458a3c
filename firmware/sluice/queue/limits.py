# SPDX-License-Identifier: MIT
"""Several limits on one ring: the user's, a controller's and the fleet's."""

from sluice.arguments import check_int


class Limits:
    """The limits on a ring, kept apart by name. The ring's own is the least of them.

    So nobody who sets one needs to know of the others, and one that is lifted
    leaves them as they were. A ring has one at most: see `limits_of`. It puts
    itself behind the ring's `set_limit`, which sets the user's.

    Read only: `user`, at first what the ring's was; `controller` and `fleet`, at
    first its capacity.

    Ownership: the main loop. The ring's producers may go on meanwhile.
    """

    def __init__(self, ring):
        self._ring = ring
        self.user = ring.limit
        self.controller = self.fleet = ring.capacity
        ring.set_limit = self.set

    def set(self, n) -> None:
        """Set the user's limit, 1 to the ring's capacity. Raises TypeError or ValueError."""
        check_int("limit", n, 1, self._ring.capacity)
        self.user = n
        self._settle()

    def adapt(self, n: int) -> None:
        """Set the controller's limit; n is clamped to 1..capacity. Hot."""
        self.controller = self._clamped(n)
        self._settle()

    def press(self, n: int) -> None:
        """Set the fleet's limit; n is clamped to 1..capacity. Hot."""
        self.fleet = self._clamped(n)
        self._settle()

    def _clamped(self, n):
        capacity = self._ring.capacity
        return 1 if n < 1 else n if n < capacity else capacity

    def _settle(self):
        self._ring.limit = min(self.user, self.controller, self.fleet)


def limits_of(ring):
    """The Limits of a ring, made when they are first asked for."""
    limits = getattr(ring, "limits", None)
    if limits is None:
        limits = ring.limits = Limits(ring)
    return limits
