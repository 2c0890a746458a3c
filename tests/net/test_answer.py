"""What a server may answer (RFC 9112), whole or cut anywhere, and what is no answer."""

import pytest

from sluice.net.answer import GOES_ON, MET, WHOLE, WRONG, Answer


def take(answer: Answer, data: bytes) -> tuple[list[int], bytes]:
    """What it says besides GOES_ON, up to WHOLE or WRONG; and what is left then."""
    said = []
    for i, byte in enumerate(data):
        now = answer.take(byte)
        if now != GOES_ON:
            said.append(now)
        if now in (WHOLE, WRONG):
            return said, data[i + 1 :]
    return said, b""


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data, status, said, closes",
    [
        (OK + b"Content-Length: 0\r\n\r\n", 200, [WHOLE], False),
        (OK + b"content-LENGTH:\t 3 \r\n\r\nabc", 200, [MET, WHOLE], False),
        (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, [MET, WHOLE], False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, [WHOLE], False),
        (b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", 304, [WHOLE], False),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], False),
        (b"HTTP/1.1 200 \nContent-Length: 0\n\n", 200, [WHOLE], False),  # 2.2: a single LF
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], True),
        (OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\nab", 200, [MET, WHOLE], True),
        (OK + b"Connection: close\nConnection: x\nContent-Length: 0\n\n", 200, [WHOLE], True),
        (OK + b"Connection: x,close\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], True),
        (OK + b"\r\n", 200, [WHOLE], True),  # its content ends with the connection
        (OK + b"Content-Length: 4097\r\n\r\n", 200, [WHOLE], True),
        (OK + b"Transfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], True),
        (
            OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n" + b"\n" * 10
            + b"\r\n0\r\nTrailer: x\r\n\r\n",
            200,
            [MET, WHOLE],
            False,
        ),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, [MET, WHOLE], False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1001\r\n", 200, [MET, WHOLE], True),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\nConnection: close\r\n\r\n"
            b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            201,
            [WHOLE],
            False,
        ),
        (OK + b"X-Long: " + b"y" * 4000 + b"\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], False),
        (OK + b"X: a\r\n  folded\r\nContent-Length: 0\r\n\r\n", 200, [WHOLE], False),
    ],
)  # fmt: skip
def test_an_answer_ends_where_it_ends_and_the_next_begins(data, status, said, closes) -> None:
    answer = Answer()
    assert take(answer, data + b"rest") == (said, b"rest")
    assert (answer.status, answer.closes) == (status, closes)
    answer.begin()
    assert take(answer, b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n") == ([WHOLE], b"")
    assert (answer.status, answer.closes, answer.retry_s) == (500, False, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1  200\r\n",
        b"HTTP/1.1 099 x\r\n",
        b"HTTP/1.1 600 x\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\0\x02\x02\x46\n",
        OK + b"no colon\r\n",
        OK + b"Content-Length: -1\r\n",
        OK + b"Content-Length: 3, 3\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n",
        OK + b"Content-Length: \r\n",
        OK + b"Content-Length: 1234567890\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3x\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n00000003\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        OK + b"X: y\r\n" * 2000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 400,
        b"x" * 8193,
    ],
)
def test_what_is_no_answer_is_said(data) -> None:
    said, _ = take(Answer(), data)
    assert said[-1:] == [WRONG]


def test_a_short_line_is_not_taken_for_what_stood_in_its_place_before() -> None:
    answer = Answer()
    said, _ = take(answer, OK + b"Content-Length: 3\r\nCon:\r\n\r\nabc")
    assert said == [MET, WHOLE]
    answer.begin()
    said, _ = take(answer, b"HTTP/1.1 20\r\n")
    assert said == [WRONG]


@pytest.mark.parametrize(
    "value, seconds",
    [
        (b"7", 7),
        (b"0", 0),
        (b"3601", 3600),
        (b"999999999", 3600),
        (b"9999999999", 0),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", 0),
        (b"-3", 0),
    ],
)
def test_a_time_to_wait_is_in_seconds_and_an_hour_at_most(value, seconds) -> None:
    answer = Answer()
    take(answer, b"HTTP/1.1 429 x\r\nRetry-After: " + value + b"\r\nContent-Length: 0\r\n\r\n")
    assert answer.retry_s == seconds


def test_it_has_begun_with_its_first_byte() -> None:
    answer = Answer()
    assert not answer.begun
    answer.take(72)
    assert answer.begun
    answer.begin()
    assert not answer.begun
