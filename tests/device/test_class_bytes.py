"""What an object takes from a board's heap is what docs/classes.md says."""

import re
from pathlib import Path

import pytest

from sluice_tools.lab.runtimes import WebAssembly

PAGE = Path(__file__).parents[2] / "docs" / "classes.md"
ROWS = re.findall(r"^\| `(\w+\(.*\))` \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
HOMES = {
    "AuditLog": "program.audit",
    "Backoff": "net.backoff",
    "Deadline": "deadline",
    "Frames": "link.frames",
    "Limits": "queue.limits",
    "Session": "link.session",
    "HttpSink": "net.http",
    "LogHistogram": "flow.histogram",
    "LogLine": "link.logline",
    "MqttSink": "net.mqtt",
    "Member": "program.member",
    "Settings": "program.settings",
    "Share": "program.share",
    "Pulses": "flow.pulses",
    "StdioLine": "link.stdio",
    "UsbLine": "link.usb",
    "Trial": "program.trial",
}  # of those that `from sluice import` does not find

MADE_BEFORE = """
import gc
from sluice import (IrqGuard, RecordRing, RingQueue, SegmentStore, Stats, TokenBucket,
    TunableBucket)
from sluice.program.share import Share
from sluice.queue.limits import limits_of
from sluice.program.config import check
from sluice.link.frames import Frames
from sluice.link.session import Session
from sluice.link.logline import LogLine
from sluice.flow.sinks import NullSink
import sluice.flow.holding
class Line:
    def readinto(self, buf):
        pass
    def write(self, buf, n):
        return n
class Holder(NullSink):
    def done(self):
        return 0
def ended(result):
    pass
line = Line()
holder = Holder()
ring = RecordRing(64, 64)
store = SegmentStore("/spill", 64, batch_bytes=512)
bucket = TokenBucket(500, 10)
tunable = TunableBucket(500, 10)
stats = Stats()
frames = Frames(line)
link = Session(frames, ring)
log = LogLine(1024)
share = Share(100, None, None)
limits_of(ring)
values = check({}, 1000)
SegmentStore("/store", 64).close()  # so the names of its files are there
SegmentStore("/first", 64)  # of the folders in use, whose list then has room for the row
"""


@pytest.fixture(scope="module")
def board(running):
    """A board with all that the rows refer to, and nothing imported late."""
    board = running(WebAssembly)
    board.run(MADE_BEFORE)
    for name in sorted({made.partition("(")[0] for made, _ in ROWS}):
        home = HOMES.get(name)
        board.run(f"from sluice{'.' + home if home else ''} import {name}")
    return board


@pytest.mark.parametrize(("made", "nbytes"), ROWS)
def test_an_object_takes_what_the_page_says(board, made, nbytes):
    def allocated() -> int:
        board.run("gc.collect()")  # garbage is collected between two programs
        return int(board.run("print(gc.mem_alloc())")[0])

    board.run("made = None")
    before = allocated()
    board.run(f"made = {made}")
    assert allocated() - before == int(nbytes)


def test_the_page_has_rows():
    assert len(ROWS) > 30
