# SPDX-License-Identifier: MIT
"""The watchdog that a configuration asks for."""

from sluice.program.config import ConfigError


def open_watchdog(ms, board):
    """The board's, which resets it unless it is fed every `ms`. Nothing stops it any more.

    ConfigError: the board has none, or none for that time.
    """
    if board.WDT is None:
        raise ConfigError("watchdog_ms", ms, "null on a board without machine.WDT")
    try:
        return board.WDT(timeout=ms)
    except (OSError, ValueError) as error:  # of its time, each port has its own bounds
        raise ConfigError("watchdog_ms", ms, "a time that machine.WDT takes (%s)" % error)
