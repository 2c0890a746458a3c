# SPDX-License-Identifier: MIT
"""Checks of arguments, for constructors and methods that set up: what is wrong is named."""


def check_int(name, value, low, high):
    """Raise TypeError for what is no int, ValueError for one that is not from low to high."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("%s must be an int from %d to %d, not %r" % (name, low, high, value))
    if not low <= value <= high:
        raise ValueError("%s must be from %d to %d, not %d" % (name, low, high, value))


def check_callable(name, value):
    """Raise TypeError for what is not a clock."""
    if not callable(value):
        raise TypeError("%s must be a function that returns ticks, not %r" % (name, value))
