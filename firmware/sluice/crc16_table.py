"""The table of CRC-16/CCITT-FALSE, for crc16 in bytecode and in viper."""

from array import array


def _entry(byte):
    crc = byte << 8
    for _ in range(8):
        crc = crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


TABLE = array("H", [_entry(byte) for byte in range(256)])  # 512 bytes of RAM, 8 times the speed
