"""gateway.toml: what is allowed, and one line for whatever is not."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from sluice_tools.fleet.gateway.command import gateway
from sluice_tools.fleet.gateway.config import LISTEN, BoardConfig, EtcdConfig, load
from sluice_tools.fleet.listen import parse_listen

BOARD = '[[board]]\nname = "b1"\nport = "/dev/ttyACM0"\n'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "gateway.toml"


def test_what_is_not_given_has_its_default(file):
    file.write_text(BOARD)
    config = load(file)
    assert config.listen == parse_listen(LISTEN)
    assert config.etcd is None
    assert config.boards == (BoardConfig(name="b1", port="/dev/ttyACM0"),)
    assert config.name


def test_all_that_can_be_given(file):
    file.write_text(
        'name = "hall-3"\nlisten = "[::1]:9200"\n'
        '[etcd]\nendpoints = ["10.0.0.1:2379", "etcd-b:2379"]\nbudget = "qps"\n'
        '[[board]]\nname = "b1"\nport = "socket://h:1"\ntopic = "a b"\nguaranteed = 5\n'
        + BOARD[:10]
        + 'name = "b2"\nport = "/dev/pts/3"\n'
    )
    config = load(file)
    assert (config.name, config.listen) == ("hall-3", ("::1", 9200))
    assert config.etcd == EtcdConfig(endpoints=("10.0.0.1:2379", "etcd-b:2379"), budget="qps")
    assert config.boards[0] == BoardConfig(
        name="b1", port="socket://h:1", topic="a b", guaranteed=5
    )
    assert config.boards[1].name == "b2"


ETCD = '[etcd]\nendpoints = ["h:1"]\n'
STREAM = '[stream]\nlisten = "127.0.0.1:9200"\n'
BAD = [
    ("", "board: missing, allowed: one table [[board]] or more"),
    ("board = 5", "board: 5, allowed: one table [[board]] or more"),
    ("board = []", "board: [], allowed: one table [[board]] or more"),
    ("bord = 1\n" + BOARD, "bord: 1, allowed: one of the keys name listen etcd stream board"),
    ("name = 5\n" + BOARD, "name: 5, allowed: text of 1 to 100 printable characters"),
    ('name = "a b"\n' + BOARD, "name: gateway 'a b': expected 1 to 100 of A-Z a-z 0-9 _ . : -"),
    ('listen = "9108"\n' + BOARD, "listen: listen '9108': expected host:port"),
    ("listen = 9108\n" + BOARD, "listen: 9108, allowed: text"),
    ("etcd = 7\n" + BOARD, "etcd: 7, allowed: a table [etcd]"),
    ("[etcd]\n" + BOARD, "etcd.endpoints: missing, allowed: a list of text"),
    ("[etcd]\nendpoints = []\n" + BOARD, "etcd.endpoints: etcd: no endpoint"),
    ('[etcd]\nendpoints = "h:1"\n' + BOARD, "etcd.endpoints: 'h:1', allowed: a list of text"),
    ('[etcd]\nendpoints = ["h"]\n' + BOARD, "etcd.endpoints: etcd endpoint 'h': expected host:"),
    (ETCD + "ttl = 5\n" + BOARD, "etcd.ttl: 5, allowed: one of the keys endpoints budget"),
    (ETCD + 'budget = ""\n' + BOARD, "etcd.budget: '', allowed: text of 1 to 100"),
    (ETCD + 'budget = "a/b"\n' + BOARD, "etcd.budget: budget 'a/b': expected 1 to 100"),
    ('[[board]]\nport = "p"\n', "board 1.name: missing, allowed: text"),
    ('[[board]]\nname = "b1"\n', "board 1.port: missing, allowed: text"),
    (BOARD + "baud = 9600\n", "board 1.baud: 9600, allowed: one of the keys name port topic guar"),
    (BOARD + 'topic = "a\\nb"\n', "board 1.topic: 'a\\nb', allowed: text of 1 to 100 printable"),
    (BOARD + "guaranteed = -1\n", "board 1.guaranteed: -1, allowed: an integer from 0 to 10737418"),
    (BOARD + "guaranteed = true\n", "board 1.guaranteed: True, allowed: an integer from 0"),
    (BOARD + "guaranteed = 5\n", "board 1.guaranteed: 5, allowed: 0 without an etcd.budget"),
    (BOARD + BOARD, "board 2.name: 'b1', allowed: another for each board"),
    (BOARD + BOARD.replace("b1", "b2"), "board 2.port: '/dev/ttyACM0', allowed: another for each"),
    (BOARD + "stream = 1\n", "board 1.stream: 1, allowed: true or false"),
    (BOARD + "stream = true\n", "board 1.stream: True, allowed: false without a table [stream]"),
    ("[stream]\n" + BOARD, "stream.listen: missing, allowed: text"),
    (STREAM + BOARD, "board.stream: missing, allowed: true for one board or more"),
    (STREAM + 'key = "/etc/hosts"\n' + BOARD, "stream.certificate: missing, allowed: a file"),
    (STREAM + 'token_file = "none"\n' + BOARD, "stream.token_file: "),
    (
        STREAM.replace("127.0.0.1", "0.0.0.0") + BOARD,
        "stream.listen: '0.0.0.0', allowed: a loopback address, or certificate, key and",
    ),
    ("name = ", "no TOML: Invalid value"),
    ("name = " + "[" * 5000, "no TOML that can be read: it is nested too deeply"),
    ("name" + ".a" * 5000 + " = 1\n" + BOARD, "name: {'a': {'a': "),
    ('"a\\nb" = 1\n' + BOARD, "'a\\nb': 1, allowed: one of the keys name listen etcd stream board"),
    ("name = 1" + "0" * 5000 + "\n" + BOARD, "no TOML: Exceeds the limit"),
    ("name = 0x1" + "0" * 5000 + "\n" + BOARD, "name: a number of too many digits, allowed: text"),
    ("nmae = 1\n", "nmae: 1, allowed: one of the keys name listen etcd stream board"),
    ('[etcd]\nendpoints = ["h:1", 5]\n' + BOARD, "etcd.endpoints 2: 5, allowed: a list of text"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_file_is_one_line_with_file_key_reason_and_status_2(file, text, message):
    file.write_text(text)
    result = CliRunner().invoke(gateway, ["--config", str(file)])
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {file}: {message}")
    assert result.output.count("\n") == 1


def test_a_file_that_cannot_be_read_is_one_line(file):
    assert CliRunner().invoke(gateway, ["--config", str(file)]).output == (
        f"Error: {file}: No such file or directory\n"
    )
    file.write_bytes(b'name = "\xff"')
    result = CliRunner().invoke(gateway, ["--config", str(file)])
    assert (result.exit_code, result.output) == (2, f"Error: {file}: byte 8 is not UTF-8\n")


FILES = 'certificate = "cert.pem"\nkey = "key.pem"\ntoken_file = "token"\n'


@pytest.fixture
def folder(file, tls):
    """Has the files that other machines' clients ask for."""
    for path in (tls.certificate, tls.key):
        shutil.copy(path, file.parent)
    (file.parent / "token").write_text("a-token-of-24-characters")
    return file.parent


