"""Addresses to listen at, and tokens."""

import pytest

from sluice_tools.errors import UserError
from sluice_tools.fleet.listen import is_bearer, is_loopback, parse_listen, read_token


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_host_and_port(text, address):
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text", ["", "80", ":80", "h:", "h:65536", "::1:80", "[h]:80", "h:8 ", "h:-1"]
)
def test_what_is_no_address_is_named(text):
    with pytest.raises(UserError, match="^listen '.*': expected host:port"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)]
    + [("0.0.0.0", False), ("::", False), ("10.0.0.1", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback


def test_a_token_is_what_stands_in_its_file(tmp_path):
    (tmp_path / "token").write_text("\n 0123456789abcdef\n")
    assert read_token(tmp_path / "token") == "0123456789abcdef"


@pytest.mark.parametrize(
    "content", [b"", b"0123456789abcde", b"0123456789 abcdef", b"\xff" * 20, b"a" * 513]
)
def test_what_is_no_token_is_named(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UserError, match=r"token: expected a token of 16 to 512"):
        read_token(tmp_path / "token")


def test_only_the_whole_token_is_the_bearer():
    token = "0123456789abcdef"
    assert is_bearer(f"Bearer {token}", token)
    for header in (
        "",
        token,
        f"bearer {token}",
        f"Bearer {token}x",
        f"Bearer {token[:-1]}",
        "é\udcff",
    ):
        assert not is_bearer(header, token)
