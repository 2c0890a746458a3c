"""A service's log: each event is a line that `parse` reads."""

import logging

import pytest

from sluice_tools.fleet import logs
from sluice_tools.serial.logfmt import parse


@pytest.fixture
def log():
    """A logger, and what it has written."""
    written = []

    class Handler(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Handler()
    handler.setFormatter(logs.LogfmtFormatter())
    logger = logging.Logger("tools.service")
    logger.addHandler(handler)
    logger.written = written
    return logger


def test_an_event_is_its_name_and_its_pairs(log):
    logs.event(log, logging.WARNING, "refused", reason="no\nname", name="x", status=400)
    (line,) = log.written
    time, rest = line.split(" ", 1)
    assert rest == r'level=warning event=refused reason="no\nname" name=x status=400'
    assert time.startswith("time=20") and time.endswith("Z") and len(time) == 29


def test_what_a_library_logs_has_its_name_and_its_text(log):
    log.info("etcd at %s", "h:1")
    pairs = parse(log.written[0])
    del pairs["time"]
    assert pairs == {"level": "info", "logger": "tools.service", "text": "etcd at h:1"}


def test_a_traceback_stays_in_its_line(log):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("failed")
    (line,) = log.written
    assert "\n" not in line
    assert parse(line)["traceback"].endswith("ValueError: two\nlines")
