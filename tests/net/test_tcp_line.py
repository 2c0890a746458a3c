"""The board's line over TCP: the program on real MicroPython, the host's own commands, sockets."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from feeding import SLUICE, finish, start_feed
from listening import KEY

from sluice_tools.errors import UserError
from sluice_tools.serial import key as keys
from sluice_tools.serial.port import Port
from sluice_tools.serial.tcp import TcpLine
from sluice_tools.serial.url import open_port

WIFI = {"wifi_ssid": "home", "wifi_password": "wlan s3cret"}
RECORDS = 600
IDLE = Path(__file__).with_name("idle_client.py")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("time,x\n" + "".join(f"{i / 1000},{i}\n" for i in range(RECORDS)))
    return path


def feed(url: str, log: Path, *options: object) -> subprocess.Popen[str]:
    return start_feed(url, log, "--json", "--speed", "1", *map(str, options))


def all_once(fed: subprocess.Popen[str]) -> None:
    code, account, errors = finish(fed)
    assert code == 0, errors
    assert (account["sent"], account["delivered"], account["lost"]) == (RECORDS, RECORDS, 0)


def sluice(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SLUICE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )


def test_records_come_once_and_settings_are_set_meanwhile(board, log) -> None:
    there = board(rate=200)
    fed = feed(there.url, log)
    there.until("event=tcp state=up")
    # By the feed's connection, as at each other port.
    changed = sluice("set", "--port", there.url, "rate=300")
    assert changed.returncode == 0 and "300" in changed.stdout, changed.stderr
    all_once(fed)
    assert there.lost() == "it left"
    audit = sluice("audit", "--port", there.url)
    assert "rate  200 -> 300" in audit.stdout, audit.stderr
    looked = sluice("doctor", "--port", there.url)
    assert looked.returncode == 0 and "Sluice runs on it, and takes this key" in looked.stdout
    assert [there.lost(), there.lost()] == ["it left", "it left"]
    assert "state=refused" not in "\n".join(there.lines)


def test_a_guest_goes_on_in_a_connection_of_its_own_when_the_owner_is_killed(board, log) -> None:
    there = board(rate=200, stats_ms=500)
    owner = subprocess.Popen(
        [SLUICE, "console", "--plain", "--port", there.url], stdout=subprocess.PIPE, text=True
    )
    with owner:
        there.until("event=tcp state=up")
        fed = feed(there.url, log)
        assert owner.stdout
        while not re.search("qps [1-9]", owner.stdout.readline()):
            pass
        owner.kill()
        assert there.lost() == "it left"
        there.until("event=tcp state=up")
        all_once(fed)


def test_the_console_shows_the_line_that_is_on_the_way(board) -> None:
    there = board(stats_ms=100)
    shown = subprocess.Popen(
        [SLUICE, "console", "--plain", "--port", there.url], stdout=subprocess.PIPE, text=True
    )
    with shown:
        assert shown.stdout
        for line in shown.stdout:
            if "qps" in line:
                break
        else:
            pytest.fail("no statistics")
        shown.kill()
    assert there.lost() == "it left"
    there.until("event=stats")


@pytest.mark.parametrize("command", [["flash", "--board", "rp2040"], ["bench", "--program"]])
def test_what_needs_the_repl_says_so(command) -> None:
    done = sluice(*command, "--port", "tcp://127.0.0.1:9")
    assert done.returncode != 0
    assert "needs the board's REPL, which is on its USB cable alone" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_consoles_ctrl_c_stops_the_program_whoever_has_the_line(board) -> None:
    there = board()
    line = TcpLine(("127.0.0.1", there.port), KEY)
    there.until("event=tcp state=up")
    there.type("\r\3")
    assert there.lost() == "the program ends"
    there.until("event=stop")
    there.until("the REPL has the line")
    with pytest.raises(ConnectionError):
        while line.read():
            pass
    line.close()


def test_turns_in_which_nothing_comes_take_nothing_from_the_heap(micropython) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    idle = micropython(IDLE, port)
    assert [idle.until("idle"), idle.until("idle")] == [
        "idle 0",
        "idle 0",
    ]  # without a client, with


def test_a_ctrl_c_that_comes_over_tcp_does_not(board, log) -> None:
    there = board()
    line = TcpLine(("127.0.0.1", there.port), KEY)
    line.write(b"\r\3\r\3")
    assert there.lost() == "Ctrl-C, which the console alone may send"
    line.close()
    all_once(feed(there.url, log))


def test_another_client_is_told_that_it_is_in_use_until_the_first_is_silent(board, log) -> None:
    there = board()
    silent = TcpLine(("127.0.0.1", there.port), KEY)  # nobody reads it, so it never asks
    with pytest.raises(UserError, match=r"in use by another client"):
        open_port(there.url)
    while b'state=refused reason="in use"' not in silent.read():
        pass
    assert there.lost() == "silent for 5 s"
    all_once(feed(there.url, log))
    silent.close()


def test_a_board_that_is_gone_without_a_word_is_noticed(board, monkeypatch) -> None:
    monkeypatch.setattr("sluice_tools.serial.tcp._SILENT_S", 2)
    there = board()
    line = TcpLine(("127.0.0.1", there.port), KEY)
    there.until("event=tcp state=up")
    os.kill(there.pid, 19)  # SIGSTOP
    with pytest.raises(ConnectionError, match="no word of the board for 2 s"):
        while line.read():
            pass
    line.close()
    os.kill(there.pid, 18)
    assert there.lost() == "it left"


def test_without_wi_fi_the_console_has_the_line_and_then_a_new_connection(
    board, log, tmp_path
) -> None:
    in_range = tmp_path / "flash" / "range"
    in_range.touch()
    there = board(secrets=WIFI, rate=200, stats_ms=100)
    assert "event=wifi state=up" in there.lines
    fed = feed(there.url, log)
    there.until("event=tcp state=up")
    in_range.unlink()
    assert there.lost() == "no network"
    there.until("event=stats")
    in_range.touch()
    there.until("event=tcp state=listening")
    all_once(fed)


@pytest.mark.parametrize(
    ("key", "secrets", "config", "says"),
    [
        (None, None, {}, 'key=listen value=2323 allowed="with a key: sluice flash --key FILE"'),
        ("5ecre7", None, {}, 'key=link.key value="(not shown)" allowed="64 hexadecimal digits"'),
        ("x" * 64, None, {}, 'key=link.key value="(not shown)" allowed="64 hexadecimal digits"'),
        (KEY.hex(), "5ecre7", {}, 'key=secrets.json value="(not shown)" allowed="an object'),
        (KEY.hex(), None, {"listen": 0}, "key=listen value=0 allowed="),
        (KEY.hex(), None, {"light_sleep_ms": 10}, 'allowed="null when listen is 2323: a radio'),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(start, key, secrets, config, says) -> None:
    console = start(key, secrets, **{"listen": 2323, **config})
    console.until("event=start")
    errors = [line for line in console.lines if "config_error" in line]
    assert len(errors) == 1 and says in errors[0]
    assert "5ecre7" not in errors[0]


def test_a_port_that_is_taken_is_said_and_tried_again(board, start) -> None:
    there = board()
    second = start(KEY.hex(), None, listen=there.port)
    said = second.until("event=tcp state=down")
    assert said == f'event=tcp state=down reason="port {there.port}: EADDRINUSE"'
    there.type("\r\3")
    there.until("the REPL has the line")
    second.until("event=tcp state=listening")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("tcp://127.0.0.1", "write tcp://HOST:PORT"),
        ("tcp://127.0.0.1:1", "nothing listens there"),
    ],
)
def test_a_port_that_is_none_is_one_line(url, reason, mine) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        Port(url, lambda _: None, lambda _: None).start()
    assert "\n" not in caught.value.format_message()


def test_a_key_is_needed_and_checked(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    with pytest.raises(UserError, match=r"SLUICE_KEY=FILE"):
        open_port("tcp://127.0.0.1:1")
    path = tmp_path / "key"
    monkeypatch.setenv(keys.VARIABLE, str(path))
    with pytest.raises(UserError, match="key: No such file"):
        open_port("tcp://127.0.0.1:1")
    path.write_text("5ecre7")
    with pytest.raises(UserError, match="no key: 64 hexadecimal digits") as caught:
        open_port("tcp://127.0.0.1:1")
    assert "5ecre7" not in str(caught.value)


def test_a_server_of_something_else_is_said(mine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        asking = subprocess.Popen(
            [SLUICE, "audit", "--port", url], stderr=subprocess.PIPE, text=True
        )
        with asking:
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
            _, errors = asking.communicate(timeout=100)
            connection.close()
    assert "no Sluice listens there" in errors and errors.count("\n") == 1
