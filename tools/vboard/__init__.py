"""The virtual board: MicroPython for WebAssembly, run by Node, as a board on a serial line."""

from tools.vboard.board import VirtualBoard, install_micropython, why_no_micropython

__all__ = ["VirtualBoard", "install_micropython", "why_no_micropython"]
