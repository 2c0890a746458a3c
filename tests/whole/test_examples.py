"""The examples do what they say: on real MicroPython where it has what they need, or CPython."""

import asyncio
import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import microdot
import mosquitto
import pytest

from host_sim import FIRMWARE, TickClock, aio
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard

EXAMPLES = FIRMWARE / "examples"
SLAMMING_DOOR = Path(__file__).with_name("slamming_door.py")
DEADLINE_S = 120


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """example(name): the program, imported anew on CPython."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> ModuleType:
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return load


@pytest.fixture
def on_board(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """on_board(program, package): the lines that it prints on a board that has the examples."""
    uart1 = tmp_path / "uart1"
    with VirtualBoard(uart1=uart1) as board:
        shutil.copytree(FIRMWARE / "sluice", board.flash_dir / "lib" / "sluice")
        for path in EXAMPLES.glob("*.py"):
            shutil.copy(path, board.flash_dir)

        def run(program: str, package: Path | None = None) -> list[str]:
            if package:
                shutil.copytree(package, board.flash_dir / "lib" / package.name)
            done = mpremote(board.url, "exec", program)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout.replace("\r", "").splitlines()

        yield run


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_is_small_and_says_how_to_install_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) < 60
    installs = [line.split()[-1] for line in lines if "mip install firmware/" in line]
    assert installs and all((FIRMWARE.parent / package).is_file() for package in installs)
    assert any(path.name in line for line in lines), "how to start it"


# HTTP


async def get(port: int, source: str) -> str:
    """The status line and headers that a client at that address is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    return answer.partition("\r\n\r\n")[0]


def test_the_http_server_limits_each_client_by_its_address(example) -> None:
    with TickClock() as clock:
        server = example("http_server")

        async def ask() -> list[list[bool]]:
            serving = asyncio.create_task(server.app.start_server(host="127.0.0.1", port=port))
            while server.app.server is None:
                await asyncio.sleep(0.01)
            first = [await get(port, "127.0.0.1") for _ in range(7)]
            second = [await get(port, "127.0.0.2") for _ in range(2)]
            clock.advance(1)
            told = retry_after(await get(port, "127.0.0.1"))
            clock.advance(told * 1000 - 1000)
            early = await get(port, "127.0.0.1")
            clock.advance(1000)
            later = [await get(port, "127.0.0.1") for _ in range(2)]
            server.app.shutdown()
            await serving
            assert (retry_after(first[5]), told, retry_after(early)) == (3, 3, 1)
            return [[" 200 " in answer for answer in part] for part in (first, second, later)]

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        first, second, later = asyncio.run(ask())
    assert first == [True] * 5 + [False] * 2  # the burst
    assert second == [True] * 2  # another client has tokens of its own
    assert later == [True, False]  # one in 3 s, and not a second before it was told


def retry_after(answer: str) -> int:
    assert " 429 " in answer
    return int(re.findall(r"Retry-After: (\d+)", answer)[0])


def test_the_http_server_runs_on_micropython(on_board) -> None:
    """Without a network there: microdot's own test client hands it the requests."""
    program = (
        "import asyncio\n"
        "from http_server import app\n"
        "from microdot.test_client import TestClient\n"
        "async def main():\n"
        "    client = TestClient(app)\n"
        "    for _ in range(7):\n"
        "        print((await client.get('/')).status_code)\n"
        "asyncio.run(main())\n"
    )
    answers = on_board(program, Path(microdot.__file__).parent)
    assert answers == ["200"] * 5 + ["429"] * 2


# MQTT


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A real mosquitto's port."""
    with mosquitto.running(tmp_path) as broker:
        yield broker.port


@pytest.fixture
def subscriber(broker: int) -> Iterator[subprocess.Popen[str]]:
    """A client of that broker that has subscribed, and prints the first 30 messages."""
    with mosquitto.subscriber(broker, "door/#", 30) as process:
        yield process


