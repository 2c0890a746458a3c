"""A board's console port in memory: bytes that have come, and a poll that knows of them."""

import select


class ConsolePort:
    """What is common to the ports: `incoming` has what has come and was not read."""

    def __init__(self):
        self.incoming = bytearray()
        self.buffer = self

    def register(self, stream, mask):
        assert stream is self and mask == select.POLLIN

    def ipoll(self, timeout):
        assert timeout == 0
        return [(self, select.POLLIN)] if self.incoming else []


def take(line, size):
    """What a line gives for a buffer of that size."""
    buf = bytearray(size)
    return bytes(buf[: line.readinto(buf)])
