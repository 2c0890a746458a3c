"""The module `sys` of the board: the built-in one, saying where it runs."""

import io
from collections import namedtuple

import usys

for _name in dir(usys):
    globals()[_name] = getattr(usys, _name)

__name__ = "sys"
platform = "sluice-virtual"
implementation = namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build"))(
    usys.implementation.name,
    usys.implementation.version,
    "Sluice virtual board with WebAssembly",
    usys.implementation._mpy,
    usys.implementation._build,
)


class _Out(io.IOBase):
    """The console as text, its line ends made \\r\\n; `buffer` takes bytes as they are."""

    buffer = open(1000, "wb")  # noqa: SIM115

    def write(self, text):
        return usys.stdout.write(text)


stdout = stderr = _Out()
