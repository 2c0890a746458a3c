"""The board's program with the sink `http`, on real MicroPython, at a real web server."""

import base64
import re
import struct

import pytest
import web
from publishers import Publisher
from web import Web


def pulses(server: Web) -> list[int]:
    """Their numbers, as the board's source counts them."""
    data = [row["data"].encode("iso-8859-1") for row in server.received]
    return [struct.unpack("<II", each)[0] for each in data]


def events(publisher: Publisher) -> list[str]:
    return [line for line in publisher.lines if line.startswith("event=http")]


def test_pulses_come_to_the_server_with_the_token_from_the_secrets(server, station) -> None:
    url = f"http://localhost:{server.port}/in/{{board}}?x=y"
    publisher = station(200, {"http_token": "s3cret"}, http=url, watchdog_ms=5000)
    loaded = publisher.until("loaded").split()
    assert "sluice.net.http" in loaded and "sluice.net.mqtt" not in loaded
    assert publisher.until("end") == "end 200 0 0 joins 0"
    assert events(publisher) == ["event=http state=up"]
    first = pulses(server)[0]
    assert pulses(server) == list(range(first, first + 200))
    fields, _ = server.requests[0]
    assert fields["Authorization"] == "Bearer s3cret"
    assert server.paths == {"/in/unix-0a0b?x=y"}
    assert "s3cret" not in "\n".join(publisher.lines)


def test_records_that_can_be_overwritten_do_not_wait_for_others(server, station) -> None:
    url = f"http://localhost:{server.port}"
    publisher = station(30, {}, http=url, overflow="overwrite")
    assert publisher.until("end") == "end 30 0 0 joins 0"
    assert [len(rows) for _, rows in server.requests] == [1] * 30
    assert server.paths == {"/"}


def test_tls_with_the_certificate_from_the_secrets(certificates, station) -> None:
    certificate, key = certificates("right")
    with web.running((certificate, key)) as server:
        der = base64.b64encode(certificate.with_suffix(".der").read_bytes()).decode()
        publisher = station(20, {"http_ca": der}, http=f"https://localhost:{server.port}/")
        assert publisher.until("end") == "end 20 0 0 joins 0"
        assert len(server.received) == 20


def test_what_a_server_will_never_take_is_told_and_counted(server, station) -> None:
    server.script = [404]
    publisher = station(100, {}, http=f"http://localhost:{server.port}/", rate=1000)
    end = publisher.until("end").split()
    lost = len(server.requests[0][1])
    assert end[:4] == ["end", str(100 - lost), str(lost), "0"]
    assert publisher.lines.count("event=given_up bytes=8") == lost
    assert events(publisher) == [
        'event=http state=down reason="answered 404"',
        "event=http state=up",
    ]


@pytest.mark.parametrize(
    ("secrets", "config", "says"),
    [
        ({}, {"http": None}, "key=http value=null allowed="),
        ({}, {"http": "mqtt://h"}, 'key=http value="mqtt://h" allowed="http://HOST[:PORT][/PATH]'),
        ({}, {"http": "http://"}, "key=http value="),
        ({}, {"http": "http://h:99999/"}, "key=http value="),
        ({}, {"http": "http://h?a"}, "key=http value="),
        ({}, {"http": "http://h/a b"}, 'allowed="a path without spaces and #'),
        ({}, {"http": "http://h/{number}"}, 'allowed="a path without spaces and #'),
        ({}, {"http": "http://anna:s3cret@h/"}, 'key=http value="(not shown)" allowed="no user'),
        ({}, {"http": "https://h"}, 'key=secrets.json value="(not shown)" allowed="with a http_ca'),
        ({"http_ca": "s3cret"}, {"http": "https://h"}, 'allowed="http_ca: a certificate"'),
        ({"http_token": "s3cret x"}, {}, 'value="(not shown)" allowed="http_token: characters'),
        ({"http_token": "s3cret\r\nX: y"}, {}, 'allowed="http_token: characters'),
        ({"http_token": "s3cret" * 50}, {}, 'allowed="http_token: a text of 1 to 256 bytes"'),
        ({}, {"watchdog_ms": 4999}, 'allowed="5000 or more, or null, when sink is http"'),
        ({}, {"light_sleep_ms": 10}, 'allowed="null when sink is http: a radio'),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(station, secrets, config, says) -> None:
    publisher = station(0, secrets, **{"http": "http://h", **config})
    publisher.until("loaded")
    errors = [line for line in publisher.lines if "config_error" in line]
    assert len(errors) == 1 and says in errors[0]
    assert "s3cret" not in errors[0]


def test_a_server_that_puts_records_off_lowers_the_rate(server, station) -> None:
    def busy(request: web.Request) -> None:
        request.reply(429, Retry_After="1")

    server.script = [200, busy, busy]
    url = f"http://localhost:{server.port}/"
    publisher = station(
        300, {}, http=url, rate=400, control="rate", rate_low=10, target_ms=3600000, stats_ms=100
    )
    assert publisher.until("end") == "end 300 0 0 joins 0"
    rates = [int(rate) for rate in re.findall(r" rate=(\d+) ", "\n".join(publisher.lines))]
    assert sorted(set(rates[: rates.index(100)])) == [200, 400]
    assert 100 < rates[-1] < 400
    assert len(server.received) == 300
