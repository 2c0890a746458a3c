"""MicroPython's: prints the codes for keys and data, all in hexadecimal.

    hmac_codes.py FILE

Each line of FILE is KEY:DATA.
"""

import sys
from binascii import hexlify, unhexlify

from sluice.net.hmac import Hmac

with open(sys.argv[1]) as file:
    for line in file:
        key, data = [unhexlify(text) for text in line.strip().split(":")]
        print(hexlify(Hmac(key).code(data[:5], data[5:])).decode())
