# SPDX-License-Identifier: MIT
"""A logfmt line, built in a buffer made at start: no string is formatted."""

from sluice.kernels import kernel


class LogLine:
    """Writes `key=value key=value ...` lines.

    size: bytes of the longest line, its end included; what does not fit is cut.

    Ownership: one owner.
    """

    def __init__(self, size: int):
        self._buf = bytearray(size)
        self._size = size
        self._n = 0

    def word(self, key: bytes, value: bytes) -> None:
        """Append key=value. Hot."""
        self._key(key)
        self._bytes(value)

    def number(self, key: bytes, value: int) -> None:
        """Append key=value in decimal. Hot."""
        self._key(key)
        self._decimal(value)

    def value(self, key: bytes, value) -> None:
        """Append key=value: an integer in decimal, None as none, a list of integers as 1,4. Hot."""
        self._key(key)
        if value is None:
            self._bytes(b"none")
        elif isinstance(value, int):
            self._decimal(value)
        else:
            self._decimals(value)

    def hundredths(self, key: bytes, value: int) -> None:
        """Append key=value / 100 with two decimals, for a value of 0 or more. Hot."""
        self._key(key)
        self._decimal(value // 100)
        self._byte(46)
        self._byte(48 + value // 10 % 10)
        self._byte(48 + value % 10)

    def write(self, line) -> None:
        """End the line, send it by `line.write(buf, n)`, and begin the next. Hot."""
        buf = self._buf
        n = min(self._n, self._size - 2)
        buf[n] = 13
        buf[n + 1] = 10
        self._n = 0
        line.write(buf, n + 2)

    def copy_to(self, buf, at: int, end: int) -> int:
        """Copy the line into buf[at:end] instead, and begin the next; returns where it ends. Hot.

        What does not fit is cut.
        """
        n = min(self._n, end - at)
        self._n = 0
        end = at + n
        while n:
            n -= 1
            buf[at + n] = self._buf[n]
        return end

    def _key(self, key):
        if self._n:
            self._byte(32)
        self._bytes(key)
        self._byte(61)

    def _bytes(self, text):
        for byte in text:  # bound: the bytes of a key or of a word
            self._byte(byte)

    def _decimal(self, value):
        if value < 0:
            self._byte(45)
            value = -value
        unit = 1
        while value // unit > 9:  # bound: a number has ten digits at most
            unit *= 10
        while unit:  # bound: a number has ten digits at most
            self._byte(48 + value // unit % 10)
            unit //= 10

    def _decimals(self, values):
        for i in range(len(values)):
            if i:
                self._byte(44)
            self._decimal(values[i])

    def _byte(self, byte):
        if self._n < self._size:
            self._buf[self._n] = byte
            self._n += 1


LogLine = kernel("link.logline", "LogLine", LogLine)
