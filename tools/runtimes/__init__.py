"""MicroPythons that run on this machine, each with the library on it, to run programs."""

from tools.runtimes.microbit import Microbit
from tools.runtimes.raw_repl import ProgramError
from tools.runtimes.rp2040 import Rp2040
from tools.runtimes.runtime import Runtime
from tools.runtimes.webassembly import WebAssembly

__all__ = ["RUNTIMES", "Microbit", "ProgramError", "Rp2040", "Runtime", "WebAssembly"]

RUNTIMES: tuple[type[Runtime], ...] = (WebAssembly, Microbit, Rp2040)
