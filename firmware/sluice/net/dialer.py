# SPDX-License-Identifier: MIT
"""A connection to a server in the network: TCP, with TLS or without."""

import socket

from micropython import const

_CONNECT_S = const(3)


class Dialer:
    """Opens connections to one server.

    host, port: of the server; a name is resolved anew each time.
    ca:         the certificate (DER) that the server's has to be signed by; None: no TLS.
    feed:       called with nothing before each part that blocks, for a watchdog.
    """

    def __init__(self, host, port, ca, feed):
        self._host = host
        self._port = port
        self._feed = feed
        self._context = None
        if ca is not None:
            import ssl

            self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=ca)

    def dial(self):
        """A socket that does not block, connected; its TLS begins when it is written to.

        Blocks for 3 s at most until the server has answered, and for a name as long as the port's
        resolver does. OSError: it cannot be reached.  Allocates.
        """
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
