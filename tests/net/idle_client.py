"""MicroPython's: what a TcpLine takes from the heap in 1,000 turns in which nothing comes or goes.

idle_client.py PORT
"""

import sys

import micropython

from sluice.net.hmac import Hmac
from sluice.program.tcp_line import TcpLine


class Silent:
    def readinto(self, buf, n=0):
        return None

    def write(self, buf, at, n=0):
        return n


line = TcpLine(Silent(), int(sys.argv[1]), bytes(32), None, lambda state, reason: None)
buf = memoryview(bytearray(64))


def turns(count):
    for _ in range(count):
        line.readinto(buf)
        line.tend()


for begin in (False, True):
    if begin:
        line._messages.begin(Silent(), Hmac(b"a"), Hmac(b"b"))
        line._client = line._messages
    turns(10)
    before = micropython.mem_total()
    turns(1000)
    print("idle", micropython.mem_total() - before)
