"""A board's serial line in memory, and frames made by well-kept libraries to put on it."""

import binascii

from cobs import cobs


class MemoryLine:
    """What the firmware calls a line: `incoming` is read by the board, `sent` was written."""

    def __init__(self):
        self.incoming = bytearray()
        self.sent = bytearray()
        self.at_most = 1 << 30  # bytes that a write takes

    def readinto(self, buf):
        n = min(len(buf), len(self.incoming))
        buf[:n] = self.incoming[:n]
        del self.incoming[:n]
        return n or None

    def write(self, buf, n):
        n = min(n, self.at_most)
        self.sent += buf[:n]
        return n


def frame(content):
    """The content as it travels, made with PyPI's cobs and binascii."""
    checked = bytes(content) + binascii.crc_hqx(bytes(content), 0xFFFF).to_bytes(2, "little")
    return b"\0" + cobs.encode(checked) + b"\0"


def contents(data):
    """The contents of the frames in what a board sent, which holds nothing else."""
    found = []
    for body in bytes(data).split(b"\0"):
        if body:
            checked = cobs.decode(body)
            assert binascii.crc_hqx(checked[:-2], 0xFFFF) == int.from_bytes(checked[-2:], "little")
            found.append(checked[:-2])
    return found
