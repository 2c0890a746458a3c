# SPDX-License-Identifier: MIT
"""Where a source puts its next record."""

from sluice.queue.ring import REJECT


def free_slot(ring):
    """A slot of a RecordRing to fill, as `claim` gives it; None: it is full, and rejects. Hot.

    Unlike `claim` it counts no refusal: a source that finds no slot keeps what it has.
    """
    return ring.claim() if ring.free() or ring.overflow != REJECT else None
