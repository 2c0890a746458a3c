"""A log as lines: of a file, a pipe or the standard input, plain or compressed."""

import bz2
import gzip
import io
import os
import re
import stat
import time
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, NamedTuple, cast

from ...errors import UserError

LINE_MAX = 65536
"""Bytes that are kept of a line."""

_CHUNK = 65536
_GZIP = re.compile(rb"\x1f\x8b")
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd")
_LINE_END = re.compile(rb"[\r\n]")
_MAGIC_MAX = 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line of a log."""

    number: int
    """From 1."""
    end: int
    """Bytes of the log, as it was opened, up to the end of this line or somewhat further."""
    data: bytes
    """Without its end; the first LINE_MAX + 1 bytes of one that is longer than LINE_MAX."""


class Log:
    """A log that is read once."""

    def __init__(
        self,
        stream: BinaryIO | io.RawIOBase,
        name: str,
        size: int | None = None,
        modified_s: float | None = None,
    ) -> None:
        """stream: unbuffered; reading returns what is there.  name: for messages.  size: in bytes;
        None: a pipe.  modified_s: when it was written; None: now."""
        self.name = "standard input" if name == "-" else name
        self.size = size
        self.modified_s = time.time() if modified_s is None else modified_s
        self._stream = stream

    @property
    def live(self) -> bool:
        """Whether lines may come late: the next one is not waited for without need."""
        return self.size is None

    def lines(self) -> Iterator[Line]:
        """Its lines, which end with LF, CRLF or CR, each as soon as it is there whole.

        UserError: the log cannot be read any further.
        """
        number = 0
        try:
            head = _head(self._stream)
            whole = _Rejoined(head, self._stream)
            stream = _decompressed(head, whole, self.name)
            for line in _split(stream or whole):
                number = line.number
                compressed_end = stream and self.size is not None
                yield line._replace(end=self._stream.tell()) if compressed_end else line
        except (OSError, EOFError, zlib.error, *_zstd_errors()) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            where = f"after line {number}" if number else "at its beginning"
            raise UserError(f"{self.name}: cannot be read {where}: {reason or error}") from error


def open_log(name: str) -> Log:
    """The log in a file, or "-" for the standard input. UserError: it cannot be opened."""
    try:
        # Not sys.stdin: a thread that waits in it would keep the interpreter from ending.
        stream = io.FileIO(0 if name == "-" else name, closefd=name != "-")
        status = os.fstat(stream.fileno())
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        return Log(stream, name)
    return Log(stream, name, status.st_size, status.st_mtime)


def _head(stream: BinaryIO | io.RawIOBase) -> bytes:
    """So much of the stream as tells how it is compressed; at most until a line ends, which may be
    the last for a while."""
    head = b""
    while len(head) < _MAGIC_MAX and not _LINE_END.search(head):
        more = stream.read(_CHUNK)
        if not more:
            break
        head += more
    return head


def _decompressed(head: bytes, whole: io.RawIOBase, name: str) -> Any:
    """A stream of what is compressed in this one; None: it is not compressed."""
    if _GZIP.match(head):
        return gzip.GzipFile(fileobj=cast(BinaryIO, whole))
    if _BZIP2.match(head):
        return bz2.BZ2File(cast(BinaryIO, whole))
    if _ZSTD.match(head):
        zstd = _zstd()
        if zstd is None:
            raise UserError(
                f"{name}: is compressed with zstd, which needs Python 3.14 "
                "or: pip install backports.zstd"
            )
        return zstd.ZstdFile(whole)
    return None


def _zstd() -> Any:
    """The module, which Python has since 3.14 and its backport has for older ones; else None."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _zstd_errors() -> list[type[Exception]]:
    zstd = _zstd()
    return [] if zstd is None else [zstd.ZstdError]


class _Rejoined(io.RawIOBase):
    """A stream whose head has been read, from its beginning."""

    def __init__(self, head: bytes, rest: BinaryIO | io.RawIOBase) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        return self.read(size) or b""

    def readinto(self, buffer: Any) -> int:
        data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        data = data or self._rest.read(len(buffer)) or b""
        buffer[: len(data)] = data
        return len(data)


def _split(stream: Any) -> Iterator[Line]:
    """The lines of what `read1` returns, in bounded memory."""
    number = end = 0
    kept = bytearray()  # of the line that has begun
    after_cr = False
    while chunk := stream.read1(_CHUNK):
        if after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the CR has ended its line already, which was not to wait
            end += 1
        after_cr = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            part = piece.rstrip(b"\r\n")
            kept += part[: LINE_MAX + 1 - len(kept)]
            end += len(piece)
            if len(part) < len(piece):
                number += 1
                yield _line(number, end, kept)
                kept.clear()
    if kept:
        yield _line(number + 1, end, kept)


def _line(number: int, end: int, kept: bytearray) -> Line:
    data = bytes(kept)
    return Line(number, end, data.removeprefix(_BYTE_ORDER_MARK) if number == 1 else data)
