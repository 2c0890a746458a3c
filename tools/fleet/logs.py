"""What a service logs: a logfmt line for each event, on the standard error."""

import logging
import sys
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
