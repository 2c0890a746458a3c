"""The board's program with the sink `mqtt`, on real MicroPython, at a real broker."""

import base64

import mosquitto
import pytest
from publishers import Publisher, numbers

from sluice_tools.serial.logfmt import parse

WIFI = {"wifi_ssid": "home", "wifi_password": "wlan s3cret"}


def events(publisher: Publisher) -> list[str]:
    return [line for line in publisher.lines if line.startswith(("event=mqtt", "event=wifi"))]


def test_without_it_nothing_of_it_is_loaded(station) -> None:
    publisher = station(0, None, sink="null")
    assert publisher.until("loaded") == "loaded"


def test_pulses_come_to_the_broker_under_the_board_s_name(broker, station) -> None:
    publisher = station(30, None, mqtt=f"mqtt://localhost:{broker.port}", watchdog_ms=5000)
    assert publisher.until("end") == "end 30 0 0 joins 0"
    assert events(publisher) == ["event=mqtt state=up"]
    assert all(topic.startswith("sluice/unix-0a0b/") for topic in broker.received())
    assert numbers(broker.received(), level=2) == list(range(30))


def test_an_outage_of_broker_and_wi_fi_costs_no_record(tmp_path, broker, station) -> None:
    (tmp_path / "range").touch()
    publisher = station(
        400, WIFI, mqtt=f"mqtt://localhost:{broker.port}/a/{{number}}/b", rate=100, stats_ms=100
    )
    publisher.until("event=mqtt state=up")
    publisher.until("event=stats")
    (tmp_path / "range").unlink()
    broker.kill()
    publisher.until("event=mqtt state=down")
    assert publisher.until("event=wifi") == "event=wifi state=down"
    broker.start()
    (tmp_path / "range").touch()
    publisher.until("event=wifi state=up")
    publisher.until("event=mqtt state=up")
    end = publisher.until("end").split()
    assert end[:4] == ["end", "400", "0", "0"]
    assert set(numbers(broker.received())) == set(range(400))
    assert "s3cret" not in "\n".join(publisher.lines)


def test_records_on_flash_outlive_cuts_of_the_power_and_keep_their_numbers(broker, station) -> None:
    url = f"mqtt://localhost:{broker.port}/a/{{number}}"
    config = {"mqtt": url, "slots": 16, "store": 500, "stats_ms": 100}
    broker.kill()
    first = station(300, None, takes=301, rate=None, **config)
    kept = 0
    while kept < 200:
        kept = int(parse(first.until("event=stats"))["kept"])
    first.kill()
    broker.start()
    second = station(0, None, takes=301, rate=100, **config)
    while len(broker.received()) < 40:
        second.until("event=stats")
    second.kill()
    taken = len(broker.received())
    third = station(0, None, takes=400, rate=None, **config)
    while not set(range(kept)) <= set(numbers(broker.received())):
        third.until("event=stats")
    again = numbers(broker.received())[taken:]
    assert again == [*range(again[0], again[0] + len(again))]  # in order, what came twice too
    assert again[0] <= taken


@pytest.mark.parametrize(
    ("secrets", "config", "says"),
    [
        (None, {"mqtt": None}, "key=mqtt value=null allowed="),
        (None, {"mqtt": "http://host"}, 'key=mqtt value="http://host" allowed="mqtt://HOST'),
        (None, {"mqtt": "mqtt://:1"}, "key=mqtt value="),
        (None, {"mqtt": "mqtt://h:0"}, "key=mqtt value="),
        (None, {"mqtt": "mqtt://h:x"}, "key=mqtt value="),
        (None, {"mqtt": "mqtt://h/a/#"}, "key=mqtt value="),
        (None, {"mqtt": "mqtt://h/{number}{number}"}, "key=mqtt value="),
        (None, {"mqtt": "mqtt://anna:s3cret@h"}, 'key=mqtt value="(not shown)" allowed="no user'),
        (None, {"mqtt": "mqtts://h"}, 'key=secrets.json value="(not shown)" allowed="with a mqtt_'),
        (
            {"mqtt_ca": "s3cret"},
            {"mqtt": "mqtts://h"},
            'value="(not shown)" allowed="mqtt_ca: a ce',
        ),
        ({"mqtt_ca": "czNjcmV0"}, {"mqtt": "mqtts://h"}, 'value="(not shown)" allowed="mqtt_ca: '),
        ("torn", {}, 'key=secrets.json value="(not shown)" allowed="JSON"'),
        (["s3cret"], {}, 'key=secrets.json value="(not shown)" allowed="an object'),
        ({"s3cret": "s3cret"}, {}, 'allowed="only the names wifi_ssid wifi_password mqtt_user'),
        ({"wifi_ssid": "s3cret" * 6}, {}, 'allowed="wifi_ssid: a text of 1 to 32 bytes"'),
        ({"wifi_ssid": 5}, {}, 'allowed="wifi_ssid: a text of 1 to 32 bytes"'),
        ({"mqtt_password": "s3cret"}, {}, 'allowed="mqtt_password together with mqtt_user"'),
        (None, {"watchdog_ms": 4999}, "key=watchdog_ms value=4999 allowed="),
        (None, {"light_sleep_ms": 10}, "key=light_sleep_ms value=10 allowed="),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(station, secrets, config, says) -> None:
    publisher = station(0, secrets, **{"mqtt": "mqtt://h", **config})
    publisher.until("loaded")
    errors = [line for line in publisher.lines if "config_error" in line]
    assert len(errors) == 1 and says in errors[0]
    assert "s3cret" not in errors[0] and "czNj" not in errors[0]


def test_tls_and_a_password_from_the_secrets(tmp_path, certificates, station) -> None:
    certificate, key = certificates("right")
    passwords = tmp_path / "passwords"
    mosquitto.add_user(passwords, "anna", "s3cret")
    with mosquitto.running(
        tmp_path,
        f"certfile {certificate}",
        f"keyfile {key}",
        "allow_anonymous false",
        f"password_file {passwords}",
    ) as broker:
        der = base64.b64encode(certificate.with_suffix(".der").read_bytes()).decode()
        secrets = {"mqtt_user": "anna", "mqtt_password": "s3cret", "mqtt_ca": der}
        publisher = station(20, secrets, mqtt=f"mqtts://localhost:{broker.port}")
        assert publisher.until("end") == "end 20 0 0 joins 0"
        assert len(broker.received()) == 20
