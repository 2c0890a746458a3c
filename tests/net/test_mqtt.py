"""The sink `mqtt` on real MicroPython, at a real mosquitto: faults of broker and line."""

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import mosquitto
import pytest
from publishers import Publisher, numbers

PUBLISHER = Path(__file__).with_name("publisher.py")


@pytest.fixture
def publish(micropython) -> Callable[..., Publisher]:
    """publish(port, records, key=value, ...): a publisher that runs."""
    return lambda port, records, **options: micropython(
        PUBLISHER, port, records, *(f"{key}={value}" for key, value in options.items())
    )


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
        mosquitto.add_user(passwords, "anna", "s3cret")
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


def test_tls_takes_the_right_certificate_alone(tmp_path, certificates, publish) -> None:
    certificate, key = certificates("right")
    wrong, _ = certificates("wrong")
    with mosquitto.running(tmp_path, f"certfile {certificate}", f"keyfile {key}") as broker:
        publisher = publish(broker.port, 50, ca=wrong.with_suffix(".der"))
        assert publisher.until("down") == (
            "down lost: The certificate is not correctly signed by the trusted CA"
        )
        publisher = publish(broker.port, 50, ca=certificate.with_suffix(".der"))
        assert publisher.until("end") == "end 50 0 0"
        assert numbers(broker.received()) == list(range(50))
