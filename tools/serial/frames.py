"""The serial line's two voices: console text and binary frames. docs/link.md is the protocol."""

import codecs
import random
from binascii import crc_hqx
from collections.abc import Callable
from typing import NamedTuple

from cobs import cobs

CONTENT_MAX = 250
"""Bytes of content that a frame to a board can carry; one from it can carry one more."""

TEXT_SILENCE_S = 0.1
"""After so much silence a text without its newline counts as a line: a prompt, for example."""

FRAME_SILENCE_S = 1.0
"""After so much silence an unfinished frame is given up. The host is more patient than the board
(100 ms), because half a frame that a busy machine delivers late may be a record's only receipt."""

_CTRL_C = 0x03
_ENCODED_MAX = CONTENT_MAX + 4
_LINE_MAX = 4096
_REPL_CONTROLS = frozenset(b"\x01\x02\x03\x04\x05\r\n")
_CONTROLS_IN_TEXT = dict.fromkeys(map(ord, "\b\t\n\r\x1b"))


class Text(NamedTuple):
    """A line of console text, without its line end."""

    line: str


class Frame(NamedTuple):
    """The content of a frame that arrived whole."""

    content: bytes


def encode(content: bytes) -> bytes:
    """The bytes on the line for a frame to a board with this content of 1 to 250 bytes."""
    if not 1 <= len(content) <= CONTENT_MAX:
        raise ValueError(f"a frame carries 1 to {CONTENT_MAX} bytes, not {len(content)}")
    checked = content + crc_hqx(content, 0xFFFF).to_bytes(2, "little")
    return b"\0" + _without_ctrl_c(cobs.encode(checked)) + b"\0"


def _without_ctrl_c(data: bytes) -> bytes:
    """Each 0x03 replaced by the distance to the one before it, and a last byte with that to the
    last. A distance above 2 is written one higher, so that none is 0x03."""
    out = bytearray(data)
    before = -1
    for at, byte in enumerate(data):
        if byte == _CTRL_C:
            out[at] = _distance(at - before)
            before = at
    out.append(_distance(len(data) - before))
    return bytes(out)


def _distance(count: int) -> int:
    return count if count < _CTRL_C else count + 1


def obeyed_by_a_repl(content: bytes) -> bool:
    """Whether a REPL, should no Sluice run on the board, would do more with the frame than echo."""
    return not _REPL_CONTROLS.isdisjoint(encode(content))


def draw_number(content: Callable[[int], bytes], least: int = 1) -> int:
    """By chance, from least to 2^24-1, so that no REPL obeys the frame of content(number)."""
    while obeyed_by_a_repl(content(number := random.randrange(least, 1 << 24))):
        pass
    return number


class LineReader:
    """Reads what the board sent, in pieces of any size, and gives its lines and frames apart.

    Reads any bytes and never raises. It may start in the middle of a line or a frame: what it
    reads first passes for a frame until it proves to be text.
    """

    def __init__(self) -> None:
        self.bad = 0
        """Frames dropped so far: damaged, cut off or overlong."""
        self._in_frame = True
        self._frame = b""
        self._line = b""

    def feed(self, data: bytes) -> list[Text | Frame]:
        """The lines and frames that `data` completes, in the order of their ends."""
        items: list[Text | Frame] = []
        start = 0
        while start < len(data):
            if self._in_frame:
                stop = min(len(data), start + _ENCODED_MAX + 1 - len(self._frame))
                zero = data.find(0, start, stop)
                self._frame += data[start : stop if zero < 0 else zero]
                start = stop if zero < 0 else zero + 1
                if zero >= 0:
                    self._close_frame(items)
                elif len(self._frame) > _ENCODED_MAX:
                    self._give_up_frame(items)
            else:
                zero = data.find(0, start)
                stop = len(data) if zero < 0 else zero
                self._add_text(data[start:stop], items)
                start = stop + 1
                self._in_frame = zero >= 0
        return items

    @property
    def patience_s(self) -> float:
        """After how much silence `idle` has something to do; infinity: nothing is unfinished."""
        if self._line or (self._in_frame and self._frame and _is_text(self._frame)):
            return TEXT_SILENCE_S
        return FRAME_SILENCE_S if self._in_frame else float("inf")

    def idle(self, silence_s: float) -> list[Text | Frame]:
        """What the silence completes, when nothing has come for `silence_s` seconds."""
        items: list[Text | Frame] = []
        if silence_s < TEXT_SILENCE_S:
            return items
        if self._in_frame and (
            silence_s >= FRAME_SILENCE_S or (self._frame and _is_text(self._frame))
        ):
            self._give_up_frame(items)
        if self._line:
            items.append(_text(self._line))
            self._line = b""
        return items

    def _close_frame(self, items: list[Text | Frame]) -> None:
        frame, self._frame = self._frame, b""
        if not frame:
            return
        content = _decode(frame)
        if content is not None:
            items.append(Frame(content))
            self._in_frame = False
        elif frame.endswith(b"\n") and _is_text(frame):
            self._add_text(frame, items)
        else:
            self.bad += 1

    def _give_up_frame(self, items: list[Text | Frame]) -> None:
        frame, self._frame = self._frame, b""
        self._in_frame = False
        if _is_text(frame):
            self._add_text(frame, items)
        else:
            self.bad += 1

    def _add_text(self, data: bytes, items: list[Text | Frame]) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            items += [_text(part) for part in _parts(line)]
        *parts, self._line = _parts(rest)
        items += [_text(part) for part in parts]


def _parts(line: bytes) -> list[bytes]:
    """The line in parts that are not too long; all but the last are full."""
    return [line[at : at + _LINE_MAX] for at in range(0, max(1, len(line)), _LINE_MAX)]


def _decode(frame: bytes) -> bytes | None:
    try:
        decoded = cobs.decode(frame)
    except cobs.DecodeError:
        return None
    content, crc = decoded[:-2], decoded[-2:]
    whole = content and crc == crc_hqx(content, 0xFFFF).to_bytes(2, "little")
    return content if whole else None


def _is_text(data: bytes) -> bool:
    """Whether the data, which may stop inside a character, is what a console prints."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return text.translate(_CONTROLS_IN_TEXT).isprintable()


def _text(line: bytes) -> Text:
    return Text(line.removesuffix(b"\r").decode("utf-8", "replace"))
