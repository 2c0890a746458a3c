"""What a service logs: a logfmt line for each event, on the standard error."""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from ..serial.logfmt import write


def start(level: int = logging.INFO) -> None:
    """From now on the whole process logs in logfmt, this level and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogfmtFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def event(log: logging.Logger, level: int, name: str, /, **pairs: object) -> None:
    """Logs `event=name key=value ...`."""
    log.log(level, name, extra={"pairs": pairs})


class Ration:
    """Events that others can cause at will: of these, few are logged.

    most, period_s: so many in each stretch of so many seconds. The next one that is logged says in
    `left_out` how many were not.  clock: the time now, in seconds.
    """

    def __init__(
        self, log: logging.Logger, most: int, period_s: float, clock: Callable[[], float]
    ) -> None:
        self._log = log
        self._most = most
        self._period_s = period_s
        self._clock = clock
        self._until = float("-inf")
        self._logged = self._left_out = 0

    def event(self, level: int, name: str, /, **pairs: object) -> None:
        """As the function `event`, or nothing."""
        now = self._clock()
        if now >= self._until:
            self._until = now + self._period_s
            self._logged = 0
        if self._logged == self._most:
            self._left_out += 1
            return
        self._logged += 1
        if self._left_out:
            pairs["left_out"] = self._left_out
            self._left_out = 0
        event(self._log, level, name, **pairs)


class LogfmtFormatter(logging.Formatter):
    """`time=... level=... event=... key=value`; one line, whatever the values are.

    What is logged without pairs, by a library, has its logger's name and its text instead of the
    event. An exception's traceback is a value, too.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
        }
        pairs = getattr(record, "pairs", None)
        if pairs is None:
            line |= {"logger": record.name, "text": record.getMessage()}
        else:
            line |= {"event": record.getMessage(), **pairs}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return write(line)
