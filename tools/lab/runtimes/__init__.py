"""MicroPythons that run on this machine, each with the library on it, to run programs."""

from .microbit import Microbit
from .raw_repl import ProgramError
from .rp2040 import Rp2040
from .runtime import Runtime
from .webassembly import WebAssembly

__all__ = ["RUNTIMES", "Microbit", "ProgramError", "Rp2040", "Runtime", "WebAssembly"]

RUNTIMES: tuple[type[Runtime], ...] = (WebAssembly, Microbit, Rp2040)
