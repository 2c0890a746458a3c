# SPDX-License-Identifier: MIT
"""The sinks `mqtt` and `http` as they are configured: server and secrets."""

from binascii import a2b_base64, hexlify

import machine

from sluice.program.config import ConfigError
from sluice.program.network import teller

_TOPIC = "sluice/{board}/{number}"
_PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 80, "https": 443}
_LEAST_WATCHDOG_MS = 5000  # above the 3 s that a turn takes when the server does not answer
_GATHER_MS = 100  # for which a record may wait for others, so that it is 10 requests a second
_HIDDEN = "(not shown)"


def open_uplink(config, board, network, tell, stats, number):
    """The sink.

    config: the configuration, of which `sluice.program.config.check` knows each value alone.
    board:  the module of boards/<name>/board.py.
    network: its Network.
    tell:   called with a line of text when the connection is up or down.
    stats:  the pipeline's.
    number: a function that says the number of the record that is written, or None.

    ConfigError: what the configuration, the secrets or the board would have to be for it.
    """
    kind = config["sink"]
    _check(config, kind)
    name = _name(kind, board)
    scheme, address, rest = parse(kind, config[kind], name)
    secrets = network.secrets
    ca = _certificate(kind, secrets) if scheme == kind + "s" else None
    host, _, port = address.partition(":")
    try:
        from sluice.net.dialer import Dialer

        dialer = Dialer(host, int(port or _PORTS[scheme]), ca, network.up)
    except ImportError:
        raise ConfigError("sink", kind, "another on a board without TLS")
    except (OSError, ValueError):
        raise ConfigError("secrets.json", _HIDDEN, "%s_ca: a certificate" % kind)

    size, told = config["slot_size"], teller(kind, tell)
    if kind == "mqtt":
        from sluice.net.mqtt import MqttSink, greeting

        hello = greeting(name, secrets.get("mqtt_user"), secrets.get("mqtt_password"))
        return MqttSink(dialer.dial, hello, rest, size, told, number=number)
    from sluice.net.batch import request
    from sluice.net.http import HttpSink

    head = request(address, rest, _token(secrets))
    # Of an overwriting ring it has one record at a time; with a store no ring is.
    alone = config["overflow"] == "overwrite" and config["store"] is None
    gather_ms = 0 if alone else _GATHER_MS
    return HttpSink(dialer.dial, head, size, told, stats, gather_ms, number=number)


def parse(kind, url, board):
    """(scheme, host with port, topic or path) of a URL for the sink, for a board of this name.

    ConfigError: it is none, or one with what belongs into secrets.json.
    """
    scheme, _, rest = (url or "").partition("://")
    address, _, rest = rest.partition("/")
    if "@" in address:
        allowed = "no user and password, which belong into secrets.json"
        raise ConfigError(kind, _HIDDEN, allowed)
    host, colon, port = address.partition(":")
    is_bad = not host or colon and not _is_port(port) or [c for c in " ?#" if c in host]
    if scheme not in (kind, kind + "s") or is_bad:
        form = "%%s://HOST[:PORT][/%s]" % ("TOPIC" if kind == "mqtt" else "PATH")
        raise ConfigError(kind, url, "%s or %s" % (form % kind, form % (kind + "s")))
    if kind == "http":
        rest = ("/" + rest).replace("{board}", board)
        if [c for c in " #{}" if c in rest]:
            raise ConfigError(kind, url, "a path without spaces and #; {board} in it")
        return scheme, address, rest
    rest = (rest or _TOPIC).replace("{board}", board)
    plain = rest.replace("{number}", "", 1)
    if [c for c in "+#{}" if c in plain]:
        raise ConfigError(kind, url, "a topic without + and #; {board} and one {number} in it")
    return scheme, address, rest


def _name(kind, board):
    """What the server knows this board by."""
    if not hasattr(machine, "unique_id"):
        raise ConfigError("sink", kind, "another on a board without machine.unique_id")
    return "%s-%s" % (board.NAME, hexlify(machine.unique_id()).decode())


def _is_port(text):
    return text.isdigit() and len(text) < 6 and 0 < int(text) < 65536


def _check(config, kind):
    watchdog_ms = config["watchdog_ms"]
    if watchdog_ms is not None and watchdog_ms < _LEAST_WATCHDOG_MS:
        allowed = "%d or more, or null, when sink is %s" % (_LEAST_WATCHDOG_MS, kind)
        raise ConfigError("watchdog_ms", watchdog_ms, allowed)


def _certificate(kind, secrets):
    """The DER that a server's certificate has to be signed by."""
    name = kind + "_ca"
    if name not in secrets:
        allowed = "with a %s when %s is %ss://" % (name, kind, kind)
        raise ConfigError("secrets.json", _HIDDEN, allowed)
    try:
        return a2b_base64(secrets[name])
    except ValueError:
        raise ConfigError("secrets.json", _HIDDEN, name + ": a certificate")


def _token(secrets):
    """What a request is authorised with; None: it is not."""
    token = secrets.get("http_token")
    if token is not None and [c for c in token if not 32 < ord(c) < 127]:
        allowed = "http_token: characters of ASCII that print, no spaces"
        raise ConfigError("secrets.json", _HIDDEN, allowed)
    return token
