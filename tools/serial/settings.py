"""Requests to change a board's settings, or to hear who changed them: the host's end.

A request says what to send, takes in what the board says, and can be sent again at any time: the
board does nothing twice. docs/link.md is the protocol.
"""

import re
from typing import Protocol

from .frames import CONTENT_MAX, draw_number
from .logfmt import parse

SET = 0x83
AUDIT = 0x85
CONFIRM = 0x94
REFUSE = 0x95
ENTRY = 0x96
ANSWERS = (CONFIRM, REFUSE, ENTRY)

PAIRS_MAX = CONTENT_MAX - 4
"""Characters of the pairs that fit into a request."""

_PERIOD = 1 << 24
_OBEYED = len("who=pi")  # so long a text makes COBS begin the frame with a CR, whatever its number
_NUMBER = re.compile(r"-?\d{1,10}", re.ASCII)
_NUMBERS = re.compile(r"-?\d{1,10}(,-?\d{1,10})+", re.ASCII)

Value = int | str | list[int] | None


def _elsewhere(allowed: str) -> str:
    """How the keys change that the board refuses to change while it runs."""
    if not allowed.startswith("one of the keys that change while it runs"):
        return ""
    return "; others change at a start: put them into a file, and `sluice flash --config FILE`"


class Refused(Exception):
    """The board does not do it: the key, its value as JSON, and what is allowed."""

    def __init__(self, key: str, value: str, allowed: str) -> None:
        super().__init__(f"{key} is {value}, allowed: {allowed}{_elsewhere(allowed)}")


class Request(Protocol):
    """What is asked of a board."""

    @property
    def content(self) -> bytes:
        """The content of the frame to send, until it is another one or `done`."""
        ...

    @property
    def done(self) -> bool:
        """Whether all is answered."""
        ...

    def receive(self, content: bytes) -> bool:
        """Takes in a frame from the board; whether it belongs to the answer. Refused."""
        ...


class Change:
    """A request to change settings, or with no more than a name to hear those in force.

    pairs: `who=NAME key=value ...`, up to PAIRS_MAX characters of printable ASCII.
    """

    def __init__(self, pairs: str) -> None:
        self.values: dict[str, Value] = {}
        """The settings in force, when done."""
        self.trial_s = 0
        """Seconds that the change is still on trial; 0: it is not."""
        text = pairs.encode("ascii")
        if len(text) == _OBEYED:
            text += b" keep=0"
        self._number = _u24(draw_number(lambda number: bytes([SET]) + _u24(number) + text))
        self.content = bytes([SET]) + self._number + text
        self._keys = -1

    @property
    def done(self) -> bool:
        return len(self.values) == self._keys

    def receive(self, content: bytes) -> bool:
        kind, body = content[0], content[4:]
        if kind not in (CONFIRM, REFUSE) or content[1:4] != self._number:
            return False
        if kind == REFUSE:
            key, value, allowed = (body.decode("ascii", "replace") + "\n\n").split("\n")[:3]
            raise Refused(key, value, allowed)
        if len(body) < 3:
            return False
        self.trial_s = int.from_bytes(body[:2], "little")
        self._keys = body[2]
        pairs = parse(body[3:].decode("ascii", "replace"))
        self.values |= {key: _value(text) for key, text in pairs.items()}
        return True


class Audit:
    """A request for the changes that the board remembers."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Value]] = []
        """The changes, oldest first, when done."""
        self.done = False
        # No board has had so many changes: it answers with the oldest.
        self.content = _audit(draw_number(_audit, _PERIOD // 2))

    def receive(self, content: bytes) -> bool:
        if content[0] != ENTRY or len(content) < 10 or content[1:4] != self.content[1:4]:
            return False
        asked, index, end = (int.from_bytes(content[at : at + 3], "little") for at in (1, 4, 7))
        if index != asked:
            self.entries.clear()  # what was asked for is gone, and so is what came before
        if index != end:
            pairs = parse(content[10:].decode("ascii", "replace"))
            self.entries.append({key: _value(text) for key, text in pairs.items()})
            index = (index + 1) % _PERIOD
        self.done = index == end
        self.content = _audit(index)
        return True


def _audit(index: int) -> bytes:
    return bytes([AUDIT]) + _u24(index)


def _value(text: str) -> Value:
    if text == "none":
        return None
    if _NUMBERS.fullmatch(text):
        return [int(part) for part in text.split(",")]
    return int(text) if _NUMBER.fullmatch(text) else text


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")
