"""The board's program, started: `board` is the module of boards/<name>/board.py that was flashed
with this one.
"""

import board

from sluice.program.program import main

main(board)