@pytest.fixture
def on_unix(tmp_path: Path) -> Callable[..., list[str]]:
    """on_unix("-c", program): the lines that it prints on MicroPython's unix port, which has
    sockets, with the library, the examples and umqtt."""
    if not find_spec("micropython_unix"):
        pytest.skip("MicroPython's unix port is not installed: there is none for this machine")
    umqtt = find_spec("umqtt")
    assert umqtt and umqtt.submodule_search_locations
    shutil.copytree(next(iter(umqtt.submodule_search_locations)), tmp_path / "lib" / "umqtt")
    path = f"{FIRMWARE}:{EXAMPLES}:{tmp_path / 'lib'}"

    def run(*arguments: str | Path) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "micropython_unix", *arguments],
            env={**os.environ, "MICROPYPATH": path},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


def test_the_mqtt_publisher_smooths_a_burst(on_unix, broker: int, subscriber) -> None:
    start, *sent_at = [int(line) for line in on_unix(SLAMMING_DOOR, str(broker))]
    received, _ = subscriber.communicate(timeout=DEADLINE_S)
    values = [int(line.split()[-1]) for line in received.splitlines() if line.startswith("door/")]
    assert values == list(range(30))  # each one, in order, through the broker
    slack = 20
    due = [start + 100 * turn - slack for turn in range(30)]  # none is ever sooner
    assert all(at >= earliest for at, earliest in zip(sent_at, due, strict=True))


def test_the_mqtt_publisher_keeps_a_reading_that_it_could_not_publish(on_unix) -> None:
    program = (
        "import time\n"
        "from mqtt_publisher import Publisher\n"
        "class Client:\n"
        "    errors = 2\n"
        "    def publish(self, topic, message):\n"
        "        self.errors -= 1\n"
        "        if self.errors >= 0: raise OSError(104)\n"
        "        print(message)\n"
        "publisher = Publisher(Client())\n"
        "publisher.put(1), publisher.put(2)\n"
        "while len(publisher.queue):\n"
        "    try: time.sleep_ms(publisher.run_once())\n"
        "    except OSError: print(len(publisher.queue))\n"
    )
    assert on_unix("-c", program) == ["2", "2", "b'1'", "b'2'"]


def test_the_mqtt_publisher_goes_on_when_its_broker_is_away_for_a_while(on_unix, tmp_path) -> None:
    """The 11th publish finds the broker gone, and the first attempt to connect again none."""
    with mosquitto.running(tmp_path) as broker:
        lines = on_unix(SLAMMING_DOOR, str(broker.port), "10")
        assert len(lines) == 32  # the start, and one was tried twice
        assert broker.received() == ["door/shock"] * 30


def test_the_mqtt_publisher_gives_up_the_oldest_when_its_queue_is_full(on_unix) -> None:
    program = (
        "from mqtt_publisher import Publisher\n"
        "publisher = Publisher(None)\n"
        "print(all([publisher.put(value) for value in range(100)]))\n"
        "print(publisher.queue.try_get(), len(publisher.queue), publisher.queue.overwritten)\n"
    )
    assert on_unix("-c", program) == ["True", "36 63 36"]


# LoRa


class Modem:
    """A modem of micropython-lib's `lora`: what it sent, and when; time passes meanwhile."""

    def __init__(self, clock: TickClock, air_ms: int) -> None:
        self._clock = clock
        self._air_ms = air_ms
        self.sent: list[int] = []

    def get_time_on_air_us(self, size: int) -> int:
        return self._air_ms * 1000 - 999  # never less than a whole token for a part

    def send(self, packet: bytes) -> None:
        self.sent.append(self._clock.ticks())
        self._clock.advance(self._air_ms)


@pytest.mark.parametrize("air_ms", [57, 206, 1319])
def test_lora_never_has_more_than_a_hundredth_of_any_hour(example, air_ms: int) -> None:
    with TickClock(start=(1 << 30) - 1_000_000) as clock:
        modem = Modem(clock, air_ms)
        radio = example("lora_duty_cycle").DutyCycle(modem)
        passed = 0
        while passed < 3 * 3_600_000:
            before = clock.passed_us()
            clock.advance(radio.send(b"x"))
            passed += (clock.passed_us() - before) // 1000
    start = modem.sent[0]
    at = [(tick - start) % (1 << 30) for tick in modem.sent]
    for first in range(0, len(at), 7):
        in_hour = sum(1 for tick in at if at[first] <= tick < at[first] + 3_600_000)
        assert in_hour * air_ms <= 36_000
    used = len(at) * air_ms
    assert 6_000 + 3 * 30_000 - air_ms <= used <= 6_000 + 3 * 30_000 + air_ms


