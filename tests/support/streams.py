"""Connections to a server that is played, byte by byte."""

from host_sim import TickClock


class Stream:
    """A socket that does not block, as MicroPython's are."""

    def __init__(self) -> None:
        self.sent = b""
        self.takes = 1 << 20  # bytes that it takes yet
        self.most = 1 << 20  # bytes at once
        self.incoming: list[bytes] = []
        self.error: Exception | None = None
        self.closed = False

    def write(self, buf, at, n):
        if self.error:
            raise self.error
        n = min(n, self.takes, self.most)
        self.takes -= n
        self.sent += bytes(buf[at : at + n])
        return n or None

    def readinto(self, buf):
        if self.error:
            raise self.error
        if not self.incoming:
            return None
        data = self.incoming.pop(0)
        n = min(len(data), len(buf))
        if n < len(data):
            self.incoming.insert(0, data[n:])
        buf[:n] = data[:n]
        return n

    def close(self) -> None:
        self.closed = True


class Played:
    """The server of a sink that is given `dial` and `tell`: each connection is a new stream.

    there: whether it can be reached.  told: what the sink has told.
    """

    def __init__(self, clock: TickClock) -> None:
        self.clock = clock
        self.streams: list[Stream] = []
        self.there = True
        self.told: list[tuple[str, str]] = []

    @property
    def stream(self) -> Stream:
        return self.streams[-1]

    def dial(self) -> Stream:
        if not self.there:
            raise OSError(111)
        self.streams.append(Stream())
        return self.stream

    def tell(self, state: str, reason: str) -> None:
        self.told.append((state, reason))
