"""The sources `uart` and `adc` on the virtual board, and nothing but their records is sent."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flashed import flash

from sluice_tools.vboard import VirtualBoard

DEADLINE_S = 120


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[tuple[VirtualBoard, Path, Path]]:
    """A board, and what comes in on its UART and goes out."""
    coming, sent = tmp_path / "coming", tmp_path / "sent"
    coming.write_bytes(b"before the board was on\n")
    with VirtualBoard(uart1=sent, uart1_input=coming) as board:
        yield board, coming, sent


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def until(line: socket.socket, pattern: bytes) -> bytes:
    heard = b""
    while not re.search(pattern, heard, re.DOTALL):
        got = line.recv(4096)
        assert got, heard
        heard += got
    return heard


def test_lines_come_in_at_the_rate_and_none_is_lost(
    wires: tuple[VirtualBoard, Path, Path],
) -> None:
    board, coming, sent = wires
    lines = [b"line %d" % n for n in range(300)]
    with socket.create_connection(
        ("127.0.0.1", int(board.url.rpartition(":")[2])), DEADLINE_S
    ) as console:
        flash(board, source="uart", sink="uart", rate=200, slots=4, stats_ms=100, slot_size=16)
        until(console, rb"event=start version=\S+ board=virtual source=uart sink=uart .*up_s=")
        append(coming, b"\r\n".join(lines) + b"\r\n")
        said = until(console, rb"admitted=300 [^\n]*\n")
        append(coming, b"this line is longer than 16 bytes\nlast\n")
        said += until(console, rb"admitted=301 [^\n]* bad_frames=1 [^\n]*\n")
    assert sent.read_bytes() == b"".join(lines) + b"last"
    assert b"rejected=0" in said and not re.search(rb"rejected=[1-9]", said)
    assert b"Traceback" not in said


def test_a_silence_ends_a_record(wires: tuple[VirtualBoard, Path, Path]) -> None:
    board, coming, sent = wires
    with socket.create_connection(
        ("127.0.0.1", int(board.url.rpartition(":")[2])), DEADLINE_S
    ) as console:
        flash(board, source="uart", sink="uart", uart_silence_ms=20, stats_ms=100)
        until(console, rb"event=start .*up_s=")
        append(coming, b"\0\n\3")
        until(console, rb"admitted=1 ")
        append(coming, b"x" * 65)
        until(console, rb"admitted=1 [^\n]* bad_frames=1 ")
    assert sent.read_bytes() == b"\0\n\3"


def test_readings_of_the_analog_input_come_in_time(
    wires: tuple[VirtualBoard, Path, Path],
) -> None:
    board, _, sent = wires
    with socket.create_connection(
        ("127.0.0.1", int(board.url.rpartition(":")[2])), DEADLINE_S
    ) as console:
        flash(board, source="adc", sink="uart", timer_ms=20, stats_ms=100)
        said = until(console, rb"source=adc sink=uart .* admitted=[2-9]\d ")
    assert b"Traceback" not in said
    data = sent.read_bytes()
    whole = len(data) // 6 * 6
    readings = [
        (
            int.from_bytes(data[at : at + 4], "little"),
            int.from_bytes(data[at + 4 : at + 6], "little"),
        )
        for at in range(0, whole, 6)
    ]
    assert len(readings) >= 20
    for tick, value in readings:  # the board's saw-tooth: a second long, and read a little later
        assert (value * 999 / 65535 - tick) % 1000 < 100 or (tick - value * 999 / 65535) % 1000 < 2
    assert all(
        later[0] - sooner[0] > 0 for sooner, later in zip(readings, readings[1:], strict=False)
    )
