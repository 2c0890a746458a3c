"""A board at a port, which runs programs without a byte written to its flash."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ...board.flash.device import Device, connect
from .runtime import Runtime, write_compiled


class Port(Runtime):
    """The board imports the library from this machine while it runs; at the end it is restarted."""

    def __init__(self, port: str) -> None:
        self.name = port
        self._used = ExitStack()
        self._device: Device | None = None

    @classmethod
    def why_not(cls) -> str | None:
        return None  # whoever names a port has a board there

    def start(self, helpers: Mapping[str, Path]) -> None:
        folder = Path(self._used.enter_context(tempfile.TemporaryDirectory(prefix="library-")))
        device = self._used.enter_context(connect(self.name, "its files are as they were"))
        write_compiled(folder, helpers, device.facts().arch)
        device.reset()
        device.mount(folder)
        self._used.callback(device.unmount)
        self._device = device

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        assert self._device
        return self._device.run(program, timeout_s).splitlines()

    def stop(self) -> None:
        self._used.close()
