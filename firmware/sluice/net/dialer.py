# SPDX-License-Identifier: MIT
"""A connection to a server in the network: TCP, with TLS or without."""

import socket
import time

from micropython import const

_CONNECT_S = const(3)
_SURE_YEAR = const(2026)  # a clock that shows an earlier one was never set


class Dialer:
    """Opens connections to one server.

    host, port: of the server; a name is looked up each time.
    ca:         the certificate (DER) that the server's has to be signed by; None: no TLS.
    up:         a function that says whether there is a network; None: there always is.
    """

    def __init__(self, host, port, ca, up=None):
        self._host = host
        self._port = port
        self._address = None  # of the host, until it is connected to
        self._up = up
        self._context = None
        if ca is not None:
            import ssl

            self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=ca)

    def dial(self):
        """A socket that does not block, connected, whose TLS begins when it is written to; None: it
        wants to be called again, since there is no network, or the connection not yet made.

        A call does one thing that blocks, so that a watchdog is fed between them: it resolves the
        name, which takes as long as the port's resolver does (lwIP: 7 s for each server of names),
        or connects, 3 s at most. OSError: the server cannot be reached.

        A certificate is valid from a date on: with TLS a board whose clock was not set since its
        start sets it first (ntptime, a second at most after the name).
        """
        if self._up is not None and not self._up():
            return None
        if self._context is not None and time.gmtime()[0] < _SURE_YEAR:
            import ntptime  # type: ignore  # not of every board

            ntptime.settime()
            return None
        address, self._address = self._address, None
        if address is None:
            self._address = socket.getaddrinfo(self._host, self._port)[0][-1]
            return None
        return self._connect(address)

    def _connect(self, address):
        opened = socket.socket()
        try:
            opened.settimeout(_CONNECT_S)
            opened.connect(address)
            opened.setblocking(False)
            if self._context is None:
                return opened
            return self._context.wrap_socket(
                opened, server_hostname=self._host, do_handshake_on_connect=False
            )
        except Exception:
            opened.close()
            raise
