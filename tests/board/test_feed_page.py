"""docs/feed.md: each format's example is read as its row says."""

import io
import re
from pathlib import Path

import pytest

from sluice_tools.board.feed.arrivals import read_logs
from sluice_tools.board.feed.opening import Log

PAGE = Path(__file__).parents[2] / "docs/feed.md"
ROWS = re.findall(r"^\| ([^|]+?) \| (`.+`) \|$", PAGE.read_text(), re.MULTILINE)


def test_the_table_is_found():
    assert len(ROWS) == 6


@pytest.mark.parametrize(("format_", "example"), ROWS, ids=[row[0] for row in ROWS])
def test_each_example_is_a_line_with_a_time(format_, example):
    lines = "\n".join(example.strip("`").split("` `")).encode()
    arrivals = read_logs([Log(io.BytesIO(lines), format_, len(lines))])
    (arrival,) = arrivals
    assert arrival.payload == lines.splitlines()[-1]
    assert (arrivals.read, arrivals.malformed) == (1, 0)
