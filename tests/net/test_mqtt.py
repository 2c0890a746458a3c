"""The sink `mqtt` on real MicroPython, at a real mosquitto: faults of broker and line."""

import os
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import mosquitto
import pytest

from host_sim import FIRMWARE

PUBLISHER = Path(__file__).with_name("publisher.py")
MODULO = 1 << 30


class Publisher:
    """The process of publisher.py; `until` reads what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[str] = []

    def until(self, beginning: str) -> str:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith(beginning):
                return self.lines[-1]
        pytest.fail(f"no {beginning!r} in {self.lines}")

    def told(self) -> list[str]:
        return [line.rstrip() for line in self.lines if line.startswith(("up", "down"))]


@pytest.fixture
def publish() -> Iterator[Callable[..., Publisher]]:
    """publish(port, records, key=value, ...): a publisher that runs."""
    if not find_spec("micropython_unix"):
        pytest.skip("MicroPython's unix port is not installed: there is none for this machine")
    with ExitStack() as stack:

        def start(port: int, records: int, **options: object) -> Publisher:
            pairs = [f"{key}={value}" for key, value in options.items()]
            process = subprocess.Popen(
                [sys.executable, "-m", "micropython_unix", PUBLISHER, str(port), str(records)]
                + pairs,
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
def broker(tmp_path: Path) -> Iterator[mosquitto.Mosquitto]:
    with mosquitto.running(tmp_path) as broker:
        yield broker


def numbers(topics: list[str]) -> list[int]:
    """The records' numbers in their topics, counted from the first."""
    found = [int(topic.split("/")[1], 16) for topic in topics]
    return [(number - found[0]) % MODULO for number in found]


def test_each_record_comes_once_in_order_and_whole(broker, publish) -> None:
    with mosquitto.subscriber(broker.port, "t/#", 100) as messages:
        publisher = publish(broker.port, 100)
        assert publisher.until("end") == "end 100 0 0"
        received, _ = messages.communicate(timeout=mosquitto.DEADLINE_S)
    pairs = [line.split() for line in received.splitlines() if line.startswith("t/")]
    assert [int(payload.rstrip("\0")) for _, payload in pairs] == list(range(100))
    assert numbers([topic for topic, _ in pairs]) == list(range(100))
    assert publisher.told() == ["up"]


def test_a_broker_that_dies_and_comes_back_costs_no_attempt_and_no_record(broker, publish) -> None:
    publisher = publish(broker.port, 300, rate=200, speed=20)
    publisher.until("taken 100")
    broker.kill()
    down = publisher.until("down")
    assert publisher.until("down") == "down not reached: ECONNREFUSED", down
    broker.start()
    publisher.until("up")
    assert publisher.until("end") == "end 300 0 0"
    received = numbers(broker.received())
    assert set(received) == set(range(300))
    assert len(received) <= 300 + 8  # what was under way


class Proxy:
    """Passes each connection on to a port; what `deaf` is set for comes no further: the answers of
    the broker in the connections that there are then."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.deaf: set[socket.socket] = set()
        self._answers: set[socket.socket] = set()
        self._ends, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stall(self) -> None:
        self.deaf |= self._answers

    def stop(self) -> None:
        self._end.close()
        self._thread.join()

    def _run(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ends, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    if source is self._ends:
                        for each in (*other, self._listener, self._ends):
                            each.close()
                        return
                    if source is self._listener:
                        client, _ = self._listener.accept()
                        server = socket.create_connection(("127.0.0.1", self._to))
                        other[client], other[server] = server, client
                        self._answers.add(server)
                        selector.register(client, selectors.EVENT_READ)
                        selector.register(server, selectors.EVENT_READ)
                        continue
                    assert isinstance(source, socket.socket)
                    if source not in other:
                        continue
                    data = b""
                    with suppress(ConnectionError):
                        data = source.recv(4096)
                    if not data:
                        for each in (source, other[source]):
                            selector.unregister(each)
                            other.pop(each, None)
                            each.close()
                    elif source not in self.deaf:
                        other[source].sendall(data)


@pytest.fixture
def proxy(broker: mosquitto.Mosquitto) -> Iterator[Proxy]:
    proxy = Proxy(broker.port)
    yield proxy
    proxy.stop()


def test_what_a_stalled_line_did_not_acknowledge_comes_again_with_its_number(
    broker, proxy, publish
) -> None:
    publisher = publish(proxy.port, 200, rate=200, speed=20)
    publisher.until("taken 50")
    proxy.stall()
    assert publisher.until("down") == "down no answer for 10 s"
    publisher.until("up")
    assert publisher.until("end") == "end 200 0 0"
    received = numbers(broker.received())
    assert set(received) == set(range(200))
    doubles = len(received) - 200
    assert 0 < doubles <= 8
    back = [at for at, (one, next_) in enumerate(pairwise(received)) if next_ != one + 1]
    assert len(back) == 1, "they came again together, in order"


def test_a_wrong_password_is_one_line_until_it_is_right(tmp_path, publish) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    with mosquitto.running(
        tmp_path, "allow_anonymous false", f"password_file {passwords}"
    ) as broker:
        publisher = publish(broker.port, 20, user="anna", password="s3cret", speed=20)
        refused = publisher.until("down")
        broker.kill()
        publisher.until("down not reached")
        make = ["mosquitto_passwd", "-b", passwords, "anna", "s3cret"]
        subprocess.run(make, check=True, capture_output=True)
        broker.start()
        assert publisher.until("end") == "end 20 0 0"
    assert refused.startswith("down refused: ")
    assert "s3cret" not in "".join(publisher.lines)
    assert publisher.told()[-1] == "up"
    assert publisher.told().count(refused) == 1


def test_a_refusal_that_stays_is_said_once(tmp_path, publish) -> None:
    with mosquitto.running(tmp_path, "allow_anonymous false") as broker:
        publisher = publish(broker.port, 20, speed=20)
        publisher.until("down")
        log = tmp_path / "mosquitto.log"
        while log.read_text().count("not authorised") < 3:  # tried again and again
            pass
        broker.kill()
        publisher.until("down not reached")
    assert [line.partition(":")[0] for line in publisher.told()] == [
        "down refused",
        "down not reached",
    ]


def certificates(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of that name for localhost, signed by itself, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
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


def test_tls_takes_the_right_certificate_alone(tmp_path, publish) -> None:
    certificate, key = certificates(tmp_path, "right")
    wrong, _ = certificates(tmp_path, "wrong")
    with mosquitto.running(tmp_path, f"certfile {certificate}", f"keyfile {key}") as broker:
        publisher = publish(broker.port, 50, ca=wrong.with_suffix(".der"))
        assert publisher.until("down") == (
            "down lost: The certificate is not correctly signed by the trusted CA"
        )
        publisher = publish(broker.port, 50, ca=certificate.with_suffix(".der"))
        assert publisher.until("end") == "end 50 0 0"
        assert numbers(broker.received()) == list(range(50))
