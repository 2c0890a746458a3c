"""A real broker, a real web server, and MicroPython's unix port, which has sockets and TLS."""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import listening
import mosquitto
import pytest
import web
from publishers import Publisher

from host_sim import FIRMWARE

STATION = Path(__file__).with_name("station.py")
LISTENER = Path(__file__).with_name("listener.py")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[mosquitto.Mosquitto]:
    with mosquitto.running(tmp_path) as broker:
        yield broker


@pytest.fixture
def server() -> Iterator[web.Web]:
    with web.running() as server:
        yield server


@pytest.fixture
def micropython() -> Iterator[Callable[..., Publisher]]:
    """micropython(program, argument, ...): the program, running with the library."""
    if not find_spec("micropython_unix"):
        pytest.skip("MicroPython's unix port is not installed: there is none for this machine")
    with ExitStack() as stack:

        def start(*arguments: object) -> Publisher:
            process = subprocess.Popen(
                [sys.executable, "-m", "micropython_unix", *map(str, arguments)],
                env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:.frozen"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Publisher(process)

        yield start


@pytest.fixture
def station(tmp_path: Path, micropython) -> Callable[..., Publisher]:
    """station(pulses, secrets, takes=N, key=value, ...): the program with this configuration,
    running."""

    def start(
        pulses: int, secrets: object, takes: int | None = None, **config: object
    ) -> Publisher:
        sink = "http" if "http" in config else "mqtt"
        defaults = {"source": "pin", "sink": sink, "slot_size": 8}
        (tmp_path / "config.json").write_text(json.dumps(defaults | config))
        if secrets is not None:
            text = '{"wifi_ssid": "s3cret' if secrets == "torn" else json.dumps(secrets)
            (tmp_path / "secrets.json").write_text(text)
        return micropython(STATION, tmp_path, pulses, *([] if takes is None else [takes]))

    return start


@pytest.fixture
def certificates(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """certificates(name): one of that name for localhost, signed by itself, and its key. Beside it
    is the same as DER."""

    def make(name: str) -> tuple[Path, Path]:
        certificate, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        try:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
                + ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key]
                + ["-addext", "subjectAltName=DNS:localhost", "-out", certificate],
                check=True,
                capture_output=True,
            )
        except FileNotFoundError:
            pytest.skip("openssl is not installed")
        der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
        certificate.with_suffix(".der").write_bytes(der)
        return certificate, key

    return make


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is in the environment, for all commands."""
    path = tmp_path / "mine.key"
    path.write_text(listening.KEY.hex() + "\n")
    monkeypatch.setenv("SLUICE_KEY", str(path))


@pytest.fixture
def start(tmp_path: Path, micropython) -> Callable[..., Publisher]:
    """start(key, secrets, key=value, ...): the program that may listen, as its console shows it."""

    def begin(key: str | None, secrets: object, **config: object) -> Publisher:
        flash = tmp_path / "flash"
        flash.mkdir(exist_ok=True)
        (flash / "config.json").write_text(json.dumps(config))
        if key is not None:
            (flash / "link.key").write_text(key + "\n")
        if secrets is not None:
            (flash / "secrets.json").write_text(json.dumps(secrets))
        return micropython(LISTENER, flash)

    return begin


@pytest.fixture
def board(tmp_path: Path, start, mine) -> Callable[..., listening.Listening]:
    """board(key=value, ...): a board with this configuration that listens."""
    (tmp_path / "flash").mkdir()

    def begin(secrets: object = None, **config: object) -> listening.Listening:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        console = start(listening.KEY.hex(), secrets, listen=port, **config)
        return listening.Listening(console.process, port)

    return begin
