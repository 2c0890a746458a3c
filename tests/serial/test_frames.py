"""The host's reader of the serial line, against frames and text in any mixture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import contents as contents_of
from wire import frame, to_board

from sluice_tools.serial import frames
from sluice_tools.serial.frames import (
    CONTENT_MAX,
    FRAME_SILENCE_S,
    TEXT_SILENCE_S,
    Frame,
    LineReader,
    Text,
)
from sluice_tools.serial.frames import encode as encode_frame

contents = st.binary(min_size=1, max_size=CONTENT_MAX)
printed = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=80)


def board_content(payload):
    """As a board's frame begins: with a type that no text begins with."""
    return b"\x93\xff\xff\xff" + payload


def started():
    """A reader that knows where it is: in text."""
    reader = LineReader()
    reader.feed(frame(b"\x92"))
    return reader


def in_pieces(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@given(contents)
def test_a_frame_is_what_other_libraries_make_and_comes_back(content):
    assert encode_frame(content) == to_board(content)
    assert contents_of(encode_frame(content), from_host=True) == [content]
    assert b"\3" not in encode_frame(content)
    assert LineReader().feed(frame(content)) == [Frame(content)]


@pytest.mark.parametrize("size", [0, CONTENT_MAX + 1])
def test_a_content_of_the_wrong_size_cannot_be_sent(size):
    with pytest.raises(ValueError, match="1 to 250 bytes"):
        encode_frame(bytes(size))


@given(
    st.lists(st.one_of(contents.map(Frame), printed.map(Text)), max_size=12),
    st.lists(st.integers(0, 4000), max_size=6),
    st.booleans(),
)
def test_text_and_frames_come_apart_in_their_order_however_they_are_cut(items, cuts, crlf):
    end = b"\r\n" if crlf else b"\n"
    data = b"".join(
        item.line.encode() + end if isinstance(item, Text) else frame(item.content)
        for item in items
    )
    reader = started()
    assert [got for piece in in_pieces(data, cuts) for got in reader.feed(piece)] == items
    assert reader.bad == 0


@given(st.binary(max_size=1200), st.lists(st.integers(0, 1200), max_size=8))
def test_garbage_never_raises_and_the_pieces_do_not_matter(data, cuts):
    whole, pieces = LineReader(), LineReader()
    expected = whole.feed(data)
    assert [got for piece in in_pieces(data, cuts) for got in pieces.feed(piece)] == expected
    assert whole.idle(FRAME_SILENCE_S) == pieces.idle(FRAME_SILENCE_S)
    assert whole.bad == pieces.bad


@given(st.binary(max_size=300), st.lists(contents, min_size=3, max_size=5))
def test_after_any_garbage_frames_are_read_again(garbage, sent):
    reader = LineReader()
    received = reader.feed(garbage + b"".join(map(frame, sent)))
    # What the garbage left open swallows one frame, and what it overran one more.
    assert [item for item in received if isinstance(item, Frame)][-1] == Frame(sent[-1])


@given(contents, st.integers(1, 260), printed)
def test_a_reader_that_joins_inside_a_frame_misses_that_frame_alone(content, start, line):
    missed = frame(board_content(content[:200]))
    data = missed[start % len(missed) :] + line.encode() + b"\r\n" + frame(b"\x92next")
    assert LineReader().feed(data)[-2:] in (
        [Text(line), Frame(b"\x92next")],
        [Frame(b"\x92next")],  # when the start was the frame's last zero and the text is empty
    )


def test_a_reader_that_joins_inside_text_reads_the_rest_as_text():
    reader = LineReader()
    assert reader.feed(b"p99_ms=66\r\n" + frame(b"\x92")) == [Text("p99_ms=66"), Frame(b"\x92")]
    assert reader.bad == 0


def test_text_around_a_frame_is_one_line():
    assert started().feed(b"up_s=" + frame(b"\x92") + b"12\r\n") == [
        Frame(b"\x92"),
        Text("up_s=12"),
    ]


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(frame(b"\x93lost")[:-3] + b"\x55\x00", id="wrong checksum"),
        pytest.param(b"\x00\x03\x93\x00", id="too short"),
        pytest.param(b"\x00\x01\x01\x00", id="checksum without content"),
        pytest.param(b"\x00\xfe\x93\x00", id="block beyond the end"),
        pytest.param(b"\x00" + b"\x93" * 255, id="too long"),
    ],
)
def test_a_damaged_frame_is_counted_and_the_next_is_read(damaged):
    reader = started()
    assert reader.feed(damaged + frame(b"\x92next")) == [Frame(b"\x92next")]
    assert reader.bad == 1


