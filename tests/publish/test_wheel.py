"""Sluice as a user installs it: the wheel of a clean checkout, in an empty place."""

import ast
import re
import shutil
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from installed import Run, build_wheel, install

from sluice_tools.cli import _EXTRAS
from sluice_tools.publish.web.build import build
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard

PROJECT = Path(__file__).parents[2]
PLACES = {  # where the wheel has each room
    "boards": "sluice_tools/boards",
    "firmware": "host_sim/firmware",
    "host_sim": "host_sim",
    "tools": "sluice_tools",
}
EXTRAS = {  # that a room needs; cli.py names those of commands
    "tools/fleet": ("fleet",),
    "tools/fleet/demonstration": ("fleet", "lab"),
    "tools/lab": ("fleet", "lab"),
    "tools/plots.py": ("lab",),
    "tools/testing": ("test",),
}
ROOMS = ["tools", *EXTRAS]
CHECKOUT_ALONE = {"README.md", "stubs.in", "stubs.txt"}  # what only a checkout has a use for
MICROPYTHON = "node_modules/@micropython/micropython-webassembly-pyscript"


@pytest.fixture(scope="module")
def sluice(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The installed program, run in a folder of its own, which has another `sluice_tools` in it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    other = elsewhere / "sluice_tools"  # a folder of the user's own
    other.mkdir()
    (other / "__init__.py").touch()
    (other / "__main__.py").write_text("raise SystemExit('not this one')\n")

    return install(wheel, tmp_path_factory.mktemp("place"), elsewhere)


def test_it_holds_all_of_four_rooms_in_two_packages(checkout: Path, wheel: Path) -> None:
    """Also what pyproject.toml lists: a folder or a kind of file that it leaves out is missed."""
    wanted = {
        f"{place}/{path.relative_to(checkout / room).as_posix()}"
        for room, place in PLACES.items()
        for path in (checkout / room).rglob("*")
        if path.is_file() and path.name not in CHECKOUT_ALONE
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == wanted


def test_the_library_runs_on_the_host_from_what_is_installed(sluice: Run) -> None:
    program = (
        "import host_sim; from sluice import TokenBucket; print(TokenBucket(1, 1).try_acquire())"
    )
    done = sluice("-c", program, program="python")
    assert (done.stdout, done.stderr) == ("True\n", "")
    done = sluice("-c", "import host_sim; print(host_sim.FIRMWARE)", program="python")
    assert not Path(done.stdout.strip()).is_relative_to(PROJECT)


def test_the_installed_program_is_not_that_of_the_checkout(sluice: Run) -> None:
    done = sluice("--help")
    assert done.returncode == 0 and "flash" in done.stdout
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"].get("version")
    assert version is None  # it stands in firmware/sluice/__init__.py alone
    init = (PROJECT / "firmware" / "sluice" / "__init__.py").read_text()
    said = sluice("--version").stdout.split()[-1]
    assert f'__version__ = "{said}"' in init


def test_it_flashes_a_board_from_any_folder(sluice: Run, vboard: VirtualBoard) -> None:
    done = sluice("flash", "--board", "virtual", "--port", vboard.url)
    assert (done.returncode, done.stderr) == (0, "")
    board = mpremote(vboard.url, "exec", "import os; print(sorted(os.listdir('/')))")
    assert "config.json" in board.stdout and "main.py" in board.stdout


def test_without_its_micropython_the_virtual_board_says_what_fetches_it_and_then_runs(
    sluice: Run, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,name\n" + "".join(f"{n / 400},request {n}\n" for n in range(400)))
    done = sluice("demo", str(log))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "`sluice vboard --install`" in done.stderr
    installed = sluice("vboard", "--install")
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, "", "")
    done = sluice("demo", str(log))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost                    0" in done.stdout


def test_the_page_is_built_in_any_folder_when_what_it_runs_on_is_fetched(
    sluice: Run, tmp_path: Path
) -> None:
    page = tmp_path / "page"
    done = sluice("web", "--out", str(page))
    assert done.returncode == 1 and not page.exists()
    assert done.stderr.count("\n") == 1 and "`sluice web --install`" in done.stderr
    installed = sluice("web", "--install")
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, "", "")
    done = sluice("web", "--out", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    build(tmp_path / "ours")
    assert files(page) == files(tmp_path / "ours")


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_shell_completes_commands_and_boards(sluice: Run) -> None:
    def completed(words: str) -> set[str]:
        done = sluice(
            _SLUICE_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
        )
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert completed("sluice fla") == {"flash"}
    assert completed("sluice flash --board rp") >= {"rp2040"}
    assert "esp32" not in completed("sluice flash --board rp")


def test_a_wheel_built_after_make_setup_has_what_the_virtual_board_and_the_page_run_on(
    checkout: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "set-up"
    shutil.copytree(checkout, copy)
    for package in (f"tools/vboard/{MICROPYTHON}", "tools/publish/web/node_modules/uplot"):
        shutil.copytree(PROJECT / package, copy / package)
    names = zipfile.ZipFile(build_wheel(copy, tmp_path / "wheel")).namelist()
    assert f"sluice_tools/vboard/{MICROPYTHON}/micropython.wasm" in names
    assert "sluice_tools/publish/web/node_modules/uplot/dist/uPlot.esm.js" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


@pytest.mark.parametrize("room", ["host_sim", *ROOMS])
def test_all_that_a_room_imports_is_installed_with_its_commands(room: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = names(project["dependencies"])
    for extra in EXTRAS.get(room, ()):
        declared |= names(extras[extra])
    own = {"sluice_tools", "host_sim", "sluice", "board", "main"}
    wanted = {name for path in modules(room) for name in imports(path)}
    wanted -= own | sys.stdlib_module_names
    distributions = packages_distributions()
    needed = {
        distributions[name][0].lower().replace("_", "-") for name in wanted & set(distributions)
    }
    assert needed - declared == set()


@pytest.mark.parametrize("extra", _EXTRAS)
def test_what_is_looked_for_is_what_the_extra_installs(extra: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    distributions = packages_distributions()
    found = {distributions[module][0].replace("_", "-") for module in _EXTRAS[extra]}
    assert found == names(project["optional-dependencies"][extra])


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", each)[0].lower() for each in requirements}


def modules(room: str) -> list[Path]:
    """The modules of a room, without those of the rooms in it that have extras of their own."""
    if room.endswith(".py"):
        return [PROJECT / room]
    inner = [PROJECT / each for each in ROOMS if each.startswith(room) and each != room]
    return [
        path
        for path in (PROJECT / room).rglob("*.py")
        if not {"node_modules", "onboard"} & set(path.parts)
        and not any(path.is_relative_to(each) for each in inner)
    ]


def imports(path: Path) -> set[str]:
    """The packages that a module imports, those of a type checker's own branch too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