def test_lora_says_never_for_a_packet_that_is_longer_than_the_burst(example) -> None:
    with TickClock() as clock:
        assert example("lora_duty_cycle").DutyCycle(Modem(clock, 6_001)).send(b"x") == -1


def test_lora_runs_on_micropython(on_board) -> None:
    program = (
        "from lora_duty_cycle import DutyCycle\n"
        "class Modem:\n"
        "    def get_time_on_air_us(self, size): return 2_500_000\n"
        "    def send(self, packet): pass\n"
        "radio = DutyCycle(Modem())\n"
        "print(radio.send(b'x'), radio.send(b'x'), 0 < radio.send(b'x') <= 180_000)\n"
    )
    assert on_board(program) == ["0 0 True"]


# Pulses


def test_the_pulse_counter_accounts_for_every_pulse_on_micropython(on_board, tmp_path) -> None:
    program = (
        "import machine, time\n"
        "from pulse_counter import BYTES_PER_S, LINE, Counter\n"
        "counter = Counter(machine.UART(1, 9600))\n"
        "pulses = 0\n"
        "def pulse(timer):\n"
        "    global pulses\n"
        "    for _ in range(8):\n"  # so many that they are lost on a slow machine, too
        "        pulses += 1\n"
        "        counter.pulse()\n"
        "timer = machine.Timer(period=2, callback=pulse)\n"
        "start = time.ticks_ms()\n"
        "lines = idle = 0\n"
        "while idle < 50:\n"
        "    if pulses >= 1000: timer.deinit()\n"
        "    if counter.send_one(): lines += 1; idle = 0\n"
        "    else: machine.idle(); idle += pulses >= 1000\n"
        "took = time.ticks_diff(time.ticks_ms(), start)\n"
        "print(pulses, lines * LINE <= 4 * LINE + took * BYTES_PER_S // 1000)\n"
    )
    pulses, in_bounds = on_board(program)[0].split()
    lines = (tmp_path / "uart1").read_bytes().split()
    ticks = [int(line, 16) for line in lines if not line.startswith(b"!")]
    lost = sum(int(line[1:], 16) for line in lines if line.startswith(b"!"))
    assert len(ticks) + lost == int(pulses) >= 1000
    assert lost > 0 and ticks == sorted(ticks)
    assert in_bounds == "True"


# asyncio


def test_tasks_share_one_budget_exactly(example) -> None:
    with TickClock() as clock:
        shared = example("shared_budget")
        calls: list[tuple[int, str]] = []
        aio.run(shared.main(lambda name: calls.append((clock.ticks(), name))), clock)
    names = [name for _, name in calls]
    assert [names.count(name) for name in ("temperature", "door", "upload")] == [6, 20, 25]
    spent = 0
    for tick, name in calls:
        spent += 2 if name == "upload" else 1
        assert spent <= shared.BURST + tick * shared.RATE // 1000
    # The uploads want all there is, and yet the others have their turn between them.
    assert names[:12].count("upload") < 10 and "door" in names[3:9]


def test_tasks_share_one_budget_on_micropython(on_board) -> None:
    program = (
        "import asyncio, time\n"
        "import shared_budget\n"
        "calls = []\n"
        "start = time.ticks_ms()\n"
        "asyncio.run(shared_budget.main(calls.append))\n"
        "took = time.ticks_diff(time.ticks_ms(), start)\n"
        "print(len(calls), 76 <= 5 + took * 20 // 1000)\n"
    )
    assert on_board(program) == ["51 True"]


def test_the_shared_budget_runs_on_the_virtual_board_as_its_header_says(vboard) -> None:
    shutil.copytree(FIRMWARE / "sluice", vboard.flash_dir / "lib" / "sluice")
    path = EXAMPLES / "shared_budget.py"
    assert "mpremote run firmware/examples/shared_budget.py" in path.read_text()
    done = mpremote(vboard.url, "run", str(path), resume=False)
    assert done.returncode == 0, done.stdout + done.stderr
    names = [line.split()[1] for line in done.stdout.splitlines()]
    assert [names.count(name) for name in ("temperature", "door", "upload")] == [6, 20, 25]
