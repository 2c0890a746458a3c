"""A real broker, and MicroPython's unix port, which has sockets and TLS."""

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import mosquitto
import pytest
from publishers import Publisher

from host_sim import FIRMWARE


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[mosquitto.Mosquitto]:
    with mosquitto.running(tmp_path) as broker:
        yield broker


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
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Publisher(process)

        yield start


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
