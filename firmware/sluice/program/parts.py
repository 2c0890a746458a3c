# SPDX-License-Identifier: MIT
"""The source and the sink that a configuration names, but for the link and nowhere.

What is not named is not imported.
"""

from sluice.flow.sinks import UartSink

_MODULE = "module:"


class Parts:
    """Opens them, and lets the source begin.

    config, board, line: as a Program has them.

    Read only: `uart`, that of the source and the sink, or None.
    """

    def __init__(self, config, board, line):
        self.uart = None
        self._config = config
        self._board = board
        self._line = line
        self._handler = None  # of the source's interrupts

    def open_sink(self):
        """The sink. Raises ConfigError when the board, or the user's module, has none."""
        if self._config["sink"] == "uart":
            return UartSink(self._open_uart("sink"))
        from sluice.program.module import ModuleSink

        module, caught = self._load("sink", "write")
        return ModuleSink(module, module.write, caught)

    def open_source(self, ring):
        """What the loop is to `poll` for records; None: interrupts put them. See `open_sink`.

        To be called after `open_sink`.
        """
        name = self._config["source"]
        if name.startswith(_MODULE):
            from sluice.program.module import ModuleSource

            module, caught = self._load("source", "read")
            return ModuleSource(ring, module.read, caught)
        from sluice.flow.pulses import Pulses

        self._handler = Pulses(ring, self._board.ticks).pulse
        return None

    def begin(self) -> None:
        """Let the source's interrupts come."""
        if self._handler is None:
            return
        if self._config["source"] == "pin":
            self._board.pulse_irq(self._handler)
        else:
            self._board.start_timer(self._config["timer_ms"], self._handler)

    def has_sent(self) -> bool:
        """Whether the UART has nothing more to send. Hot."""
        return self.uart is None or self.uart.txdone()

    def _open_uart(self, key):
        if self.uart is None:
            self.uart = self._board.open_uart()
        return self.uart

    def _load(self, key, function):
        from sluice.program.module import Caught, Complaints, load_module, start_module

        config = self._config
        name = config[key][len(_MODULE) :]
        module = load_module(name, key, function)
        if key == "sink" or config["source"] != config["sink"]:
            start_module(module, name, key, config, self._board)
        return module, Caught(Complaints(key, self._line).add)
