"""How far a feed has come, in a file: a feed that was killed goes on there."""

import hashlib
import os
import re

from ...errors import UserError
from ...serial.window import SEQ_PERIOD

_LINE = re.compile(rb"sluice feed: base=(\d{8}) acknowledged=(\d{12})(?: log=([0-9a-f]{32}))?\n")


class Bookmark:
    """The number of records that were acknowledged, kept in a file from one feed to the next, with
    a digest of the log's first record: another log is known by it.

    The file holds one line, which is written over as a whole at each change, so it is right
    whenever the feed is killed. It is not forced to the disk: a power failure of the host may set
    it back, and then records are sent again.
    """

    def __init__(self, path: str) -> None:
        """UserError: the file cannot be opened, or holds something else."""
        try:
            # As bytes, which on Windows is a wish.
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(path, flags, 0o666)
            content = os.read(self._file, 1000)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        found = _LINE.fullmatch(content)
        if content and (found is None or int(found[1]) >= SEQ_PERIOD):
            raise UserError(f"{path}: not the bookmark of a feed")
        self.base = int(found[1]) if found else None
        """The sequence number of the log's first record; None before the first feed."""
        self.acknowledged = int(found[2]) if found else 0
        self._path = path
        self._log = found[3] if found else None  # None: an older sluice has written it

    def begin(self, base: int) -> None:
        """The first feed's first record has this sequence number."""
        self.base = base
        self.add(0)

    def add(self, records: int) -> None:
        """So many more records, the next in the log, were acknowledged."""
        assert self.base is not None
        self.acknowledged += records
        self._write()

    def check_first(self, payload: bytes) -> None:
        """This is the log's first record. UserError: the feeds before were of another log."""
        log = hashlib.sha256(payload).hexdigest()[:32].encode()
        if self.acknowledged and self._log is not None and log != self._log:
            raise UserError(
                f"{self._path}: the bookmark of another log, whose first record is another one; "
                "remove it to feed this log from its beginning"
            )
        self._log = log
        if self.base is not None:
            self._write()

    def check_records(self, records: int) -> None:
        """The log has so many records in all. UserError: fewer than were acknowledged of it."""
        if records < self.acknowledged:
            raise UserError(
                f"{self._path}: the bookmark of another log: {self.acknowledged} records were "
                f"acknowledged and this log has {records}; remove it to feed this log from its "
                "beginning"
            )

    def _write(self) -> None:
        assert self.base is not None
        line = b"sluice feed: base=%08d acknowledged=%012d" % (self.base, self.acknowledged)
        line += b" log=%s\n" % self._log if self._log is not None else b"\n"
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, line)

    def close(self) -> None:
        os.close(self._file)
