# SPDX-License-Identifier: MIT
"""The hot arithmetic in machine code, for boards whose MicroPython has a native emitter.

A module `<name>_native` puts viper in place of some methods and functions of the
module <name> beside it, which hands each of them to `kernel` right behind its
definition, so that what derives from it derives from the kernel. What a class
promises, and why its algorithm is right, is told there. docs/speed.md tells how
these were chosen and why they cannot overflow.

`over(plain, name)` of such a module returns what takes the place of the plain one;
it never imports the module that asks. The state of an object lies in an array of
32-bit words, none of them negative, read and written with one machine instruction
each, in the order in which the plain methods read and write it. A word's number
stands in each file that uses it, under its owner's name.
"""

import sys

in_force = []
"""The names of what runs in machine code."""

missing = []
"""The names of what would, but its `<name>_native` is not installed."""


def kernel(module, name, plain):
    """A plain class or function of a module in machine code; itself where there is none.

    module: where it is defined, by its name below `sluice`.  name: its own.

    Only a board with an emitter asks for machine code, and only that it is not
    installed is tolerated: whatever else goes wrong in `<module>_native` is raised.
    """
    if not getattr(sys.implementation, "_mpy", 0) >> 10 & 15:  # the emitter's architecture
        return plain
    home = "sluice.%s_native" % module
    try:
        over = __import__(home, None, None, ("over",)).over
    except ImportError as error:
        if str(error).lower() != "no module named '%s'" % home:
            raise
        missing.append(name)
        return plain
    replaced = over(plain, name)
    in_force.append(name)
    return replaced


def counts():
    """How many kernels are in force, and how many were asked for so far."""
    return len(in_force), len(in_force) + len(missing)


def word(i):
    """An attribute that is word i of the object's state."""

    def load(self):
        return self._state[i]

    def store(self, value):
        self._state[i] = value

    return property(load, store)
