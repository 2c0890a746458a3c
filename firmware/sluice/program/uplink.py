# SPDX-License-Identifier: MIT
"""The sink `mqtt` as it is configured: broker, topic, secrets, and the board's Wi-Fi."""

from binascii import a2b_base64, hexlify

import machine

from sluice.program.config import ConfigError

_TOPIC = "sluice/{board}/{number}"
_URL = "mqtt://HOST[:PORT][/TOPIC] or mqtts://HOST[:PORT][/TOPIC]"
_LEAST_WATCHDOG_MS = 5000  # above the 3 s that a turn takes when the broker does not answer
_HIDDEN = "(not shown)"


def open_mqtt(config, board, tell):
    """The sink.

    config: the configuration, of which `sluice.program.config.check` knows each value alone.
    board:  the module of boards/<name>/board.py.
    tell:   called with a line of text when the Wi-Fi or the connection is up or down.

    ConfigError: what the configuration, the secrets or the board would have to be for it.
    """
    _check(config)
    name = "%s-%s" % (board.NAME, hexlify(machine.unique_id()).decode())
    is_safe, host, port, topic = parse(config["mqtt"], name)
    secrets = _secrets(board.FLASH)
    ca = _certificate(secrets) if is_safe else None
    try:
        from sluice.net.dialer import Dialer
        from sluice.net.mqtt import MqttSink, greeting

        dialer = Dialer(host, port, ca, _network(secrets, tell))
    except ImportError:
        raise ConfigError("sink", "mqtt", "another on a board without a network")
    except (OSError, ValueError):
        raise ConfigError("secrets.json", _HIDDEN, "mqtt_ca: a certificate")

    hello = greeting(name, secrets.get("mqtt_user"), secrets.get("mqtt_password"))
    return MqttSink(dialer.dial, hello, topic, config["slot_size"], _teller("mqtt", tell))


def parse(url, board):
    """(is it TLS, host, port, topic) of a broker's URL, for a board of this name.

    ConfigError: it is none, or one with what belongs into secrets.json.
    """
    scheme, _, rest = (url or "").partition("://")
    address, _, topic = rest.partition("/")
    if "@" in address:
        allowed = "no user and password, which belong into secrets.json"
        raise ConfigError("mqtt", _HIDDEN, allowed)
    host, colon, port = address.partition(":")
    if scheme not in ("mqtt", "mqtts") or not host or colon and not _is_port(port):
        raise ConfigError("mqtt", url, _URL)
    topic = (topic or _TOPIC).replace("{board}", board)
    plain = topic.replace("{number}", "", 1)
    if [c for c in "+#{}" if c in plain]:
        raise ConfigError("mqtt", url, "a topic without + and #; {board} and one {number} in it")
    is_safe = scheme == "mqtts"
    return is_safe, host, int(port or (8883 if is_safe else 1883)), topic


def _is_port(text):
    return text.isdigit() and len(text) < 6 and 0 < int(text) < 65536


def _check(config):
    watchdog_ms = config["watchdog_ms"]
    if watchdog_ms is not None and watchdog_ms < _LEAST_WATCHDOG_MS:
        allowed = "%d or more, or null, when sink is mqtt" % _LEAST_WATCHDOG_MS
        raise ConfigError("watchdog_ms", watchdog_ms, allowed)
    if config["light_sleep_ms"] is not None:
        allowed = "null when sink is mqtt: a radio does not sleep"
        raise ConfigError("light_sleep_ms", config["light_sleep_ms"], allowed)


def _secrets(root):
    from sluice.net.secrets import load

    try:
        return load(root)
    except ValueError as error:
        raise ConfigError("secrets.json", _HIDDEN, str(error))


def _certificate(secrets):
    """The DER that a broker's certificate has to be signed by."""
    if "mqtt_ca" not in secrets:
        raise ConfigError("secrets.json", _HIDDEN, "with a mqtt_ca when the broker is mqtts://")
    try:
        return a2b_base64(secrets["mqtt_ca"])
    except ValueError:
        raise ConfigError("secrets.json", _HIDDEN, "mqtt_ca: a certificate")


def _network(secrets, tell):
    """What says whether there is a network; None: the board is in one without our help."""
    if "wifi_ssid" not in secrets:
        return None
    from sluice.net.wifi import Wifi

    wifi = Wifi(secrets["wifi_ssid"], secrets.get("wifi_password"), _teller("wifi", tell))
    return wifi.up


def _teller(event, tell):
    def told(state, reason):
        tell("event=%s state=%s%s" % (event, state, reason and ' reason="%s"' % reason))

    return told
