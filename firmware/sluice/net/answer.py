# SPDX-License-Identifier: MIT
"""What an HTTP server answers. The section numbers are those of RFC 9112."""

from micropython import const

# What `take` says of the answer.
GOES_ON = const(0)
MET = const(1)  # its head is whole, and its content follows
WHOLE = const(2)
WRONG = const(3)

_LINE_MAX = const(48)  # bytes of a line that are looked at
_HEAD_MAX = const(8192)  # bytes of a head with all that came before it
_CONTENT_MAX = const(4096)  # bytes that are skipped; of more, the connection is closed
_RETRY_MAX_S = const(3600)
_NONE = const(-1)

# What the next byte belongs to.
_STATUS = const(0)
_FIELD = const(1)
_CONTENT = const(2)
_CHUNK = const(3)
_CHUNK_SIZE = const(4)
_CHUNK_END = const(5)
_TRAILER = const(6)

_LF = const(10)
_CR = const(13)
_SPACE = const(32)
_BLANK = b" \t"
_SIZE_ENDS = b"; \t"


class Answer:
    """Reads answers to POST, one after the other, byte by byte; their content is skipped.

    Read only:
      begun    whether a byte of it has come
      status   of the final answer, 200 to 599, from when its head is whole
      retry_s  seconds that the server asks to wait for, at most an hour; 0: it does not say
      closes   whether the connection has to end with it

    Answers 1xx before it are passed over. Content of more than 4,096 bytes, and content that ends
    with the connection, is not waited for: the answer is whole, and closes. A head of more than
    8,192 bytes is wrong, and so is whatever is no HTTP/1.

    Ownership: the main loop alone.
    """

    def __init__(self):
        self._line = bytearray(_LINE_MAX)
        self._left = 0  # bytes of the content, or of a chunk of it
        self._budget = 0  # bytes that further chunks may have
        self.begin()

    def begin(self) -> None:
        """The next answer is due. Hot."""
        self._heard = 0
        self._expect_head()

    @property
    def begun(self) -> bool:
        """Hot."""
        return self._heard > 0

    def take(self, byte: int) -> int:
        """The next byte: GOES_ON, MET (once), WHOLE or WRONG. Hot."""
        part = self._part
        if part in (_CONTENT, _CHUNK):
            return self._skip(part)
        self._heard += 1
        if self._heard > _HEAD_MAX:
            return WRONG
        if byte != _LF:
            self._add(byte)
            return GOES_ON
        n = min(self._n, _LINE_MAX)
        self._n = 0
        if n and self._line[n - 1] == _CR:
            n -= 1
        return self._take_line(part, n)

    def _expect_head(self):
        self._part = _STATUS
        self._n = 0  # bytes of the line
        self._length = _NONE
        self._is_chunked = self._is_coded = self.closes = False
        self.status = self.retry_s = 0

    def _add(self, byte):
        n = self._n
        if n < _LINE_MAX:
            self._line[n] = byte + 32 if 65 <= byte <= 90 else byte  # names have no case
        self._n = n + 1

    def _skip(self, part):
        self._left -= 1
        if self._left:
            return GOES_ON
        if part == _CONTENT:
            return WHOLE
        self._part = _CHUNK_END
        return GOES_ON

    def _take_line(self, part, n):
        if part == _STATUS:
            return self._take_status(n)
        if part == _FIELD:
            return self._take_field(n) if n else self._end_head()
        if part == _CHUNK_SIZE:
            return self._take_size(n)
        if part == _CHUNK_END:
            self._part = _CHUNK_SIZE
            return WRONG if n else GOES_ON
        return GOES_ON if n else WHOLE

    def _take_status(self, n):
        """4: `HTTP/1.1 200`, and perhaps a space and words."""
        line = self._line
        if n < 12 or not self._begins(b"http/1.", n) or line[8] != _SPACE:
            return WRONG
        if n > 12 and line[12] != _SPACE:
            return WRONG
        status = self._integer(9, 12)
        if not 100 <= status < 600 or status == 101:  # nobody asked for another protocol
            return WRONG
        self.status = status
        self.closes = line[7] == 48  # HTTP/1.0
        self._part = _FIELD
        return GOES_ON

    def _take_field(self, n):
        if self._begins(b"content-length:", n):
            return self._take_length(self._integer(15, n))
        if self._begins(b"transfer-encoding:", n):
            self._is_coded = True
            self._is_chunked = self._finds(b"chunked", n)
        elif self._begins(b"connection:", n):
            self.closes = self.closes or self._finds(b"close", n)
        elif self._begins(b"retry-after:", n):
            self.retry_s = min(max(0, self._integer(12, n)), _RETRY_MAX_S)
        elif n < _LINE_MAX and not self._finds(b":", n) and not self._is_folded():
            return WRONG
        return GOES_ON

    def _take_length(self, length):
        if length < 0 or self._length != _NONE and self._length != length:
            return WRONG
        self._length = length
        return GOES_ON

    def _is_folded(self):
        """Whether the line goes on with the field before it (5.2)."""
        return self._line[0] in _BLANK

    def _end_head(self):
        """How the content ends (6.3)."""
        status = self.status
        if status < 200:
            self._expect_head()
            return GOES_ON
        if status == 204 or status == 304 or self._length == 0 and not self._is_coded:
            return WHOLE
        if self._is_chunked:
            self._part = _CHUNK_SIZE
            self._budget = _CONTENT_MAX
            return MET
        if self._is_coded or not 0 < self._length <= _CONTENT_MAX:
            self.closes = True
            return WHOLE
        self._part = _CONTENT
        self._left = self._length
        return MET

    def _take_size(self, n):
        """7.1: in hexadecimal digits, and perhaps more behind a semicolon."""
        size = self._hexadecimal(n)
        if size < 0:
            return WRONG
        if size == 0:
            self._part = _TRAILER
            return GOES_ON
        self._budget -= size
        if self._budget < 0:
            self.closes = True
            return WHOLE
        self._part = _CHUNK
        self._left = size
        return GOES_ON

    def _begins(self, text, n):
        return n >= len(text) and self._is_at(0, text)

    def _finds(self, text, n):
        """Whether the text is in the line, wherever."""
        at = 0
        last = n - len(text)
        while at <= last and not self._is_at(at, text):
            at += 1
        return at <= last

    def _is_at(self, at, text):
        line = self._line
        i = 0
        while i < len(text) and line[at + i] == text[i]:  # bound: the text
            i += 1
        return i == len(text)

    def _integer(self, at, end):
        """Of at most 9 digits, perhaps in spaces; below 0: it is none."""
        line = self._line
        while at < end and line[at] in _BLANK:
            at += 1
        while at < end and line[end - 1] in _BLANK:
            end -= 1
        if not 0 < end - at < 10:
            return _NONE
        value = 0
        while at < end:
            digit = line[at] - 48
            if not 0 <= digit < 10:
                return _NONE
            value = value * 10 + digit
            at += 1
        return value

    def _hexadecimal(self, n):
        """That the line begins with, of at most 7 digits; below 0: none."""
        value = i = 0
        while i < n:
            digit = _digit(self._line[i])
            if digit < 0:
                break
            if i == 7:
                return _NONE
            value = value << 4 | digit
            i += 1
        if i == 0 or i < n and self._line[i] not in _SIZE_ENDS:
            return _NONE
        return value


def _digit(byte):
    """Of a hexadecimal number in lower case; below 0: it is none."""
    if 48 <= byte < 58:
        return byte - 48
    return byte - 87 if 97 <= byte < 103 else _NONE
