"""A log's lines: of any length and bytes and with any end, plain and compressed."""

import bz2
import gzip
import io
import os
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.board.feed import opening
from sluice_tools.board.feed.opening import LINE_MAX, Log, open_log
from sluice_tools.errors import UserError

PLAIN = b"".join(b"line %d\n" % number for number in range(50_000))
PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress}


class Dripping(io.BytesIO):
    """A pipe into which a few bytes come at a time."""

    def __init__(self, data, count):
        super().__init__(data)
        self.count = count

    def read(self, size=-1):
        return super().read(self.count if size < 0 else min(size, self.count))


def lines(data):
    return list(Log(io.BytesIO(data), "some.log", len(data)).lines())


def texts(data):
    return [line.data for line in lines(data)]


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\0\xff", b"\n", b"\r", b"\r\n"])), st.integers(1, 9)
)
def test_lines_end_with_lf_crlf_or_cr_however_they_come(parts, count):
    data = b"".join(parts)
    expected = re.split(rb"\r\n|\n|\r", data)
    if not expected[-1]:
        expected.pop()
    assert [line.data for line in Log(Dripping(data, count), "pipe").lines()] == expected
    assert texts(data) == expected
    assert [line.number for line in lines(data)] == list(range(1, len(expected) + 1))


def test_the_end_of_each_line_tells_how_much_was_read():
    assert [line.end for line in lines(b"a\n\r\nbc\rd")] == [2, 4, 7, 8]


@pytest.mark.parametrize("word", [b"a", b"B", b"Begun here"])
def test_a_line_comes_when_its_end_has_come(word):
    reader, writer = os.pipe()
    with open(writer, "wb", buffering=0) as pipe, open(reader, "rb", buffering=0) as stream:
        log = Log(stream, "pipe").lines()
        for end in (b"\r", b"\n", b"\r\n"):
            pipe.write(word + end)
            assert next(log).data == word


@pytest.mark.parametrize("excess", [0, 1, 2, LINE_MAX, 3 * LINE_MAX + 5])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_of_an_overlong_line_the_head_is_kept(excess, end):
    data = b"x" * (LINE_MAX + excess) + end
    assert texts(data) == [b"x" * (LINE_MAX + bool(excess))]
    if end:
        assert texts(data + b"next") == [b"x" * (LINE_MAX + bool(excess)), b"next"]


def test_a_line_longer_than_memory_is_not_held():
    class Zeros(io.RawIOBase):
        left = 60_000_000

        def read(self, size=-1):
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    tracemalloc.start()
    (line,) = Log(Zeros(), "pipe").lines()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(line.data), line.end) == (LINE_MAX + 1, 60_000_000)
    assert most < 2_000_000


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    mark = b"\xef\xbb\xbf"
    assert texts(mark + b"a\n" + mark + b"b") == [b"a", mark + b"b"]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("count", [1, 70, 1 << 20])
def test_compressed_logs(pack, count):
    data = pack(PLAIN[:400]) + pack(PLAIN[400:])  # as `cat` joins them
    log = Log(Dripping(data, count), "pipe")
    assert [line.data for line in log.lines()] == PLAIN.splitlines()


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_compresses_well_is_not_held_in_memory(pack):
    data = pack(b"x" * 30_000_000)
    tracemalloc.start()
    (line,) = lines(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(line.data) == LINE_MAX + 1
    assert most < 5_000_000
    assert line.end == len(data)


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_damaged_and_truncated_logs_are_told_after_what_could_be_read(pack):
    packed = pack(os.urandom(1_000_000).hex(" ").encode().replace(b" 0a ", b"\n"))
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    for data in (packed[:9999], bytes(damaged), packed[:-2], packed[:10] + b"\xff" * 99):
        read = []
        with pytest.raises(UserError, match="some.log: cannot be read") as caught:
            read.extend(line.number for line in Log(io.BytesIO(data), "some.log", 1).lines())
        assert "\n" not in caught.value.message


def test_the_last_line_that_could_be_read_is_named():
    log = Log(io.BytesIO(gzip.compress(PLAIN)[:-4]), "some.log", 1).lines()
    with pytest.raises(UserError, match="some.log: cannot be read after line 50000: Compressed"):
        list(log)


def test_zstd_where_its_library_is(monkeypatch):
    monkeypatch.setattr(opening, "_zstd", lambda: None)
    with pytest.raises(UserError, match="some.log: is compressed with zstd, which needs"):
        lines(b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.undo()
    zstd = opening._zstd()
    if zstd is None:
        pytest.skip("needs Python 3.14 or backports.zstd")
    packed = zstd.compress(PLAIN[:400]) + zstd.compress(PLAIN[400:])
    assert texts(packed) == PLAIN.splitlines()
    with pytest.raises(UserError, match="some.log: cannot be read after line"):
        lines(packed[:-5])
    with pytest.raises(UserError, match="some.log: cannot be read"):
        lines(packed[:4] + b"\xff" * 50)


def test_text_that_begins_like_compressed_data_is_text():
    for data in (b"BZh9 is a word", b"(a", b"\x28\xb5", b"B", b"\x1f", b"BZh91AY&S"):
        assert texts(data) == [data]


def test_files_and_what_they_are(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"a\n")
    os.utime(path, (7, 7))
    log = open_log(str(path))
    assert (log.name, log.size, log.modified_s, log.live) == (str(path), 2, 7, False)
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "pipe", "r+b", buffering=0):
        assert open_log(str(tmp_path / "pipe")).live
    with pytest.raises(UserError, match="none: No such file or directory"):
        open_log(str(tmp_path / "none"))
