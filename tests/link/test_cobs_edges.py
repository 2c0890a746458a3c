"""COBS at the ends of its lengths, and what is not an encoding at all."""

import pytest
from cobs import cobs
from wire import stuffed

from sluice.link.cobs import decode, encode, unstuff


@pytest.mark.parametrize("content", [b"a", b"\0", b"ab", b"\0" * 253, b"x" * 253])
def test_the_shortest_and_longest_contents_go_there_and_back(content):
    buf = bytearray(b"\xee" + content + b"\xee")
    encode(buf, 0, 1 + len(content))
    assert buf == cobs.encode(content) + b"\xee"
    assert decode(buf, 1 + len(content)) is True
    assert buf[1:] == content + b"\xee"


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x01",  # of an empty content
        b"\x01" * 255,  # of a content of 254 bytes
        b"\x03a",  # points one past the end
        b"\xffa",
        b"\x02a\x03b",
    ],
)
def test_what_is_no_encoding_of_1_to_253_bytes_is_refused(encoded):
    assert decode(bytearray(encoded), len(encoded)) is False


@pytest.mark.parametrize("size", [1, 2, 3, 4, 252, 253])
@pytest.mark.parametrize("pattern", [b"\3", b"\1", b"\3\1", b"\1\3", b"\1\2\3", b"\4\3\3\3\3"])
def test_stuffing_against_ctrl_c_is_taken_off(size, pattern):
    data = (pattern * size)[:size]
    buf = bytearray(stuffed(data))
    assert not {0, 3} & set(buf)
    assert unstuff(buf, len(buf)) is True
    assert buf[:-1] == data


@pytest.mark.parametrize("data", [b"\3", b"ab\3", b"ab\6", b"ab\xff", b"\2", b"a\3\2", b"x" * 255])
def test_what_is_not_stuffed_is_refused(data):
    assert unstuff(bytearray(data), len(data)) is False
