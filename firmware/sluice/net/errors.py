# SPDX-License-Identifier: MIT
"""What an exception of a connection says."""

from errno import errorcode


def in_words(error) -> str:
    """An exception in words, such as `ECONNREFUSED`, or what a check of TLS has found."""
    what = error.args[-1] if error.args else type(error).__name__
    return " ".join(str(errorcode.get(what, what)).split())  # mbedTLS' has lines
