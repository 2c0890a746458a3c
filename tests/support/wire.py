"""A board's serial line in memory, and frames made by well-kept libraries to put on it."""

import binascii

from cobs import cobs


class MemoryLine:
    """What the firmware calls a line: `incoming` is read by the board, `sent` was written."""

    def __init__(self):
        self.incoming = bytearray()
        self.sent = bytearray()
        self.at_most = 1 << 30  # bytes that a write takes

    def any(self):
        return len(self.incoming)

    def readinto(self, buf, most=1 << 30):
        n = min(len(buf), len(self.incoming), most)
        buf[:n] = self.incoming[:n]
        del self.incoming[:n]
        return n or None

    def write(self, buf, n):
        n = min(n, self.at_most)
        self.sent += buf[:n]
        return n


def frame(content):
    """The content as a board sends it, made with PyPI's cobs and binascii."""
    return b"\0" + encoded(content) + b"\0"


def encoded(content, checksum=None):
    if checksum is None:
        checksum = binascii.crc_hqx(bytes(content), 0xFFFF)
    return cobs.encode(bytes(content) + checksum.to_bytes(2, "little"))


def to_board(content, checksum=None):
    """The content as a host sends it."""
    return b"\0" + stuffed(encoded(content, checksum)) + b"\0"


def stuffed(data):
    """The data without 0x03: PyPI's cobs on it turned round, with the code 3 left out."""
    turned = bytearray(cobs.encode(data[::-1].replace(b"\3", b"\0")))
    at = 0
    while at < len(turned):
        step = turned[at]
        turned[at] += step >= 3
        at += step
    return bytes(turned[::-1])


def unstuffed(data):
    turned = bytearray(data[::-1])
    at = 0
    while at < len(turned):
        assert turned[at] != 3
        turned[at] -= turned[at] > 3
        at += turned[at]
    return cobs.decode(turned)[::-1].replace(b"\0", b"\3")


def contents(data, from_host=False):
    """The contents of the frames in what a board sent, or a host, which holds nothing else."""
    found = []
    for body in bytes(data).split(b"\0"):
        if body:
            checked = cobs.decode(unstuffed(body) if from_host else body)
            assert binascii.crc_hqx(checked[:-2], 0xFFFF) == int.from_bytes(checked[-2:], "little")
            found.append(checked[:-2])
    return found


def records(seq, *payloads):
    """The content of a frame RECORDS."""
    content = b"\x82" + (seq % (1 << 24)).to_bytes(3, "little")
    return content + b"".join(bytes([len(payload)]) + payload for payload in payloads)


def delivered(seq, *payloads, tick=1, later=0):
    """The content of a frame DELIVERED. later: ticks between any two grants."""
    content = b"\x93" + (seq % (1 << 24)).to_bytes(3, "little") + tick.to_bytes(4, "little")
    for i, payload in enumerate(payloads):
        content += bytes([later if i else 0, len(payload)]) + payload
    return content


def deliveries(contents):
    """What came in the frames DELIVERED among these: (sequence number, tick, payload) of each."""
    found = []
    for content in contents:
        if content[0] != 0x93:
            continue
        seq, tick = int.from_bytes(content[1:4], "little"), int.from_bytes(content[4:8], "little")
        at = 8
        while at < len(content):
            tick += content[at]
            end = at + 2 + content[at + 1]
            found.append((seq, tick % (1 << 30), content[at + 2 : end]))
            seq, at = (seq + 1) % (1 << 24), end
        assert at == len(content)
    return found


def payloads(contents):
    """The records in the frames RECORDS among these."""
    found = []
    for content in contents:
        at = 4
        while content[0] == 0x82 and at < len(content):
            end = at + 1 + content[at]
            found.append(content[at + 1 : end])
            at = end
    return found


def apart(contents):
    """The contents of frames, those of RECORDS and DELIVERED cut into one for each record."""
    cut = []
    for content in contents:
        if content[0] == 0x93:
            cut += [delivered(seq, what, tick=tick) for seq, tick, what in deliveries([content])]
        elif content[0] == 0x82:
            first = int.from_bytes(content[1:4], "little")
            cut += [records(first + i, what) for i, what in enumerate(payloads([content]))]
        else:
            cut.append(content)
    return cut
