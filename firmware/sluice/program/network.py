# SPDX-License-Identifier: MIT
"""What the parts of the program that use the board's network share: its secrets and its Wi-Fi."""

from binascii import unhexlify

from sluice.program.config import ConfigError

KEY_PATH = "/link.key"

_KEY_DIGITS = 64
_HIDDEN = "(not shown)"


class Network:
    """The board's network, for a configuration that needs one.

    config: a configuration that `sluice.program.config.check` returned.
    board:  the module of boards/<name>/board.py.
    tell:   called with a line of text when the Wi-Fi is up or down.

    Read only: `secrets`, by name; `up`, a function that says whether there is a network, and joins
    it when asked again and again; None: the board is in one without our help.

    ConfigError: what the configuration, the secrets or the board would have to be for it.
    """

    def __init__(self, config, board, tell):
        self._root = board.FLASH
        self._tell = tell
        self._port = config["listen"]
        self._line = None
        key = "listen" if config["listen"] is not None else "sink"
        if config["light_sleep_ms"] is not None:
            sinks = "null when %s is %s: a radio does not sleep" % (key, config[key])
            raise ConfigError("light_sleep_ms", config["light_sleep_ms"], sinks)
        self.secrets = self._load()
        self.up = None
        try:
            import socket  # noqa: F401  # not of every board

            if "wifi_ssid" in self.secrets:
                from sluice.net.wifi import Wifi

                ssid, password = self.secrets["wifi_ssid"], self.secrets.get("wifi_password")
                self.up = Wifi(ssid, password, teller("wifi", tell)).up
        except (ImportError, AttributeError):  # no socket, or no network.WLAN
            allowed = "another" if key == "sink" else "null"
            raise ConfigError(key, config[key], allowed + " on a board without a network")

    def line(self, console):
        """The program's line: the console's, which may be taken over TCP if the configuration says
        so, see TcpLine. ConfigError: as above."""
        if self._port is None:
            return console
        from sluice.program.tcp_line import TcpLine

        told = teller("tcp", self._tell)
        self._line = TcpLine(console, self._port, self._key(self._port), self.up, told)
        return self._line

    def tending(self, tend):
        """What is to be called every few ms: the sink's `tend`, or None, and the port's."""
        if self._line is None:
            return tend
        line = self._line
        if tend is None:
            return line.tend

        def both():
            line.tend()
            return tend()

        return both

    def close(self) -> None:
        """Listen no more."""
        if self._line is not None:
            self._line.close()

    def _key(self, port):
        try:
            with open(self._root + KEY_PATH) as file:
                digits = file.read(_KEY_DIGITS + 2).strip()
        except OSError:  # there is none
            raise ConfigError("listen", port, "with a key: sluice flash --key FILE")
        try:
            key = unhexlify(digits)
        except ValueError:
            key = b""
        if len(digits) != _KEY_DIGITS or not key:
            raise ConfigError("link.key", _HIDDEN, "%d hexadecimal digits" % _KEY_DIGITS)
        return key

    def _load(self):
        from sluice.net.secrets import load

        try:
            return load(self._root)
        except ValueError as error:
            raise ConfigError("secrets.json", _HIDDEN, str(error))


def teller(event, tell):
    """A function of (state, reason) that tells them as a line of this event."""

    def told(state, reason):
        tell("event=%s state=%s%s" % (event, state, reason and ' reason="%s"' % reason))

    return told
