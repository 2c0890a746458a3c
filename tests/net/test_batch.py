"""Records as JSON lines: whatever their bytes are, a server has them from its own JSON parser."""

import json

import pytest

from sluice.net.batch import Batch, request

HEAD = request("host:8080", "/in?a=b", "s3cret")


def lines(batch: Batch) -> list[dict]:
    batch.close()
    head, _, body = bytes(batch.data[: batch.end]).partition(b"\r\n\r\n")
    assert head.startswith(HEAD)
    assert int(head[len(HEAD) :]) == len(body)
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.decode().splitlines()]


def test_the_head_is_http() -> None:
    assert HEAD.split(b"\r\n") == [
        b"POST /in?a=b HTTP/1.1",
        b"Host: host:8080",
        b"User-Agent: sluice",
        b"Content-Type: application/x-ndjson",
        b"Authorization: Bearer s3cret",
        b"Content-Length:",
    ]
    assert b"Authorization" not in request("host", "/")


@pytest.mark.parametrize("step", [1, 3])
def test_each_byte_comes_back(step) -> None:
    every = bytes(range(256)) * 3
    batch = Batch(HEAD, 240)
    records = [every[at : at + 240 // step] for at in range(0, 720, 240)]
    for number, record in enumerate(records):
        batch.add(number, memoryview(record), len(record))
    found = lines(batch)
    assert [line["data"].encode("iso-8859-1") for line in found] == records
    assert [line["number"] for line in found] == [0, 1, 2]


def test_text_is_readable_and_json_is_json_in_it() -> None:
    batch = Batch(HEAD, 64)
    reading = b'{"t": 21.5}'
    batch.add(1_073_741_823, reading + b"more", len(reading))
    batch.add(7, b"", 0)
    assert b'{"number":1073741823,"data":"{\\"t\\": 21.5}"}\n' in batch.data
    assert b'{"number":         7,"data":""}\n' in batch.data
    assert [line["number"] for line in lines(batch)] == [1_073_741_823, 7]
    assert json.loads(lines(batch)[0]["data"]) == {"t": 21.5}


@pytest.mark.parametrize("size", [1, 64, 241])
@pytest.mark.parametrize("byte", [b"\0", b"a"])
def test_there_is_room_for_the_longest_of_each_size(size, byte) -> None:
    batch = Batch(HEAD, size)
    n = len(batch.data)
    assert batch.room() >= 1
    count = 0
    while batch.room():
        batch.add(count, byte * size, size)
        count += 1
    assert batch.count == count == len(lines(batch))
    assert len(batch.data) == n
    assert count <= 96
    batch.clear()
    assert (batch.count, batch.room() >= 1) == (0, True)
    batch.add(5, b"x", 1)
    assert lines(batch) == [{"number": 5, "data": "x"}]
