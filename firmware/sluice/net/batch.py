# SPDX-License-Identifier: MIT
"""Records as JSON lines in the request that takes them to a server."""

from micropython import const

_LEAST = const(3072)  # bytes for the lines
_DIGITS = const(10)
_BEFORE = b'{"number":          ,"data":"'
_AFTER = b'"}\n'
_NUMBER_END = const(20)  # in _BEFORE
_LONGEST_BYTE = const(6)  # as \u001f

_QUOTE = const(34)
_BACKSLASH = const(92)
_LATIN = const(160)  # from here on a byte is a character that prints


def request(host, path, token=None) -> bytes:
    """The head of a POST of JSON lines, up to the length of what follows.

    host: as in the URL, with the port if the URL has one.  token: of a bearer (RFC 6750).
    All are ASCII without control characters; the path also without a space.
    """
    lines = (
        "POST %s HTTP/1.1" % path,
        "Host: %s" % host,
        "User-Agent: sluice",
        "Content-Type: application/x-ndjson",
    )
    if token is not None:
        lines += ("Authorization: Bearer %s" % token,)
    return "\r\n".join(lines + ("Content-Length:",)).encode()


class Batch:
    r"""A request that records are added to.

    head: see `request`.  size: bytes of the longest record.

    Each record is a line, `{"number":  123,"data":"..."}`. The characters of its data are the
    record's bytes, 0 to 255, as in ISO 8859-1, so that text is readable and every record possible.
    A byte of it takes one; `"` and `\`, which are escaped (RFC 8259), and those from 160 on, as
    UTF-8, two; control characters six, those from 127 to 159 included, since to some programs one
    of them ends a line.

    Read only: `data`, the request, from 0 to `end` when it is closed; `count`, its records.

    It takes a buffer of 3 KB, or of a line.  Ownership: the main loop alone.
    """

    def __init__(self, head, size):
        self._longest = _LONGEST_BYTE * size + len(_BEFORE) + len(_AFTER)
        self._length_end = len(head) + _DIGITS
        start = head + bytes(_DIGITS) + b"\r\n\r\n"
        self._start = len(start)
        self.data = bytearray(start + bytes(max(_LEAST, self._longest)))
        self.clear()

    def clear(self) -> None:
        """Make it empty. Hot."""
        self.end = self._start
        self.count = 0

    def room(self) -> int:
        """How many records it can take, whatever they are. Hot."""
        return (len(self.data) - self.end) // self._longest

    def add(self, number: int, record, n: int) -> None:
        """Add a record of n bytes, for which there has to be room. Hot."""
        at = self.end
        self._put(_BEFORE)
        self._spell(at + _NUMBER_END, number)
        self._put_bytes(record, n)
        self._put(_AFTER)
        self.count += 1

    def close(self) -> None:
        """Say in its head how long it is. Hot."""
        self._spell(self._length_end, self.end - self._start)

    def _spell(self, end, number):
        """Digits that end there, behind spaces."""
        data = self.data
        for i in range(end - 1, end - 1 - _DIGITS, -1):
            data[i] = 48 + number % 10 if number or i == end - 1 else 32
            number //= 10

    def _put(self, text):
        at = self.end
        for i in range(len(text)):
            self.data[at + i] = text[i]
        self.end = at + len(text)

    def _put_bytes(self, record, n):
        data = self.data
        at = self.end
        i = 0
        while i < n:
            byte = record[i]
            i += 1
            if 32 <= byte < 127 and byte != _QUOTE and byte != _BACKSLASH:
                data[at] = byte
                at += 1
            else:
                at = self._escape(at, byte)
        self.end = at

    def _escape(self, at, byte):
        """Where the next byte goes."""
        data = self.data
        if byte >= _LATIN:
            data[at] = 0xC0 | byte >> 6
            data[at + 1] = 0x80 | byte & 63
            return at + 2
        data[at] = _BACKSLASH
        if byte in (_QUOTE, _BACKSLASH):
            data[at + 1] = byte
            return at + 2
        data[at + 1] = 117  # u
        data[at + 2] = data[at + 3] = 48
        data[at + 4] = 48 + (byte >> 4)
        byte &= 15
        data[at + 5] = byte + (48 if byte < 10 else 87)
        return at + 6
