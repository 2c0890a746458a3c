"""MicroPython's module `micropython`, as far as the firmware uses it."""

import os
import sys
from typing import Any

from host_sim import viper as _viper


def const(value: int) -> int:
    return value


def kbd_intr(char: int) -> None:
    """The host's terminal owns Ctrl-C, so there is nothing to change here."""


_MPY_VERSION = 6
_X64 = 2 << 10  # as MicroPython numbers the architectures of machine code


def install() -> None:
    """Say what MicroPython says of its emitter: there is one where SLUICE_NATIVE is set."""
    emitter = _X64 if os.environ.get("SLUICE_NATIVE") else 0
    sys.implementation._mpy = _MPY_VERSION | emitter  # type: ignore[attr-defined]


def __getattr__(name: str) -> Any:
    """The native emitter, `viper` and `native`, on a host that says it has one."""
    if name not in ("viper", "native"):
        raise AttributeError(f"module 'micropython' has no attribute {name!r}")
    if not sys.implementation._mpy >> 10:  # type: ignore[attr-defined]
        raise ImportError("this host has no native emitter: SLUICE_NATIVE is not set")
    _viper.install()
    return _viper.decorator if name == "viper" else lambda function: function
