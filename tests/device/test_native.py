"""A board with a native emitter runs the kernels, without being told."""

import pytest

from sluice_tools.lab.runtimes import Rp2040

pytestmark = pytest.mark.skipif(Rp2040.why_not() is not None, reason=str(Rp2040.why_not()))

PROGRAM = """
from sluice import Pipeline, RecordRing, RingQueue, Stats, TokenBucket
from sluice.crc16 import crc16
from sluice.link.frames import Frames
import sys
print(sorted(name for name in sys.modules if name.startswith("sluice.native.")))
"""


def test_the_kernels_are_in_use(running):
    names = (
        "bucket",
        "cobs",
        "crc16",
        "frames",
        "histogram",
        "pipeline",
        "records",
        "ring",
        "stats",
    )
    assert running(Rp2040).run(PROGRAM) == [str([f"sluice.native.{name}" for name in names])]
