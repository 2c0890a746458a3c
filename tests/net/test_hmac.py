"""HMAC-SHA-256: the vectors of RFC 4231, and Python's own, here and on MicroPython."""

import hmac
import random
from pathlib import Path

from sluice.net.hmac import Hmac, same

CODES = Path(__file__).with_name("hmac_codes.py")

RFC_4231 = [
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data."
        b" The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


def drawn() -> list[tuple[bytes, bytes]]:
    """Keys and data of all lengths around a block's."""
    draw = random.Random(4231)
    return [
        (draw.randbytes(key), draw.randbytes(data))
        for key in (0, 1, 32, 63, 64, 65, 128)
        for data in (0, 1, 54, 55, 56, 63, 64, 65, 250, 1026)
    ]


def test_the_vectors_of_the_rfc() -> None:
    for key, data, code in RFC_4231:
        assert Hmac(key).code(data).hex().startswith(code)
        assert Hmac(key).code(data[:3], data[3:]).hex().startswith(code)


def test_it_is_pythons_own() -> None:
    for key, data in drawn():
        assert Hmac(key).code(data) == hmac.digest(key, data, "sha256")


def test_it_is_the_same_on_micropython(micropython, tmp_path) -> None:
    cases = [(key, data) for key, data, _ in RFC_4231] + drawn()
    path = tmp_path / "cases"
    path.write_text("".join(f"{key.hex()}:{data.hex()}\n" for key, data in cases))
    codes = micropython(CODES, path)
    for key, data in cases:
        assert codes.until("") == hmac.digest(key, data, "sha256").hex()


def test_codes_are_the_same_when_each_byte_is() -> None:
    code = bytes(range(16))
    assert same(code, bytes(code)) and same(b"", b"")
    for at in range(16):
        assert not same(code, code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :])
    assert not same(code, code[:15]) and not same(b"", code)
