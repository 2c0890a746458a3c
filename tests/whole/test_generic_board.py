"""The generic board's files on the virtual board, whose REPL they use as any other's."""

import re
import socket
from functools import partial
from pathlib import Path

import pytest
from feeding import finish, start_feed
from flashed import flash_as

from sluice_tools.vboard import VirtualBoard

DEADLINE_S = 120
flash = partial(flash_as, "generic")


def test_it_is_fed_and_sends_back_and_has_a_timer(vboard: VirtualBoard, tmp_path: Path) -> None:
    done = flash(vboard, tmp_path, rate=2000, burst=50)
    assert done.returncode == 0, done.stdout + done.stderr
    log = tmp_path / "log"
    log.write_text("".join(f"record {n}\n" for n in range(1000)))
    with log.open() as lines:
        status, account, errors = finish(start_feed(vboard.url, "-", "--json", stdin=lines))
    assert status == 0, errors
    assert (account["delivered"], account["lost"]) == (1000, 0)

    done = flash(vboard, tmp_path, source="timer", timer_ms=10, sink="null", stats_ms=100)
    assert done.returncode == 0, done.stdout + done.stderr
    address = ("127.0.0.1", int(vboard.url.rpartition(":")[2]))
    heard = b""
    with socket.create_connection(address, DEADLINE_S) as console:
        while not re.search(rb"admitted=[1-9]", heard):
            heard += console.recv(4096)
        console.sendall(b"\x03")
        while b"event=stop" not in heard:
            heard += console.recv(4096)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"sink": "uart"},
            'sink is "uart", allowed: another, or open_uart in boards/generic/board',
        ),
        ({"source": "uart"}, 'source is "uart", allowed: another, or open_uart in boards/generic'),
        ({"source": "pin"}, 'source is "pin", allowed: another, or pulse_irq in boards/generic/b'),
        ({"light_sleep_ms": 50}, "light_sleep_ms is 50, allowed: null"),
    ],
)
def test_what_it_has_not_is_told(
    vboard: VirtualBoard, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    done = flash(vboard, tmp_path, **values)
    assert done.returncode == 1 and told in done.stderr
    assert len(done.stderr.splitlines()) == 1