def test_records_are_served_to_other_machines_with_certificate_and_token(file, folder):
    text = STREAM.replace("127.0.0.1", "0.0.0.0") + FILES + BOARD + "stream = true\n"
    file.write_text(text)
    stream = load(file).stream
    assert stream is not None and stream.tls is not None
    assert (stream.listen, stream.token) == (("0.0.0.0", 9200), "a-token-of-24-characters")
    assert stream.tls.certificate == folder / "cert.pem"
    for line in FILES.splitlines(keepends=True):
        file.write_text(text.replace(line, ""))
        result = CliRunner().invoke(gateway, ["--config", str(file)])
        assert result.exit_code == 2 and result.output.startswith(f"Error: {file}: stream.")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("cert.pem", "no certificate", "expected a certificate in PEM"),
        ("key.pem", "no key", "expected the key of cert.pem in PEM, without a password"),
        ("key.pem", None, "expected the key of cert.pem in PEM, without a password"),
    ],
)
def test_a_certificate_or_key_that_is_none_is_named(file, folder, name, text, says):
    if text is None:  # another's
        command = ("openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / name)
        subprocess.run(command, check=True, capture_output=True)
    else:
        (folder / name).write_text(text)
    file.write_text(STREAM + FILES + BOARD + "stream = true\n")
    result = CliRunner().invoke(gateway, ["--config", str(file)])
    assert result.exit_code == 2
    assert result.output == f"Error: {file}: stream.certificate: {folder / name}: {says}\n"


def test_a_port_may_have_a_long_name(file):
    port = "/dev/serial/by-id/usb-" + "Silicon_Labs_CP2102N_USB_to_UART_Bridge_Controller_" * 2
    file.write_text(BOARD.replace("/dev/ttyACM0", port))
    assert load(file).boards[0].port == port
