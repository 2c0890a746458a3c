"""MicroPython's module `micropython`, as far as the firmware uses it."""


def const(value: int) -> int:
    return value


def kbd_intr(char: int) -> None:
    """The host's terminal owns Ctrl-C, so there is nothing to change here."""
