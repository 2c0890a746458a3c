# SPDX-License-Identifier: MIT
"""A connection to a server in the network: TCP, with TLS or without."""

import socket
import time

from micropython import const

_CONNECT_S = const(3)
_SURE_YEAR = const(2026)  # a clock that shows an earlier one was never set


class Dialer:
    """Opens connections to one server.

    host, port: of the server; a name is resolved anew each time.
    ca:         the certificate (DER) that the server's has to be signed by; None: no TLS.
    feed:       called with nothing before each part that blocks, for a watchdog.
    up:         a function that says whether there is a network; None: there always is.
    """

    def __init__(self, host, port, ca, feed, up=None):
        self._host = host
        self._port = port
        self._feed = feed
        self._up = up
        self._context = None
        if ca is not None:
            import ssl

            self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=ca)

    def dial(self):
        """A socket that does not block, connected, whose TLS begins when it is written to; None
        while there is no network.

        Blocks for 3 s at most until the server has answered. A name takes as long as the port's
        resolver does (lwIP: 7 s for each server of names). OSError: it cannot be reached.

        A certificate is valid from a date on: with TLS a board whose clock was not set since its
        start sets it first (ntptime, which waits a second for the answer).
        """
        if self._up is not None and not self._up():
            return None
        if self._context is not None and time.gmtime()[0] < _SURE_YEAR:
            self._set_clock()
        self._feed()
        address = socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM)[0][-1]
        self._feed()
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

    def _set_clock(self):
        import ntptime

        self._feed()
        ntptime.settime()
