"""What docs/tcp.md tells a reader to write and to run works; the bytes on docs/link.md are true."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from feeding import SLUICE
from listening import KEY
from streams import Stream

from host_sim import FIRMWARE
from sluice.net.handshake import YOURS, Handshake
from sluice.net.hmac import Hmac
from sluice.net.messages import Messages
from sluice.program.config import check
from sluice_tools.board.flash import secrets

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tcp.md").read_text()
TOLD = re.findall(
    r"^    (CHALLENGE|ANSWER|VERDICT|to board|to host|MESSAGE) +((?:[0-9a-f]{2} ?)+)$",
    (DOCS / "link.md").read_text(),
    re.MULTILINE,
)


def test_the_files_on_the_page_are_good(tmp_path) -> None:
    config, secret = [
        json.loads(text) for text in re.findall(r"^ +\{\n.*?\n +\}$", PAGE, re.M | re.S)
    ]
    assert check(config, 1000)["listen"] == 2323
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(secret))
    assert json.loads(secrets.read(path, FIRMWARE)) == secret


def test_the_commands_on_the_page_work(board, tmp_path) -> None:
    commands = re.findall(r"^    (?:sluice) (\S+ --port tcp://.*)$", PAGE, re.MULTILINE)
    names = [command.split()[0] for command in commands]
    assert names == ["feed", "set", "audit", "doctor", "console"]
    assert re.search(r"^    export SLUICE_KEY=board.key$", PAGE, re.MULTILINE)
    there = board()
    (tmp_path / "log.csv").write_text("time,x\n0.1,1\n0.2,2\n")
    for command in commands[:-1]:
        words = command.replace("tcp://192.168.1.40:2323", there.url).split()
        done = subprocess.run(
            [SLUICE, *words], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_lines_on_the_page_are_those_of_the_board() -> None:
    sources = "".join(
        (FIRMWARE / "sluice" / name).read_text()
        for name in (
            "net/handshake.py",
            "net/messages.py",
            "program/tcp_line.py",
        )
    )
    for reason in ("it left", "wrong MAC", "wrong length", "no network", "wrong key", "in use"):
        assert f'"{reason}"' in sources and f'"{reason}' in PAGE
    assert '"silent for %d s"' in sources and '"no answer for %d s"' in sources


@pytest.fixture
def nonce(monkeypatch) -> bytes:
    drawn = bytes(range(0xA0, 0xB0))
    monkeypatch.setattr(os, "urandom", lambda n: drawn[:n])
    return drawn


class Socket(Stream):
    def write(self, buf, at=0, n=None):
        return super().write(buf, at, len(buf) if n is None else n)

    def readinto(self, buf, n=None):
        return super().readinto(buf if n is None else memoryview(buf)[:n])


def test_the_example_on_the_links_page_is_what_the_board_hears_and_says(nonce) -> None:
    told = [bytes.fromhex(text) for _, text in TOLD]
    assert len(told) == 7
    challenge, answer, verdict, to_board, to_host, asks, says = told
    socket = Socket()
    socket.incoming = [answer, asks]
    handshake = Handshake(socket, Hmac(KEY))
    handshake.advance()
    assert socket.sent == challenge and nonce in challenge
    handshake.advance()
    assert handshake.proven
    handshake.end(YOURS)
    assert socket.sent == challenge + verdict
    socket.sent = b""
    hears, sends = handshake.keys()
    assert hears.code(b"x") == Hmac(to_board).code(b"x")
    assert sends.code(b"x") == Hmac(to_host).code(b"x")
    messages = Messages()
    messages.begin(socket, hears, sends)
    messages.write(b"hello\r\n", 7)
    messages.readinto(bytearray(64))
    assert (messages.fault, socket.sent) == ("", says)
