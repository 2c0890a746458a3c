# SPDX-License-Identifier: MIT
"""A UART as the place where records go."""

from micropython import const

_SMALL_MAX = const((1 << 30) - 1)


class UartSink:
    """Writes each record's bytes to a UART, nothing between them.

    A UART that takes only a part counts as a failure: the record is sent again
    from its start.
    """

    def __init__(self, uart):
        self._uart = uart

    def room(self) -> int:
        """2^30 - 1: what a UART can take shows when it is written to. Hot."""
        return _SMALL_MAX

    def write(self, record, n: int) -> bool:
        """True when the UART took all n bytes. Hot."""
        return self._uart.write(record, n) == n
