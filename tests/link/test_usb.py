"""The console on USB as a line: reads blocks, and loses nothing to a port that waits for each."""

import os
import select
import sys

import pytest
from console_port import ConsolePort, take
from hypothesis import given
from hypothesis import strategies as st

from host_sim import TickClock
from sluice.link.usb import UsbLine, trim

FILLER = 3


class Port(ConsolePort):
    """An rp2's console, with a second terminal that is asked when nothing has come."""

    def __init__(self):
        super().__init__()
        self.later = {}  # what comes while the port waits, by how many bytes it has read from there
        self.second = None
        self.waited = 0

    def readinto(self, buf):
        for i in range(len(buf)):
            if self.incoming:
                buf[i] = self.incoming.pop(0)
                continue
            assert self.second is not None, "it waits for ever"
            buf[i] = self.second.read(1)[0]
            self.waited += 1
            self.incoming += self.later.pop(self.waited, b"")
        return len(buf)

    def dupterm(self, stream):
        before, self.second = self.second, stream
        return before


@pytest.fixture
def clock(monkeypatch):
    clock = TickClock()
    monkeypatch.setattr("sluice.link.usb._ticks_ms", clock.ticks)
    return clock


@pytest.fixture
def port(monkeypatch, clock):
    port = Port()
    monkeypatch.setattr(os, "dupterm", port.dupterm, raising=False)
    return port


@pytest.fixture
def line(port):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", port)
        patch.setattr(select, "poll", lambda: port, raising=False)
        return UsbLine()


def take_all(line, size=16):
    data = b""
    while got := take(line, size):
        data += got
    return data


def test_a_frame_is_read_in_blocks_and_nothing_waits(line, port):
    assert take(line, 16) == b""
    port.incoming += b"\0" + bytes(range(4, 40)) + b"\0"
    assert take(line, 16) == b"\0"
    assert take(line, 16) == bytes(range(4, 20))
    assert take(line, 16) == bytes(range(20, 36))
    assert take(line, 16) == bytes(range(36, 40)) + b"\0"
    assert port.waited == 11
    port.incoming += b"\0next\0"
    assert take(line, 16) == b"\0next\0"
    assert port.second is None


def test_each_beginning_of_a_frame_is_read_and_then_the_board_goes_on(line, port, clock):
    frame = b"\0" + bytes(range(4, 60)) + b"\0"
    for cut in range(1, len(frame) + 1):
        port.incoming += frame[:cut]
        assert take_all(line) == frame[:cut]
        assert take(line, 16) == b""
        clock.advance(50)
        assert take(line, 16) == b""


@pytest.mark.parametrize("first", [b for b in range(1, 256) if b != FILLER])
def test_what_follows_a_ctrl_c_in_text_is_left_for_the_repl(line, port, first):
    port.incoming += bytes([first]) + b"\x03\r\x01print(1)\x04"
    assert take(line, 16) == bytes([first]) + b"\x03"
    assert port.incoming == b"\r\x01print(1)\x04"


def test_after_a_quiet_moment_it_is_text_again(line, port, clock):
    port.incoming += b"\0frame\0"
    assert take_all(line) == b"\0frame\0"
    clock.advance(49)
    assert take(line, 16) == b""
    port.incoming += b"\r\x03\r\x01"
    assert take(line, 16) == b"\r\x03\r\x01"  # within a frame that goes on it would mean nothing
    clock.advance(50)
    assert take(line, 16) == b""
    port.incoming += b"\r\x03\r\x01"
    assert take(line, 16) == b"\r\x03"


def test_a_second_terminal_of_the_users_stays(line, port):
    port.second = mine = object()
    port.incoming += b"\0ab"
    assert take_all(line) == b"\0ab"
    assert port.second is mine


def test_a_loop_that_was_held_up_reads_text_too(line, port, clock):
    port.incoming += b"\0frame\0"
    assert take_all(line) == b"\0frame\0"
    clock.advance(50)
    port.incoming += b"\r\x03\r\x01"
    assert take(line, 16) == b"\r\x03"
    assert port.incoming == b"\r\x01"


BYTES = st.binary(max_size=20).map(lambda data: data.replace(b"\x03", b"\x04"))


@given(st.dictionaries(st.integers(1, 60), BYTES, max_size=6), st.sampled_from([16, 32, 64]))
def test_what_comes_while_it_reads_is_in_its_place(later, size):
    """Bytes with fillers anywhere between them come out as they were sent."""
    port = Port()
    port.incoming += b"\0"
    port.later = dict(later)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "dupterm", port.dupterm, raising=False)
        patch.setattr(sys, "stdin", port)
        patch.setattr(select, "poll", lambda: port, raising=False)
        patch.setattr("sluice.link.usb._ticks_ms", TickClock().ticks)
        line = UsbLine()
        heard = take_all(line, size)
        while port.later:
            port.incoming += port.later.pop(min(port.later))
            heard += take_all(line, size)
    assert heard == b"\0" + b"".join(data for _, data in sorted(later.items()))


@given(st.binary(max_size=40), st.integers(0, 40))
def test_trim_takes_out_no_more_than_there_are(data, fillers):
    buf = bytearray(data)
    left = trim(buf, fillers)
    assert left == len(data) - min(fillers, data.count(FILLER))
    assert bytes(buf[:left]).replace(b"\x03", b"") == data.replace(b"\x03", b"")
