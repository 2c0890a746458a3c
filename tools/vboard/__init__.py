"""The virtual board: MicroPython for WebAssembly, run by Node, as a board on a serial line."""

from tools.vboard.board import VirtualBoard

__all__ = ["VirtualBoard"]
