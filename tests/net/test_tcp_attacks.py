"""Attacks on the line over TCP. Each ends soon and is logged; whoever has the key loses nothing."""

import hmac
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from feeding import finish, start_feed
from listening import (
    ANSWER,
    CHALLENGE,
    KEY,
    TO_BOARD,
    TO_HOST,
    VERDICT,
    Listening,
    between,
    message,
    read,
)

from sluice_tools.serial.tcp import TcpLine

RECORDS = 600
BEGIN = b"sluice\1"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("time,x\n" + "".join(f"{i / 1000},{i}\n" for i in range(RECORDS)))
    return path


@contextmanager
def fed(url: str, log: Path) -> Iterator[None]:
    """All records of the log come to the board once, whatever is done meanwhile."""
    process = start_feed(url, log, "--json", "--speed", "1")
    try:
        yield
        code, account, errors = finish(process)
    finally:
        process.kill()
    assert code == 0, errors
    assert (account["sent"], account["delivered"], account["lost"]) == (RECORDS, RECORDS, 0)


def line(there: Listening, key: bytes = KEY) -> TcpLine:
    return TcpLine(("127.0.0.1", there.port), key)


def ended(connection: socket.socket) -> bool:
    """Whether the board has ended it, and said nothing more."""
    with connection:
        return read(connection, 1) == b""


def test_a_session_that_was_recorded_is_worth_nothing_in_another_connection(board, log) -> None:
    there = board()
    with between(there) as way:
        with fed(way.url, log):
            pass
        there.lost()
        recorded = bytes(way.sent[0])
    assert len(recorded) > ANSWER + RECORDS
    attacker = there.connect()
    read(attacker, CHALLENGE)
    attacker.sendall(recorded)
    assert there.refused() == "wrong key; refused so far: 1"
    assert ended(attacker)
    stats = there.until("event=stats")
    assert f"admitted={RECORDS} " in stats


def alter(data: bytes) -> bytes:
    return data[:4] + bytes([data[4] ^ 1]) + data[5:]


def lie(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


SPOILT = {
    "changed": (alter, "wrong MAC"),
    "its MAC changed": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "wrong MAC"),
    "repeated": (lambda data: data + data, "wrong MAC"),
    "left out": (lambda data: b"", "wrong MAC"),
    "its length changed": (lie, "wrong MAC"),
    "a length that none has": (lambda data: b"\x01\x04" + data[2:], "wrong length"),
    "made up before it": (lambda data: b"\1\0\0" + bytes(16) + data, "wrong MAC"),
}


@pytest.mark.parametrize("direction", [TO_BOARD, TO_HOST])
@pytest.mark.parametrize("what", SPOILT)
def test_what_is_done_to_a_message_on_the_way_ends_the_connection(
    board, log, direction, what
) -> None:
    change, reason = SPOILT[what]
    there = board(rate=300)

    def spoil(way: int, number: int, data: bytes) -> bytes:
        return change(data) if (way, number) == (direction, 12) else data

    with between(there, spoil) as way, fed(way.url, log):
        there.until("event=tcp state=up")
        assert there.lost() == (reason if direction == TO_BOARD else "it left")
        there.until("event=tcp state=up")
    assert there.lost() == "it left"
    assert len(way.sent) == 2


def test_two_messages_that_change_places_end_the_connection(board, log) -> None:
    there = board(rate=300)
    kept = []

    def spoil(way: int, number: int, data: bytes) -> bytes:
        if way == TO_BOARD and number == 12:
            kept.append(data)
            return b""
        return data + kept.pop() if way == TO_BOARD and kept else data

    with between(there, spoil) as way, fed(way.url, log):
        assert there.lost() == "wrong MAC"
    assert there.lost() == "it left"


def test_what_the_board_says_is_no_answer_to_itself(board) -> None:
    there = board()
    mirror = there.connect()
    challenge = read(mirror, CHALLENGE)
    mirror.sendall(challenge + challenge + bytes(ANSWER - 2 * CHALLENGE))
    assert there.refused().startswith("wrong key")
    assert ended(mirror)


