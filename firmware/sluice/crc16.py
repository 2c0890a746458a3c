# SPDX-License-Identifier: MIT
"""CRC-16/CCITT-FALSE: polynomial 0x1021, start value 0xFFFF, not reflected."""

from sluice.crc16_table import TABLE
from sluice.kernels import kernel


def crc16(data, start: int, end: int) -> int:
    """The checksum of data[start:end]. Hot."""
    table = TABLE
    crc = 0xFFFF
    while start < end:  # a for loop needs a frame too large for the stack
        crc = (crc << 8 & 0xFF00) ^ table[crc >> 8 ^ data[start]]
        start += 1
    return crc


crc16 = kernel("crc16", "crc16", crc16)
