"""The processors that MicroPython makes native code for."""

# What mpy-cross takes as -march, in the order of the numbers in sys.implementation._mpy;
# "" is bytecode without native code, which every board can read.
ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
