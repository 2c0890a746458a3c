# SPDX-License-Identifier: MIT
"""A user's Ctrl-C in the text of a line that is noisy, and carries frames too."""

from micropython import const

_CTRL_C = const(0x03)
_RETURN = const(0x0D)

# What came since the line was last at rest, as far as it can be a Ctrl-C.
_NOTHING = const(0)
_A_RETURN = const(1)
_A_CTRL_C = const(2)
_OTHER = const(3)
_A_FRAME = const(4)


class CtrlC:
    """Knows a Ctrl-C from a 0x03 that noise made.

    It comes after a rest of the line, and follows a carriage return, or nothing
    follows it until the next rest. Right behind a whole frame it follows a
    carriage return: a loop that was held up has not seen the rest between them.

    Ownership: the main loop alone.
    """

    def __init__(self):
        self._since_rest = _NOTHING

    def is_made_by(self, byte: int) -> bool:
        """Take in a byte of text; True when a Ctrl-C is complete with it. Hot."""
        since = self._since_rest
        if since == _OTHER:
            return False
        if byte == _CTRL_C:
            if since == _A_RETURN:
                self._since_rest = _NOTHING
                return True
            self._since_rest = _OTHER if since == _A_FRAME else _A_CTRL_C
        elif byte != _RETURN:
            self._since_rest = _OTHER
        elif since != _A_CTRL_C:
            self._since_rest = _A_RETURN
        return False

    def frame_passed(self) -> None:
        """Take in that a whole frame has come. Hot."""
        self._since_rest = _A_FRAME

    def is_made_by_rest(self) -> bool:
        """Take in that the line is at rest; True when a Ctrl-C is complete with it. Hot."""
        made = self._since_rest == _A_CTRL_C
        self._since_rest = _NOTHING
        return made
