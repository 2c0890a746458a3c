"""MicroPythons that run on this machine, each with the library on it, to run programs."""

from .microbit import Microbit
from .raw_repl import ProgramError
from .rp2040 import Rp2040
from .runtime import Runtime
from .unix import Unix
from .webassembly import WebAssembly

__all__ = ["RUNTIMES", "Microbit", "ProgramError", "Rp2040", "Runtime", "Unix", "WebAssembly"]

RUNTIMES: tuple[type[Runtime], ...] = (WebAssembly, Unix, Microbit, Rp2040)
