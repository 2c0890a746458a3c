"""`sluice flash --secrets` and `--key`: what reaches the board, and that nobody sees it."""

import base64
import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from host_sim import FIRMWARE
from sluice_tools.board.flash import secrets
from sluice_tools.board.flash.command import flash
from sluice_tools.errors import UserError

GOOD = {"wifi_ssid": "Caf\u00e9", "wifi_password": "s3cret", "mqtt_user": "anna"}
SLUICE = Path(sys.executable).with_name("sluice")


def read(tmp_path: Path, data: object) -> dict[str, str]:
    path = tmp_path / "mine.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return json.loads(secrets.read(path, FIRMWARE))


def test_what_is_good_is_sent_in_ascii(tmp_path):
    assert read(tmp_path, GOOD) == GOOD
    assert read(tmp_path, json.dumps(GOOD, ensure_ascii=False).encode("utf-16")) == GOOD
    assert secrets.read(tmp_path / "mine.json", FIRMWARE).isascii()


def test_another_firmware_has_no_rules(tmp_path):
    (tmp_path / "mine.json").write_text('{"other": 1}')
    assert secrets.read(tmp_path / "mine.json", tmp_path) == b'{"other": 1}\n'


def test_the_certificate_is_read_from_its_file_beside(tmp_path):
    pem = tmp_path / "ca.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    try:
        subprocess.run(
            [*make, "-subj", "/CN=ca", "-keyout", tmp_path / "key", "-out", pem],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    der = ssl.PEM_cert_to_DER_cert(pem.read_text())
    (tmp_path / "ca.der").write_bytes(der)
    for name in ("ca.pem", "ca.der"):
        assert base64.b64decode(read(tmp_path, {"mqtt_ca": name})["mqtt_ca"]) == der
        assert base64.b64decode(read(tmp_path, {"http_ca": name})["http_ca"]) == der


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"wifi_ssid": "s3cret"', "not JSON$"),
        (b'"s3cret\xff"', "not JSON$"),
        (["s3cret"], "allowed: an object of names and texts"),
        ({"s3cret": "x"}, "allowed: only the names wifi_ssid wifi_password mqtt_user"),
        ({"wifi_ssid": ""}, "allowed: wifi_ssid: a text of 1 to 32 bytes"),
        ({"wifi_ssid": "s3cret" * 9}, "allowed: wifi_ssid: a text of 1 to 32 bytes"),
        ({"mqtt_user": None}, "allowed: mqtt_user: a text of 1 to 64 bytes"),
        ({"mqtt_user": ["s3cret"]}, "allowed: mqtt_user: a text of 1 to 64 bytes"),
        ({"wifi_password": "s3cret"}, "allowed: wifi_password together with wifi_ssid"),
        ({"mqtt_password": "s3cret"}, "allowed: mqtt_password together with mqtt_user"),
        ({"mqtt_ca": "missing.pem"}, r"missing.pem \(mqtt_ca\): No such file"),
        ({"http_ca": "missing.pem"}, r"missing.pem \(http_ca\): No such file"),
        ({"mqtt_ca": "mine.json"}, r"mine.json \(mqtt_ca\): no certificate"),
    ],
)
def test_what_the_board_would_not_take_is_one_line_without_a_value(tmp_path, data, reason):
    with pytest.raises(UserError, match=reason) as caught:
        read(tmp_path, data)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_bad_file_is_refused_before_the_port_is_opened(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"wifi_password": "s3cret"}')
    ran = CliRunner().invoke(
        flash, ["--board", "virtual", "--port", "/none", "--secrets", str(path)]
    )
    assert ran.exit_code == 1
    assert ran.output == f"Error: {path}: allowed: wifi_password together with wifi_ssid\n"


@pytest.fixture
def run(vboard, tmp_path):
    """run(option, ...): what `sluice flash` says that puts a small firmware on a board."""
    (tmp_path / "firmware" / "sluice").mkdir(parents=True)
    for name in ("main.py", "sluice/__init__.py"):
        (tmp_path / "firmware" / name).write_text("")
    (tmp_path / "firmware" / "config.json").write_text("{}")

    def flashed(*more: object) -> str:
        done = subprocess.run(
            [SLUICE, "flash", "--board", "virtual", "--port", vboard.url, "--firmware"]
            + [tmp_path / "firmware", *more],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        return done.stdout

    return flashed


def test_they_reach_the_board_and_stay_there(vboard, tmp_path, run):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GOOD))
    there = vboard.flash_dir / "secrets.json"
    run()
    assert not there.exists()
    assert "sent 1 (" in run("--secrets", path)
    assert json.loads(there.read_text()) == GOOD
    assert "nothing sent" in run("--secrets", path)
    assert "nothing sent" in run()
    assert json.loads(there.read_text()) == GOOD
    path.write_text(json.dumps(GOOD | {"mqtt_user": "bert"}))
    run("--secrets", path)
    assert json.loads(there.read_text())["mqtt_user"] == "bert"
    assert [each.name for each in vboard.flash_dir.iterdir() if "secret" in each.name] == [
        "secrets.json"
    ]


def test_a_key_is_made_once_and_reaches_the_board_beside_the_secrets(vboard, tmp_path, run):
    path, secret = tmp_path / "door.key", tmp_path / "mine.json"
    secret.write_text(json.dumps(GOOD))
    there = vboard.flash_dir / "link.key"
    said = run("--key", path, "--secrets", secret)
    assert f"{path}: made, with a new key" in said
    assert path.stat().st_mode & 0o777 == 0o600
    key = path.read_text()
    assert len(bytes.fromhex(key)) == 32 and key.strip() not in said
    assert there.read_text() == key
    assert "nothing sent" in run("--key", path)
    assert "nothing sent" in run()
    assert json.loads((vboard.flash_dir / "secrets.json").read_text()) == GOOD
    path.write_text(key.upper().strip()[:-1] + "0")
    assert "made" not in run("--key", path)
    assert there.read_text() == key[:-2] + "0\n"


@pytest.mark.parametrize("text", ["5ecre7", "x" * 64, "00" * 31, "\u00e9" * 32, ""])
def test_what_is_no_key_is_refused_before_the_port_is_opened(tmp_path, text):
    path = tmp_path / "door.key"
    path.write_text(text)
    ran = CliRunner().invoke(flash, ["--board", "virtual", "--port", "/none", "--key", str(path)])
    assert ran.exit_code == 1
    assert ran.output == f"Error: {path}: no key: 64 hexadecimal digits\n"


def test_a_place_where_no_key_can_be_made_is_one_line(tmp_path):
    path = tmp_path / "missing" / "door.key"
    ran = CliRunner().invoke(flash, ["--board", "virtual", "--port", "/none", "--key", str(path)])
    assert ran.output == f"Error: {path}: No such file or directory\n"
