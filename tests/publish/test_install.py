"""`mpremote mip install`, from a checkout, from a web address and compiled, on an empty board."""

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from host_sim import FIRMWARE
from sluice_tools.board.flash.release import library
from sluice_tools.publish.mip.packages import SOURCE, WHOLE, files
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard

ALL = sorted(
    path.stem for path in FIRMWARE.glob("*.json") if path.stem not in ("config", "package")
)

# Imports all that was installed, the package's own room first; there is nothing else on the
# board's flash.
ALONE = """
import os, sys
sys.path.insert(0, target)
for name in list(sys.modules):
    if name.split(".")[0] == "sluice":
        del sys.modules[name]

def modules(folder, package):
    for entry in os.ilistdir(folder):
        name = entry[0]
        if "." in name:
            yield package + "." + name.split(".")[0]
        else:
            yield from modules(folder + "/" + name, package + "." + name)

there = sorted(m for m in modules(target + "/sluice", "sluice") if not m.endswith("__init__"))
room = [name for name in there if name.split(".")[1] in rooms]
absent = []  # what the virtual board has not, but those have that these modules are for
for name in ("socket", "network"):
    try:
        __import__(name)
    except ImportError:
        absent += {
            "socket": ["sluice.net.dialer", "sluice.program.tcp_line"],
            "network": ["sluice.net.wifi"],
        }[name]
for name in room + there:
    # A kernel is asked for by what it stands in for, or refused.
    if not name.endswith("_native") and name not in absent:
        __import__(name)
print("imported", " ".join(there))
"""

# What someone who installed only this module does with it.
WORKS = {
    "bucket": """
from sluice import TokenBucket
bucket = TokenBucket(100, 2)
print([bucket.try_acquire() for _ in range(3)], bucket.acquire(timeout_ms=1000))
import time
time.sleep_ms(20)
try:
    bucket.wait().send(None)
except StopIteration:
    print("done")
""",
    "ring": """
from sluice import OVERWRITE, RingQueue
queue = RingQueue(2, "H", OVERWRITE)
print([queue.try_put(n) for n in range(3)], queue.try_get(), len(queue), queue.overwritten)
print("done" if RingQueue(1).get(timeout_ms=1) is None else "")
""",
    "limit": """
from sluice import KeyedBuckets
clients = KeyedBuckets(2, 10, 1)
print([clients.try_acquire(key) for key in ("a", "b", "a")])
print("done")
""",
    "queue": """
from sluice import Channel, RecordRing
ring = RecordRing(2, 8)
print(ring.put(b"abc", 3), bytes(ring.peek()[:3]))
print("done" if Channel(1).try_put(7) else "")
""",
}

PIPELINE = """
from sluice import Pipeline, RecordRing, Stats, TokenBucket

class Sink:
    def room(self):
        return 1 << 20

    def write(self, record, n):
        self.took = bytes(record[:n])
        return True

ring, sink = RecordRing(4, 16), Sink()
ring.put(b"abc", 3)
print(Pipeline(ring, TokenBucket(1, 1), sink, Stats()).step() == 1, sink.took)
"""


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard() as running:
        yield running


@pytest.fixture
def install(board: VirtualBoard) -> Iterator[Callable[..., str]]:
    """install(package, ..., then=PROGRAM): what the program prints with these alone installed."""
    target = "/target"

    def run(*packages: str | Path, then: str) -> str:
        # One process for both: each mpremote takes a second to start.
        rooms = [Path(package).stem for package in packages]
        program = f"target = {target!r}\nrooms = {rooms!r}\n{ALONE}{then}"
        command = ["mip", "install", "--target", target, *map(str, packages), "+", "exec", program]
        done = mpremote(board.url, *command)
        assert done.returncode == 0, done.stdout + done.stderr
        _, arrow, said = done.stdout.replace("\r", "").rpartition("imported ")
        assert arrow
        return said

    yield run
    shutil.rmtree(board.flash_dir / "target", ignore_errors=True)


@pytest.mark.parametrize("name", ALL)
def test_each_package_works_with_nothing_else_installed(
    install: Callable[..., str], name: str
) -> None:
    said = install(FIRMWARE / f"{name}.json", then=WORKS.get(name, "print('done')"))
    assert f".{name}" in said
    assert said.endswith("done\n")


def test_packages_add_up(install: Callable[..., str]) -> None:
    packages = [FIRMWARE / f"{name}.json" for name in ("flow", "queue", "bucket")]
    assert install(*packages, then=PIPELINE).endswith("True b'abc'\n")


def test_the_whole_library_goes_where_programs_import_from(
    vboard: VirtualBoard, remote: Callable[..., str]
) -> None:
    remote("mip", "install", str(FIRMWARE / WHOLE))
    wanted = {f"lib/{name}" for name in library(FIRMWARE, SOURCE)}
    there = {str(p.relative_to(vboard.flash_dir)) for p in vboard.flash_dir.rglob("*.py")}
    assert there == wanted
    for name in library(FIRMWARE, SOURCE):
        assert (vboard.flash_dir / "lib" / name).read_bytes() == (FIRMWARE / name).read_bytes()
    program = "from sluice import TokenBucket; print(TokenBucket(1, 1).try_acquire())"
    assert remote("exec", program).strip() == "True"


def test_the_readmes_first_lines_run_on_a_board(
    vboard: VirtualBoard, remote: Callable[..., str], tmp_path: Path
) -> None:
    """As a reader would: the install line, the file, `mpremote run`."""
    readme = (FIRMWARE.parent / "README.md").read_text()
    assert "    mpremote mip install firmware/package.json\n" in readme
    remote("mip", "install", str(FIRMWARE / WHOLE))
    burst = tmp_path / "burst.py"
    burst.write_text(readme.partition("```python\n")[2].partition("```\n")[0])
    assert len(burst.read_text().splitlines()) <= 9  # an import, and eight lines
    assert remote("run", str(burst)).split() == [str(number) for number in range(12)]


@pytest.mark.parametrize("address", ["/firmware/", "/firmware/limit.json"])
def test_an_address_does_as_well_as_a_checkout(install: Callable[..., str], address: str) -> None:
    """A plain web server is served from like a repository: the same rules make its addresses."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            assert ".." not in self.path

    handler = partial(Quiet, directory=str(FIRMWARE.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        said = install(f"http://127.0.0.1:{port}{address}", then="print('done')")
        server.shutdown()
    assert "sluice.limit.keyed" in said.split()


def test_compiled_packages_install_and_work(
    board: VirtualBoard, install: Callable[..., str], tmp_path: Path
) -> None:
    for name, data in files(FIRMWARE, "").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert install(tmp_path / "bucket.json", then=WORKS["bucket"]).endswith("done\n")
    there = board.flash_dir / "target" / "sluice"
    assert {path.suffix for path in there.rglob("*") if path.is_file()} == {".mpy"}
    said = install(tmp_path / WHOLE, then="print('done')").split()
    wanted = {name.removesuffix(".py").replace("/", ".") for name in library(FIRMWARE, "")}
    assert set(said) - {"done"} == {name for name in wanted if not name.endswith("__init__")}
