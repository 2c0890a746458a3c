# SPDX-License-Identifier: MIT
"""The source and the sink that a configuration names, but for the link and nowhere.

What is not named is not imported.
"""

from sluice.flow.sinks import NullSink
from sluice.program.config import ConfigError

_MODULE = "module:"


class Parts:
    """Opens them, and lets the source begin.

    config, board: as a Program has them.
    tell: called with a line of text for the console, of what happens to a part.
    network: the board's Network, for the sinks that need one; None without them.

    Read only: `uart`, that of the source and the sink, or None. `tend`, None, or what is to be
    called every few ms for the sink, which says whether it took its time. `tell_store`, None, or
    what the statistics line asks about the flash.
    """

    def __init__(self, config, board, tell, network):
        self.uart = None
        self.tend = None
        self.tell_store = None
        self._spill = None
        self._config = config
        self._board = board
        self._tell = tell
        self._network = network
        self._handler = None  # of the source's interrupts
        self._begin = None  # the board's function that lets them come

    def open_tiers(self, ring, ends):
        """The queue that continues on flash, between the ring and its front; see `open_tiers`.

        To be called before `open_sink`, if the configuration has a store.
        """
        from sluice.program.spill import Spill, open_tiers

        tiers = open_tiers(self._config, ring, ends, self._board)
        self._spill = Spill(tiers)
        self.tell_store = self._spill.tell
        return tiers

    def open_sink(self, stats):
        """The sink. Raises ConfigError when the user's module, or what it needs, is not there.

        stats: the pipeline's, in which some sinks count.
        """
        name = self._config["sink"]
        if name == "null":
            return NullSink()
        if name == "uart":
            from sluice.flow.uart_sink import UartSink

            return UartSink(self._open_uart("sink"))
        if name in ("mqtt", "http"):
            from sluice.program.uplink import open_uplink

            number = None if self._spill is None else self._spill.number
            sink = open_uplink(self._config, self._board, self._network, self._tell, stats, number)
            self.tend = sink.tend
            return sink
        from sluice.program.module import ModuleSink

        module, caught = self._load("sink", "write")
        return ModuleSink(module, module.write, caught)

    def open_source(self, ring, dropped, pipeline):
        """What the loop is to `poll` for records; None: a host or interrupts put them.

        To be called after `open_sink`.  dropped: a function without arguments, called for each
        frame of which no record is made.  pipeline: the one behind the ring. Raises ConfigError as
        `open_sink` does, and when its values do not go together.
        """
        source, spill = self._open_source(ring, dropped), self._spill
        if spill is None:
            return source
        spill.begin(source, pipeline)
        return spill

    def _open_source(self, ring, dropped):
        name = self._config["source"]
        if name == "link":
            return None
        if name == "uart":
            return self._open_uart_source(ring, dropped)
        if name.startswith(_MODULE):
            from sluice.program.module import ModuleSource

            module, caught = self._load("source", "read")
            return ModuleSource(ring, module.read, caught)
        self._begin = self._of_board("source", "pulse_irq" if name == "pin" else "start_timer")
        if name == "adc":
            from sluice.flow.samples import SIZE, Samples

            adc = self._open("source", "open_adc")
            self._handler = Samples(ring, adc, self._board.ticks).sample
        else:
            from sluice.flow.pulses import SIZE, Pulses

            self._handler = Pulses(ring, self._board.ticks).pulse
        if ring.size < SIZE:
            allowed = "%d or more when source is %s" % (SIZE, name)
            raise ConfigError("slot_size", ring.size, allowed)
        return None

    def _open_uart_source(self, ring, dropped):
        from sluice.flow.uart_source import UartSource

        board, config = self._board, self._config
        length, silence_ms = config["uart_length"] or 0, config["uart_silence_ms"] or 0
        if length > ring.size:
            raise ConfigError("uart_length", length, "slot_size (%d) or less" % ring.size)
        silence = silence_ms * board.TICKS_PER_S // 1000
        return UartSource(ring, self._open_uart("source"), dropped, board.ticks, length, silence)

    def begin(self) -> None:
        """Let the source's interrupts come."""
        begin = self._begin
        if begin is None:
            return
        if self._config["source"] == "pin":
            begin(self._handler)
        else:
            begin(self._config["timer_ms"], self._handler)

    def has_sent(self) -> bool:
        """Whether the UART has nothing more to send. Hot."""
        return self.uart is None or self.uart.txdone()

    def _open_uart(self, key):
        if self.uart is None:
            self.uart = self._open(key, "open_uart")
        return self.uart

    def _open(self, key, function):
        try:
            return self._of_board(key, function)()
        except ConfigError:
            raise
        except (OSError, ValueError) as error:  # a board.py with pins that the chip has not
            raise ConfigError(key, self._config[key], "what opens (%s)" % error)

    def _of_board(self, key, function):
        """A function of the board. ConfigError: it has none, as what the key names needs."""
        board = self._board
        found = getattr(board, function)
        if found is None:
            allowed = "another, or %s in boards/%s/board.py" % (function, board.NAME)
            raise ConfigError(key, self._config[key], allowed)
        return found

    def _load(self, key, function):
        from sluice.program.module import Caught, Complaints, load_module, start_module

        config = self._config
        name = config[key][len(_MODULE) :]
        module = load_module(name, key, function)
        if key == "sink" or config["source"] != config["sink"]:
            start_module(module, name, key, config, self._board)
        return module, Caught(Complaints(key, self._tell).add)
