"""The sink `http` on real MicroPython, at a real web server: faults of server and line."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import web
from publishers import MODULO, Publisher
from web import Request, Rows

PUBLISHER = Path(__file__).with_name("publisher.py")


@pytest.fixture
def post(micropython) -> Callable[..., Publisher]:
    """post(port, records, key=value, ...): a publisher that runs."""
    return lambda port, records, **options: micropython(
        PUBLISHER, port, records, "path=/in", *(f"{key}={value}" for key, value in options.items())
    )


def numbers(rows: Rows) -> list[int]:
    """The records' numbers, counted from the first."""
    return [(row["number"] - rows[0]["number"]) % MODULO for row in rows]


def contents(rows: Rows) -> list[int]:
    return [int(row["data"].rstrip("\0")) for row in rows]


def test_each_record_comes_once_in_order_and_whole_in_one_connection(server, post) -> None:
    publisher = post(server.port, 200, token="s3cret")
    assert publisher.until("end") == "end 200 0 0"
    assert contents(server.received) == numbers(server.received) == list(range(200))
    assert all(len(row["data"]) == 200 for row in server.received[::7])
    fields, rows = server.requests[0]
    assert fields["Authorization"] == "Bearer s3cret"
    assert fields["Host"] == f"localhost:{server.port}"
    assert max(len(rows) for _, rows in server.requests) > 1
    assert len(server.connections) == 1
    assert publisher.told() == ["up"]


def test_a_server_that_dies_and_comes_back_costs_no_attempt_and_no_record(server, post) -> None:
    publisher = post(server.port, 300, rate=200, speed=20)
    publisher.until("taken 100")
    server.kill()
    assert publisher.until("down not reached") == "down not reached: ECONNREFUSED"
    server.start()
    publisher.until("up")
    assert publisher.until("end") == "end 300 0 0"
    assert set(numbers(server.received)) == set(contents(server.received)) == set(range(300))
    assert len(server.received) <= 300 + 16  # what was under way


def test_what_a_stalled_server_did_not_answer_comes_again_with_its_numbers(server, post) -> None:
    over = threading.Event()

    def stall(request: Request) -> None:
        server.received += request.rows
        over.wait()

    server.script = [200, 200, stall]
    publisher = post(server.port, 200, speed=20)
    assert publisher.until("down") == "down no answer for 20 s"
    publisher.until("up")
    assert publisher.until("end") == "end 200 0 0"
    over.set()
    stalled = len(server.requests[2][1])
    assert server.requests[2][1] == server.requests[3][1]
    assert len(server.received) == 200 + stalled
    assert set(numbers(server.received)) == set(contents(server.received)) == set(range(200))


def test_what_a_busy_server_puts_off_is_no_attempt_however_often(server, post) -> None:
    def busy(request: Request) -> None:
        request.reply(429, b"slow down", Retry_After="1")

    server.script = [200, *[busy] * 9]
    publisher = post(server.port, 100, speed=5)
    assert publisher.until("end") == "end 100 0 0"
    assert contents(server.received) == numbers(server.received) == list(range(100))
    assert publisher.lines.count("busy answered 429") == 1
    assert server.requests[1] == server.requests[10]
    assert len(server.connections) == 1


def test_each_failure_of_the_server_is_an_attempt(server, post) -> None:
    server.script = [200, 500, 502, 500, 500, 200]
    publisher = post(server.port, 100, speed=10)
    assert publisher.until("end") == "end 100 0 4"
    assert contents(server.received) == list(range(100))
    assert publisher.told()[1:3] == ["down answered 500", "down answered 502"]


def test_a_record_is_given_up_after_five_failures_and_the_others_come(server, post) -> None:
    server.script = [500] * 5
    publisher = post(server.port, 100, speed=10)
    assert publisher.until("end") == "end 99 1 4"
    assert contents(server.received) == list(range(1, 100))


def test_what_the_server_will_never_take_is_given_up_and_counted(server, post) -> None:
    server.script = [200, 400, 200, 413]
    publisher = post(server.port, 200, speed=10)
    end = publisher.until("end").split()
    lost = server.requests[1][1] + server.requests[3][1]
    assert end == ["end", str(200 - len(lost)), str(len(lost)), "0"]
    assert sorted(contents(server.received) + contents(lost)) == list(range(200))


def chunks(request: Request) -> None:
    request.server.web.received += request.rows
    request.send_response(202)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    for chunk in (b"thank", b" you" * 200, b"!"):
        request.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    request.wfile.write(b"0\r\n\r\n")


def close(request: Request) -> None:
    request.server.web.received += request.rows
    request.reply(200, b"ok", Connection="close")
    request.close_connection = True


def go_on(request: Request) -> None:
    request.send_response_only(100)
    request.end_headers()
    request.server.web.received += request.rows
    request.reply(200)


def talk(request: Request) -> None:
    request.server.web.received += request.rows
    request.reply(200, b"HTTP/1.1 500 no\r\n\r\n" * 500)


@pytest.mark.parametrize("answer", [chunks, close, go_on, talk])
def test_answers_of_other_kinds(server, post, answer) -> None:
    server.script = [answer] * 200
    publisher = post(server.port, 200)
    assert publisher.until("end") == "end 200 0 0"
    assert contents(server.received) == list(range(200))
    assert publisher.told() == ["up"]
    assert (len(server.connections) == 1) == (answer in (chunks, go_on))


def test_what_is_no_web_server_is_said(server, post) -> None:
    def mail(request: Request) -> None:
        request.wfile.write(b"220 mail.example ESMTP\r\n")

    server.script = [mail]
    publisher = post(server.port, 20, speed=20)
    assert publisher.until("down") == "down an answer that is no HTTP/1.1, or too long"
    assert publisher.until("end") == "end 20 0 0"


def test_tls_takes_the_right_certificate_alone(certificates, post) -> None:
    right, wrong = certificates("right"), certificates("wrong")
    with web.running(right) as server:
        publisher = post(server.port, 50, ca=wrong[0].with_suffix(".der"))
        assert publisher.until("down") == (
            "down lost: The certificate is not correctly signed by the trusted CA"
        )
        publisher = post(server.port, 50, ca=right[0].with_suffix(".der"))
        assert publisher.until("end") == "end 50 0 0"
        assert contents(server.received) == list(range(50))
