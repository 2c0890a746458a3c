# SPDX-License-Identifier: MIT
"""How a connection of the line over TCP begins: each end proves to the other that it has the key.

docs/link.md describes it byte by byte.
"""

import os
import time

from micropython import const

from sluice.net.hmac import Hmac, same

# What the board answers to whoever has the key.
YOURS = b"\0"
IN_USE = b"\1"

_BEGIN = b"sluice\1"  # 1: the version
_NONCE = const(16)
_PROOF_AT = const(23)  # behind the beginning and the nonce
_ANSWER = const(55)
_PATIENCE_MS = const(3000)


class Handshake:
    """The board's part, in steps of which none waits. Two MACs, and two more for the keys.

    connection: a socket that does not block.  key: an Hmac with the key of the line.
    ticks: a clock in ms.

    The other end has 3 s and 55 bytes: what comes after these is not read.

    Read only, as of the last `advance`:
      proven   whether the other end has the key
      failure  why it ends here; empty: it does not

    Ownership: the main loop alone.
    """

    def __init__(self, connection, key, ticks=time.ticks_ms):
        self.connection = connection
        self._key = key
        self._ticks = ticks
        self._since = ticks()
        self._challenge = b""
        self._answer = memoryview(bytearray(_ANSWER))
        self._fill = 0
        self._nonces = b""
        self.proven = False
        self.failure = ""

    def advance(self) -> None:
        """Send the challenge; then take what has come of the answer, and judge it when it is whole.

        OSError: the connection is lost.
        """
        if not self._challenge:
            self._challenge = _BEGIN + os.urandom(_NONCE)
            self._say(self._challenge)
            return
        n = self.connection.readinto(self._answer[self._fill :])
        if n == 0:
            self.failure = "it left"
        elif n is not None:
            self._fill += n
            self._judge()
        elif time.ticks_diff(self._ticks(), self._since) >= _PATIENCE_MS:
            self.failure = "no answer for %d s" % (_PATIENCE_MS // 1000)

    def end(self, verdict: bytes) -> None:
        """Tell whoever has proven to have the key: YOURS or IN_USE. OSError: as `advance`."""
        self._say(verdict + self._key.code(b"board", self._nonces + verdict))

    def keys(self) -> tuple:
        """An Hmac for what is sent to the board, and one for what is sent to the host."""
        key, nonces = self._key, self._nonces
        return Hmac(key.code(b"to board", nonces)), Hmac(key.code(b"to host", nonces))

    def _judge(self):
        came = min(self._fill, len(_BEGIN))
        if bytes(self._answer[:came]) != _BEGIN[:came]:
            self.failure = "no answer of this protocol"
        elif self._fill == _ANSWER:
            self._nonces = self._challenge + bytes(self._answer[len(_BEGIN) : _PROOF_AT])
            proof = self._key.code(b"host", self._nonces)
            self.proven = same(proof, self._answer[_PROOF_AT:])
            if not self.proven:
                self.failure = "wrong key"

    def _say(self, data):
        if self.connection.write(data) != len(data):
            self.failure = "it takes nothing"
