# SPDX-License-Identifier: MIT
"""LogLine's keys, words and digits in viper."""

import micropython


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the LogLine.
    """

    class LogLine(plain):
        """sluice.link.logline.LogLine."""

        @micropython.viper
        def number(self, key, value: int):
            """See LogLine. Hot."""
            self._key(key)
            self._decimal(value)

        @micropython.viper
        def _key(self, key):
            """See LogLine. Hot."""
            b = ptr8(self._buf)
            k = ptr8(key)
            n = int(self._n)
            room = int(self._size) - n
            if n and room:
                b[n] = 32
                n += 1
                room -= 1
            left = int(len(key))
            at = 0
            while at < left and room:
                b[n] = k[at]
                n += 1
                at += 1
                room -= 1
            if room:
                b[n] = 61
                n += 1
            self._n = n

        @micropython.viper
        def _bytes(self, text):
            """See LogLine. Hot."""
            b = ptr8(self._buf)
            t = ptr8(text)
            n = int(self._n)
            room = int(self._size) - n
            left = int(len(text))
            at = 0
            while at < left and at < room:
                b[n + at] = t[at]
                at += 1
            self._n = n + at

        @micropython.viper
        def _decimal(self, value: int):
            """See LogLine. Hot."""
            b = ptr8(self._buf)
            n = int(self._n)
            room = int(self._size) - n
            if value < 0:
                value = 0 - value
                if room:
                    b[n] = 45
                    n += 1
                    room -= 1
            unit = 1
            while value // unit > 9:  # bound: a number has ten digits at most
                unit *= 10
            while unit and room:
                b[n] = 48 + value // unit % 10
                n += 1
                room -= 1
                unit //= 10
            self._n = n

        @micropython.viper
        def _decimals(self, values):
            """See LogLine. Hot."""
            left = int(len(values))
            at = 0
            while at < left:
                if at and int(self._n) < int(self._size):
                    b = ptr8(self._buf)
                    b[int(self._n)] = 44
                    self._n = int(self._n) + 1
                self._decimal(values[at])
                at += 1

    return LogLine
