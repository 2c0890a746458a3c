"""A board's serial line in memory."""


class Line:
    """`incoming` is read by the board, `sent` was written by it."""

    def __init__(self, incoming=b""):
        self.incoming = incoming
        self.sent = b""
        self.at_most = 1000  # bytes that a write takes

    def readinto(self, buf):
        n = min(len(buf), len(self.incoming))
        for i in range(n):
            buf[i] = self.incoming[i]
        self.incoming = self.incoming[n:]
        return n or None

    def write(self, buf, n):
        n = min(n, self.at_most)
        self.sent += bytes(buf[:n])
        return n


def distance(count):
    """A distance between two 0x03 as it is written, which is never 0x03 itself."""
    return count if count < 3 else count + 1


def stuffed(frame):
    """A frame that a board sent, as a host sends it: without a 0x03."""
    body = bytearray(frame[1:-1])
    before = -1
    for at in range(len(body)):
        if body[at] == 3:
            body[at] = distance(at - before)
            before = at
    body.append(distance(len(body) - before))
    return b"\0" + bytes(body) + b"\0"
