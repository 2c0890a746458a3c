"""MicroPython's: the board's program as it is, on the unix port, with a line over TCP.

    listener.py FLASH

FLASH: a folder with config.json, link.key and secrets.json, which the program reads. The console is
standard input and output. Played are the board and its Wi-Fi, see played.py.
"""

import played

from sluice.link.stdio import StdioLine
from sluice.program.program import main


class Board(played.Board):
    open_line = StdioLine


main(Board())
print("the REPL has the line")
