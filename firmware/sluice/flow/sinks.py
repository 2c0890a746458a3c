# SPDX-License-Identifier: MIT
"""Where records go: each sink has `room()` and `write(record, n)`, see Pipeline."""

from micropython import const

from sluice.kernels import kernel

_SMALL_MAX = const((1 << 30) - 1)


class LinkSink:
    """Sends each record back to the host, with the tick of its grant.

    link: a Session.  bucket: the pipeline's TokenBucket, which knows that tick.
    """

    def __init__(self, link, bucket):
        self._link = link
        self._bucket = bucket

    def room(self) -> int:
        """How many records the link can keep until the host has them. Hot."""
        return self._link.room()

    def write(self, record, n: int) -> bool:
        """True when the link keeps it until the host has it, or the line took it. Hot."""
        return self._link.deliver(record, n, self._bucket.settled)


LinkSink = kernel("flow.sinks", "LinkSink", LinkSink)


class NullSink:
    """Takes everything and forgets it; to measure what stands before it."""

    def room(self) -> int:
        """2^30 - 1. Hot."""
        return _SMALL_MAX

    def write(self, record, n: int) -> bool:
        """True. Hot."""
        return True
