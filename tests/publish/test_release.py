"""What `make release` has built, each part installed in an empty place: --release FOLDER."""

import json
import re
from pathlib import Path

import pytest
from installed import install

import sluice
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard

ON_THE_BOARD = """
import sluice
from sluice import RingQueue, TokenBucket
print(sluice.__version__, TokenBucket(1, 1).try_acquire(), RingQueue(1).try_put(7))
"""


@pytest.fixture
def release(pytestconfig: pytest.Config) -> Path:
    folder = pytestconfig.getoption("--release")
    if folder is None:
        pytest.skip("`make release` builds what this test looks at")
    return Path(folder)


def test_the_wheel_flashes_a_board_and_brings_one_and_the_page(
    release: Path, vboard: VirtualBoard, tmp_path: Path
) -> None:
    (wheel,) = release.glob("*.whl")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = install(wheel, tmp_path / "place", elsewhere)
    assert run("--version").stdout.split()[-1] == sluice.__version__
    done = run("flash", "--board", "virtual", "--port", vboard.url)
    assert (done.returncode, done.stderr) == (0, "")
    log = elsewhere / "log.csv"
    log.write_text("time,name\n" + "".join(f"{n / 400},request {n}\n" for n in range(400)))
    done = run("demo", str(log))  # on the virtual board that is in the wheel
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost                    0" in done.stdout
    done = run("web")  # on the uPlot that is in the wheel
    assert (done.returncode, done.stderr) == (0, "")
    assert (elsewhere / "build" / "web" / "console.html").is_file()


def test_what_prometheus_and_systemd_take_is_there(release: Path) -> None:
    names = {path.name for path in (release / "deploy").iterdir()}
    assert {"rules.yml", "grafana.json", "sluice-gateway.service"} <= names


@pytest.mark.parametrize("kind", ["source", "bytecode"])
def test_the_packages_install_on_an_empty_board(
    release: Path, vboard: VirtualBoard, kind: str
) -> None:
    package = release / "mip" / kind / "package.json"
    done = mpremote(vboard.url, "mip", "install", str(package), "+", "exec", ON_THE_BOARD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{sluice.__version__} True True"


def test_there_are_packages_for_each_architecture(release: Path) -> None:
    kinds = {path.parent.name for path in release.glob("mip/*/package.json")}
    assert kinds == {"source", "bytecode", "armv6m", "armv7emsp", "xtensawin", "rv32imc"}
    versions = {
        json.loads(path.read_text())["version"] for path in release.glob("mip/*/package.json")
    }
    assert versions == {sluice.__version__}


@pytest.mark.parametrize("part", ["web", "docs"])
def test_the_pages_hold_all_that_they_name(release: Path, part: str) -> None:
    """Moved anywhere, without the checkout beside them."""
    pages = list((release / part).rglob("*.html"))
    assert (release / part / "index.html") in pages
    for page in pages:
        if page.name == "404.html":
            continue  # its addresses begin at the server's root
        for link in re.findall(r'(?:href|src)="?([^"#> ]+)', page.read_text()):
            if not re.match(r"https?:|mailto:|data:", link):
                assert (page.parent / link).exists(), f"{page}: {link}"
    if part == "web":
        for name in json.loads((release / "web" / "firmware.json").read_text()):
            assert (release / "web" / "firmware" / name).is_file(), name


def test_the_changelog_has_this_version(release: Path) -> None:
    changelog = (Path(__file__).parents[2] / "docs" / "changelog.md").read_text()
    assert re.findall(r"^## ([\d.]+)", changelog, re.MULTILINE)[0] == sluice.__version__
