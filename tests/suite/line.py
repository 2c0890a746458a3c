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
