"""How far a feed has come, in a file: a feed that was killed goes on there."""

import os
import re

from ...errors import UserError
from ...serial.window import SEQ_PERIOD

_LINE = re.compile(rb"sluice feed: base=(\d{8}) acknowledged=(\d{12})\n")


class Bookmark:
    """The number of records that were acknowledged, kept in a file from one feed to the next.

    The file holds one line, which is written over as a whole at each change, so it is right
    whenever the feed is killed. It is not forced to the disk: a power failure of the host may set
    it back, and then records are sent again.
    """

    def __init__(self, path: str) -> None:
        """UserError: the file cannot be opened, or holds something else."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            content = os.read(self._file, 1000)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        found = _LINE.fullmatch(content)
        if content and (found is None or int(found[1]) >= SEQ_PERIOD):
            raise UserError(f"{path}: not the bookmark of a feed")
        self.base = int(found[1]) if found else None
        """The sequence number of the log's first record; None before the first feed."""
        self.acknowledged = int(found[2]) if found else 0

    def begin(self, base: int) -> None:
        """The first feed's first record has this sequence number."""
        self.base = base
        self.add(0)

    def add(self, records: int) -> None:
        """So many more records, the next in the log, were acknowledged."""
        assert self.base is not None
        self.acknowledged += records
        line = b"sluice feed: base=%08d acknowledged=%012d\n" % (self.base, self.acknowledged)
        os.pwrite(self._file, line, 0)

    def close(self) -> None:
        os.close(self._file)
