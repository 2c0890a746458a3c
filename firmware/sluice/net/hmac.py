# SPDX-License-Identifier: MIT
"""HMAC-SHA-256 (RFC 2104), which proves that whoever sends something has the key."""

from hashlib import sha256

from micropython import const

_BLOCK = const(64)  # bytes that SHA-256 takes at once


class Hmac:
    """Makes codes with a key, bytes of any length.

    It allocates: two objects of the hash and two digests, some 0.4 KB for each code.
    """

    def __init__(self, key):
        if len(key) > _BLOCK:
            key = sha256(key).digest()
        key = key + bytes(_BLOCK - len(key))
        self._inner = bytes([byte ^ 0x36 for byte in key])
        self._outer = bytes([byte ^ 0x5C for byte in key])

    def code(self, head, rest=b"") -> bytes:
        """The 32 bytes for head and rest, one behind the other."""
        inner = sha256(self._inner)
        inner.update(head)
        inner.update(rest)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


def same(one, other) -> bool:
    """Whether two codes are the same, in a time that does not tell where they differ."""
    differs = len(one) ^ len(other)
    for i in range(min(len(one), len(other))):
        differs |= one[i] ^ other[i]
    return differs == 0
