"""The hot arithmetic in machine code, for boards whose MicroPython has a native emitter.

Each module here puts viper in place of some methods of the module of the same
name above, which imports it at its end and goes on without it where it is
missing or refused. What a class promises, and why its algorithm is right, is
told there. docs/speed.md tells how these were chosen and why they cannot overflow.

The state lies in an array of 32-bit words, read and written with one machine
instruction each, in the order in which the plain methods read and write it.
"""

in_force = {}  # the kernels' names, each with what it replaced
missing = []  # the names of those that are not installed


def word(i):
    """An attribute that is word i of the object's state."""

    def load(self):
        return self._state[i]

    def store(self, value):
        self._state[i] = value

    return property(load, store)