@pytest.mark.parametrize("lost", ["opening", "closing"])
def test_a_lost_zero_costs_one_frame(lost):
    cut = frame(b"\x93cut")[1:] if lost == "opening" else frame(b"\x93cut")[:-1]
    items = started().feed(cut + frame(b"\x92second") + frame(b"\x92third"))
    received = [item for item in items if isinstance(item, Frame)]
    assert len(received) == 2
    assert received[-1] == Frame(b"\x92third")


def test_a_prompt_is_a_line_after_a_silence():
    reader = started()
    assert reader.feed(b">>> ") == []
    assert reader.idle(TEXT_SILENCE_S / 2) == []
    assert reader.idle(TEXT_SILENCE_S) == [Text(">>> ")]
    assert reader.idle(TEXT_SILENCE_S) == []


def test_the_first_text_of_a_line_is_known_as_text_after_a_silence():
    reader = LineReader()
    assert reader.feed(b"event=start\r\n>>> ") == []
    assert reader.idle(TEXT_SILENCE_S) == [Text("event=start"), Text(">>> ")]
    assert reader.feed(b"more\n") == [Text("more")]
    assert reader.bad == 0


def test_long_first_text_is_known_as_text_without_a_silence():
    lines = [f"line {number} with an umlaut: ü" for number in range(20)]
    reader = LineReader()
    data = "".join(line + "\n" for line in lines).encode()
    assert reader.feed(data) == [Text(line) for line in lines]


def test_half_a_frame_waits_for_its_rest_longer_than_text_does():
    reader = started()
    whole = frame(b"\x93\x80payload")
    assert reader.feed(whole[:6]) == []
    assert reader.idle(FRAME_SILENCE_S * 0.99) == []
    assert reader.feed(whole[6:]) == [Frame(b"\x93\x80payload")]
    reader.feed(whole[:6])
    assert reader.idle(FRAME_SILENCE_S) == []
    assert reader.bad == 1
    assert reader.feed(b"Traceback\r\n") == [Text("Traceback")]


def test_silence_between_zeros_is_no_bad_frame():
    reader = started()
    reader.feed(b"\0")
    assert reader.idle(FRAME_SILENCE_S) == []
    assert reader.feed(b"text\n") == [Text("text")]
    assert reader.bad == 0


def test_text_that_is_not_utf8_is_shown_as_well_as_can_be():
    assert started().feed(b"a\xffb\n") == [Text("a\ufffdb")]


def test_a_line_without_an_end_is_handed_out_in_parts():
    items = started().feed(b"x" * 10000)
    assert [len(item.line) for item in items] == [4096, 4096]


def test_the_reader_says_how_long_to_wait_for_what_is_unfinished():
    reader = LineReader()
    for data, patience_s in (
        (b"", FRAME_SILENCE_S),  # the middle of a frame, perhaps
        (b">>> ", TEXT_SILENCE_S),
        (b"\xff", FRAME_SILENCE_S),
        (b"\0\0" + b"text\n", TEXT_SILENCE_S),  # closed as a frame that is bad, then one opens
    ):
        reader.feed(data)
        assert reader.patience_s == patience_s
    reader.idle(FRAME_SILENCE_S)
    assert reader.patience_s == float("inf")
    reader.feed(b"line\n")
    assert reader.patience_s == float("inf")
    reader.feed(b"prompt")
    assert reader.patience_s == TEXT_SILENCE_S
    reader.feed(b"\0")
    assert reader.patience_s == TEXT_SILENCE_S
    assert [item.line for item in reader.idle(TEXT_SILENCE_S)] == ["prompt"]
    assert reader.patience_s == FRAME_SILENCE_S


def test_a_number_is_drawn_from_all_that_three_bytes_hold_and_no_others(monkeypatch):
    drawn = []

    def draw(least, end):
        drawn.append((least, end - 1))
        return end - len(drawn)

    monkeypatch.setattr(frames.random, "randrange", draw)
    assert frames.draw_number(lambda number: number.to_bytes(3, "little"), 5) < 1 << 24
    assert set(drawn) == {(5, (1 << 24) - 1)}
