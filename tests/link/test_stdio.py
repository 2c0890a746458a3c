"""The console as a line: takes what is there, never waits, and leaves the REPL what is its own."""

import select
import sys

import pytest

from sluice.link.stdio import StdioLine


class Port:
    """A board's console port: bytes that have come, and a poll that knows whether there are any."""

    def __init__(self):
        self.incoming = bytearray()
        self.buffer = self
        self.written = []
        self.asked_too_early = False

    def readinto(self, one):
        self.asked_too_early |= not self.incoming
        one[0] = self.incoming.pop(0)
        return 1

    def write(self, buf, n):
        self.written.append(bytes(buf[:n]))
        return n

    def register(self, stream, mask):
        assert stream is self and mask == select.POLLIN

    def ipoll(self, timeout):
        assert timeout == 0
        return [(self, select.POLLIN)] if self.incoming else []


@pytest.fixture
def port():
    return Port()


def line_of(port):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", port)
        patch.setattr(sys, "stdout", port)
        patch.setattr(select, "poll", lambda: port, raising=False)
        return StdioLine()


def take(line, size=128):
    buf = bytearray(size)
    return bytes(buf[: line.readinto(buf)])


def test_takes_what_is_there_and_never_waits(port):
    line = line_of(port)
    assert take(line) == b""
    port.incoming += b"one"
    assert take(line) == b"one"
    port.incoming += b"x" * 100
    assert [len(take(line)), len(take(line)), len(take(line))] == [64, 36, 0]
    port.incoming += b"abcdef"
    assert take(line, 4) == b"abcd"
    assert not port.asked_too_early


def test_what_follows_a_ctrl_c_is_left_for_the_repl(port):
    line = line_of(port)
    port.incoming += b"\r\x03\r\x01print(1)\x04"
    assert take(line) == b"\r\x03"
    assert port.incoming == b"\r\x01print(1)\x04"


def test_writes_the_first_n_bytes(port):
    assert line_of(port).write(bytearray(b"frame and more"), 5) == 5
    assert port.written == [b"frame"]
