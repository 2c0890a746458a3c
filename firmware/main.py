"""The board's program, started: `board` is the module of boards/<name>/board.py that was flashed
with this one.
"""

import gc

# What an import leaves behind is used again by the next one, so that what stays does not lie all
# over the heap, where a large queue would find no room in one piece.
gc.threshold(32768)

import board  # noqa: E402

from sluice.program.program import main  # noqa: E402

gc.threshold(-1)
main(board)
