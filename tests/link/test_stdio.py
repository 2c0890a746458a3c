"""The console as a line: takes what is there, never waits, and leaves the REPL what is its own."""

import select
import sys

import pytest
from console_port import ConsolePort, take

from sluice.link.stdio import StdioLine


class Port(ConsolePort):
    """One that gives a byte at a time."""

    def __init__(self):
        super().__init__()
        self.written = []
        self.asked_too_early = False

    def readinto(self, one):
        self.asked_too_early |= not self.incoming
        one[0] = self.incoming.pop(0)
        return 1

    def write(self, buf, n):
        self.written.append(bytes(buf[:n]))
        return n


@pytest.fixture
def port():
    return Port()


def line_of(port):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", port)
        patch.setattr(sys, "stdout", port)
        patch.setattr(select, "poll", lambda: port, raising=False)
        return StdioLine()


def test_takes_what_is_there_and_never_waits(port):
    line = line_of(port)
    assert take(line, 128) == b""
    port.incoming += b"one"
    assert take(line, 128) == b"one"
    port.incoming += b"x" * 100
    assert [len(take(line, 128)), len(take(line, 128)), len(take(line, 128))] == [64, 36, 0]
    port.incoming += b"abcdef"
    assert take(line, 4) == b"abcd"
    assert not port.asked_too_early


def test_what_follows_a_ctrl_c_is_left_for_the_repl(port):
    line = line_of(port)
    port.incoming += b"\r\x03\r\x01print(1)\x04"
    assert take(line, 128) == b"\r\x03"
    assert port.incoming == b"\r\x01print(1)\x04"


def test_writes_the_first_n_bytes(port):
    assert line_of(port).write(bytearray(b"frame and more"), 5) == 5
    assert port.written == [b"frame"]
