# SPDX-License-Identifier: MIT
"""The table of CRC-16/CCITT-FALSE, for crc16 in bytecode and in viper."""

from array import array


def _table():
    """The entry of each byte. A byte's entry is the XOR of those of its bits, so 255 XORs make it:
    eight steps for each byte would take an RP2040 60 ms more of its start."""
    table = array("H", [0])
    entry = 0x1021  # of the lowest bit
    for _ in range(8):
        table.extend(array("H", [entry ^ other for other in table]))
        entry = (entry << 1 ^ 0x1021 if entry & 0x8000 else entry << 1) & 0xFFFF
    return table


TABLE = _table()  # 512 bytes of RAM, 8 times the speed
