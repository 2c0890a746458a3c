"""The virtual board: MicroPython for WebAssembly, run by Node, as a board on a serial line."""

from .board import MICROPYTHON, VirtualBoard, install_micropython, why_no_micropython

__all__ = ["MICROPYTHON", "VirtualBoard", "install_micropython", "why_no_micropython"]
