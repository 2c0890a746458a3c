"""MicroPython in WebAssembly: the virtual board."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...vboard import VirtualBoard, why_no_micropython
from .raw_repl import RawRepl
from .runtime import Runtime, write_compiled

_BOOT_S = 20


class WebAssembly(Runtime):
    name = "WebAssembly"

    def __init__(self) -> None:
        self._flash = tempfile.TemporaryDirectory(prefix="webassembly-")
        self._board = VirtualBoard(self._flash.name, pty=True)
        self._repl: RawRepl | None = None

    @classmethod
    def why_not(cls) -> str | None:
        return why_no_micropython()

    def start(self, helpers: Mapping[str, Path]) -> None:
        write_compiled(Path(self._flash.name, "lib"), helpers)
        self._board.start()
        self._repl = RawRepl(self._board.url)
        self._repl.enter(_BOOT_S)

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        assert self._repl
        return self._repl.run(program, timeout_s)

    def stop(self) -> None:
        if self._repl:
            self._repl.close()
        self._board.stop()
        self._flash.cleanup()