@contextmanager
def refused_by_the_host() -> Iterator[socket.socket]:
    """A connection in which the real host connects to whoever plays the board, and refuses it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        reason = []

        def connect() -> None:
            with pytest.raises(ConnectionError) as caught:
                TcpLine(server.getsockname(), KEY)
            reason.append(str(caught.value))

        host = threading.Thread(target=connect)
        host.start()
        connection, _ = server.accept()
        with connection:
            yield connection
            host.join()
    assert reason == ["it does not have this key: not the board that it was put on"]


def test_what_the_host_says_is_no_answer_to_itself() -> None:
    with refused_by_the_host() as connection:
        connection.sendall(BEGIN + bytes(16))
        proof = read(connection, ANSWER)[-32:]
        connection.sendall(b"\0" + proof)


def test_a_message_that_comes_back_to_its_sender_is_none(board) -> None:
    there = board()
    nonce = os.urandom(16)
    connection = there.connect()
    nonces = read(connection, CHALLENGE) + nonce
    connection.sendall(BEGIN + nonce + hmac.digest(KEY, b"host" + nonces, "sha256"))
    assert read(connection, VERDICT)[:1] == b"\0"
    there.until("event=tcp state=up")
    connection.sendall(message(connection))  # a line of statistics
    assert there.lost() == "wrong MAC"
    connection.close()


def test_a_verdict_cannot_be_turned_round(board) -> None:
    """`in use` that somebody makes `yours` of is no proof."""
    there = board()
    first = line(there)
    with there.connect() as onward, refused_by_the_host() as connection:
        connection.sendall(read(onward, CHALLENGE))
        onward.sendall(read(connection, ANSWER))
        connection.sendall(b"\0" + read(onward, VERDICT)[1:])
    first.close()


def test_garbage_is_refused_at_its_first_bytes_however_long_it_is(board, log) -> None:
    there = board()
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0", os.urandom(100_000), b"sluice\2" + bytes(48)):
        attacker = there.connect()
        read(attacker, CHALLENGE)
        with suppress(OSError):  # the board has ended it before all was sent
            attacker.sendall(garbage)
        assert there.refused().startswith("no answer of this protocol; refused so far: ")
        assert ended(attacker)
    with fed(there.url, log):
        pass


def test_wrong_keys_are_slowed_down_and_logged(board) -> None:
    there = board(stats_ms=100)
    wrong = KEY[:-1] + b"\0"
    stop = threading.Event()

    def guess() -> None:
        while not stop.is_set():
            with suppress(OSError):
                line(there, wrong)

    guessing = threading.Thread(target=guess)
    guessing.start()
    assert there.refused() == "wrong key; refused so far: 1"
    seen = len(there.lines)
    while there.refused() != "wrong key; refused so far: 9":
        pass
    stop.set()
    guessing.join()
    # By the board's own clock: 4 at once, then one a second.
    stats = [text for text in there.lines[seen:] if text.startswith("event=stats")]
    up_s = [int(text.split("up_s=")[1].split()[0]) for text in stats]
    assert up_s[-1] - up_s[0] >= 3
    there.type("\r\3")
    there.until("the REPL has the line")


def test_half_open_connections_are_ended_and_whoever_has_the_line_keeps_it(board, log) -> None:
    there = board(rate=100)
    with fed(there.url, log):
        there.until("event=tcp state=up")
        silent = there.connect()
        slow = there.connect()
        assert read(silent, CHALLENGE)[:7] == BEGIN
        assert ended(silent)
        assert read(slow, CHALLENGE)[:7] == BEGIN
        slow.sendall(BEGIN[:3])
        assert ended(slow)
    assert there.lost() == "it left"


def test_a_half_open_connection_keeps_a_client_waiting_for_seconds(board) -> None:
    there = board()
    silent = there.connect()
    read(silent, CHALLENGE)
    waiting = line(there)
    assert ended(silent)
    assert there.refused() == "no answer for 3 s; refused so far: 1"
    there.until("event=tcp state=up")
    waiting.close()


def test_a_flood_of_connections_takes_bounded_memory_and_shuts_nobody_out(board, log) -> None:
    there = board(rate=100)
    descriptors = Path(f"/proc/{there.pid}/fd")
    before = len(list(descriptors.iterdir()))
    most = 0
    flood = []
    with fed(there.url, log):
        there.until("event=tcp state=up")
        for _ in range(200):
            attacker = socket.socket()
            attacker.setblocking(False)
            attacker.connect_ex(("127.0.0.1", there.port))
            flood.append(attacker)
            most = max(most, len(list(descriptors.iterdir())))
        for attacker in flood:
            with suppress(OSError):  # it is not connected, or not any more
                attacker.send(b"x" * 100)
            most = max(most, len(list(descriptors.iterdir())))
    assert most <= before + 2  # who has the line, and one newcomer
    assert there.lost() == "it left"
    for attacker in flood:
        attacker.close()
    with fed(there.url, log):
        pass


def test_a_client_that_is_cut_in_the_middle_of_a_frame_confuses_nobody(board, log) -> None:
    there = board()
    first = line(there)
    first.write(b"\0\x09\x82\x01")  # the beginning of a frame
    there.until("event=tcp state=up")
    first.close()
    assert there.lost() == "it left"
    with fed(there.url, log):
        pass
    there.until("event=stats")
    there.type("\0\x09")  # one of the console's, too
    with fed(there.url, log):
        pass
