"""A Device at the end of a pipe: each line that comes in is a call, each that goes out its result.

Runs on MicroPython, where `device` is the module beside this one.
"""

import json
import sys
from binascii import hexlify, unhexlify

from device import Device  # type: ignore[import-not-found]  # under this name on MicroPython


def serve():
    """Until the pipe is closed."""
    device = Device("", 0)
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        name, arguments = json.loads(line)
        if name == "new":
            device = Device(*arguments)
            result = None
        elif name == "run":
            device.idle_ms, ms, received = arguments
            sent, wake, taken, wrong, state = device.run(ms, unhexlify(received))
            texts = [hexlify(record).decode() for record in taken]
            result = hexlify(sent).decode(), wake, texts, wrong, state
        else:
            result = getattr(device, name)(*arguments)
        print(json.dumps(result))
