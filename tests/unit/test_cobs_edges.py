"""COBS at the ends of its lengths, and what is not an encoding at all."""

import pytest
from cobs import cobs

from sluice.cobs import decode, encode


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
