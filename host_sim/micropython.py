"""MicroPython's module `micropython`, as far as the firmware uses it."""

import os
from typing import Any

from host_sim import viper as _viper


def const(value: int) -> int:
    return value


def kbd_intr(char: int) -> None:
    """The host's terminal owns Ctrl-C, so there is nothing to change here."""


def __getattr__(name: str) -> Any:
    """The native emitter, `viper` and `native`, on a host that has SLUICE_NATIVE set.

    Otherwise the host is a board without one, which refuses the library's kernels.
    """
    if name not in ("viper", "native"):
        raise AttributeError(f"module 'micropython' has no attribute {name!r}")
    if not os.environ.get("SLUICE_NATIVE"):
        raise ImportError("this host has no native emitter: SLUICE_NATIVE is not set")
    _viper.install()
    return _viper.decorator if name == "viper" else lambda function: function
