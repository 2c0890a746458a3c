"""The packages for `mip install`: what is in each, and that the committed ones are up to date."""

import json
import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from host_sim import FIRMWARE
from sluice_tools.board.flash.release import library
from sluice_tools.cli import main
from sluice_tools.errors import UserError
from sluice_tools.publish.mip.packages import SOURCE, files, needed, packages

MODULES = library(FIRMWARE, SOURCE)
PLACES = sorted(packages(MODULES, ".py"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small firmware with a kernel, a lazy import and a package below the package."""
    texts = {
        "__init__.py": '__version__ = "1.2.3"\n_HOMES = {"Ring": "ring"}\n',
        "ring.py": "import os\ntry:\n    from sluice.queue.ring_native import Ring\nexcept ImportError:\n"
        "    pass\n",
        "queue.py": "from sluice import ring\ndef f():\n    import sluice.later\n",
        "later.py": "from sluice.queue.ring import X\n",
        "alone.py": "import time\n",
        "native/__init__.py": "",
        "native/ring.py": "import micropython\nfrom sluice.native import a\n"
        "from sluice.queue.ring import Plain\n@micropython.viper\ndef f(a: int) -> int:\n    return a\n",
    }
    for name, text in texts.items():
        path = tmp_path / "sluice" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def installed(package: str) -> list[str]:
    return [target for target, _ in json.loads(package)["urls"]]


def test_the_committed_packages_are_those_that_sluice_package_writes():
    wanted = packages(MODULES, ".py")
    found = {
        path.relative_to(FIRMWARE).as_posix(): path.read_text()
        for path in [FIRMWARE / "package.json", *FIRMWARE.glob("sluice/**/*.json")]
    }
    assert found == wanted, "`sluice package` renews them"


def test_each_module_has_a_package_and_kernels_have_none():
    modules = {path.stem for path in (FIRMWARE / "sluice").glob("*.py")} - {"__init__"}
    assert set(PLACES) == {"package.json", *(f"sluice/{name}.json" for name in modules)}


@pytest.mark.parametrize("place", PLACES)
def test_every_file_stands_beside_its_package_or_below(place):
    package = json.loads((FIRMWARE / place).read_text())
    assert package["deps"] == []  # which mip looks up in an index
    for target, url in package["urls"]:
        assert ":" not in url and not {"..", ""} & set(url.split("/"))
        assert (FIRMWARE / place).parent / url == FIRMWARE / target
        assert (FIRMWARE / target).is_file()


def test_a_package_holds_what_its_module_imports_in_turn_and_nothing_else(tree):
    modules = library(tree, SOURCE)
    kernels = {"sluice/native/__init__.py", "sluice/queue/ring_native.py"}
    assert needed("sluice/alone.py", modules) == {"sluice/__init__.py", "sluice/alone.py"}
    ring = {"sluice/__init__.py", "sluice/queue/ring.py", *kernels}
    assert needed("sluice/queue/ring.py", modules) == ring
    assert needed("sluice/queue.py", modules) == ring | {"sluice/queue.py", "sluice/later.py"}


def test_bytecode_packages_have_no_kernels_and_those_of_an_architecture_have_them(tree):
    for arch, kernels in (("", False), ("armv6m", True)):
        built = files(tree, arch)
        ring = installed(built["sluice/ring.json"].decode())
        assert ("sluice/queue/ring_native.mpy" in ring) == kernels
        assert ("sluice/queue/ring_native.mpy" in built) == kernels
        assert set(installed(built["package.json"].decode())) <= set(built)
        assert built["sluice/queue/ring.mpy"][:2] == b"M\x06"
    assert built["sluice/queue/ring_native.mpy"][2] >> 2 & 15 == 4  # armv6m


def test_the_version_is_the_librarys(tree):
    built = packages(library(tree, SOURCE), ".py")
    assert {json.loads(text)["version"] for text in built.values()} == {"1.2.3"}
    (tree / "sluice" / "__init__.py").write_text("")
    with pytest.raises(UserError, match=r"__init__\.py: no __version__"):
        packages(library(tree, SOURCE), ".py")


def test_the_command_renews_the_packages_and_removes_those_of_modules_that_are_no_more(tree):
    (tree / "config.json").write_text("{}")
    (tree / "sluice" / "gone.json").write_text("{}")
    done = CliRunner().invoke(main, ["package", "--firmware", str(tree)])
    assert done.output == f"{tree}: 5 packages\n"
    assert (tree / "config.json").exists()
    names = {path.stem for path in (tree / "sluice").glob("*.json")}
    assert names == {"ring", "queue", "later", "alone"}


def test_the_command_builds_one_folder_for_each_kind(tree, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["package", "--firmware", str(tree), "--out", str(out)])
    assert done.exit_code == 0, done.output
    kinds = {path.name for path in out.iterdir()}
    assert {"source", "bytecode", "armv6m", "xtensawin"} <= kinds
    for kind in kinds:
        for _, url in json.loads((out / kind / "package.json").read_text())["urls"]:
            assert (out / kind / url).is_file()


def test_what_cannot_be_written_is_one_line(tree):
    (tree / "out").write_text("")
    done = CliRunner().invoke(main, ["package", "--firmware", str(tree), "--out", f"{tree}/out"])
    assert done.exit_code != 0
    assert "Traceback" not in done.output and "out" in done.output.splitlines()[-1]


@pytest.mark.parametrize("native", [True, False])
def test_the_manifest_freezes_the_library(tree, native, monkeypatch):
    """As upstream's tools/manifestfile.py runs it: in its own folder, with these names."""
    given = {}
    monkeypatch.chdir(tree)
    options = SimpleNamespace(native=native, defaults=lambda **_: None)
    names = {"options": options, "package": lambda name, files: given.update({name: files})}
    runpy.run_path(str(FIRMWARE / "manifest.py"), names)
    wanted = {"__init__.py", "ring.py", "queue.py", "later.py", "alone.py"}
    kernels = {os.path.join("native", name) for name in ("__init__.py", "ring.py")}
    assert set(given["sluice"]) == (wanted | kernels if native else wanted)
