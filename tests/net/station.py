"""MicroPython's: the board's program as it is, with the sink `mqtt` or `http`, on the unix port.

    station.py FLASH PULSES [TAKES]

FLASH: a folder with config.json and secrets.json, which the program reads. It ends when the sink
has taken or given up TAKES records, as many as PULSES if they are left out. Played are the board
(its pin's pulses, its watchdog, the line is standard output) and its Wi-Fi, see played.py.
"""

import sys

import played

from sluice.program.program import stand


class Line:
    def readinto(self, buf):
        return None

    def write(self, buf, n):
        sys.stdout.write(bytes(buf[:n]).decode())
        return n


class Board(played.Board):
    def pulse_irq(self, handler):
        self.pulse = handler


pulses = int(sys.argv[2])
takes = int(sys.argv[3]) if len(sys.argv) > 3 else pulses
board = Board()
program = stand(board, Line())
loaded = sorted([name for name in sys.modules if name.startswith("sluice.net")])
print("loaded", *loaded)
if takes:
    program.start()
    put = 0
    while program.stats.admitted + program.stats.failed < takes:
        if put < pulses and program.ring.free():
            board.pulse()
            put += 1
        if not program.turn():
            program.rest()
    stats = program.stats
    print("end", stats.admitted, stats.failed, stats.retried, "joins", played.Wlan.joins)
