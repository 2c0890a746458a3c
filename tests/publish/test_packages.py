"""The packages for `mip install`: what is in each, and that the committed ones are up to date."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from host_sim import FIRMWARE
from sluice_tools.board.flash.release import digest, library
from sluice_tools.cli import main
from sluice_tools.errors import UserError
from sluice_tools.publish.mip.packages import SOURCE, files, needed, packages

MODULES = library(FIRMWARE, SOURCE)
LICENCE = "# SPDX-License-Identifier: MIT"
PLACES = sorted(packages(MODULES, ".py"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small firmware of two rooms, with kernels asked for in two ways and a lazy import."""
    texts = {
        "__init__.py": f'{LICENCE}\n__version__ = "1.2.3"\n_HOMES = {{"Ring": "queue.ring"}}\n',
        "kernels.py": "def kernel(module, name, plain):\n    return plain\n",
        "alone.py": "import time\n",
        "queue/__init__.py": "",
        "queue/ring.py": "import os\nfrom sluice.kernels import kernel\nclass Ring:\n    pass\n"
        'Ring = kernel("queue.ring", "Ring", Ring)\n',
        "queue/ring_native.py": "import micropython\nfrom sluice.alone import a\n"
        "@micropython.viper\ndef f(a: int) -> int:\n    return a\n",
        "queue/line.py": "from sluice.queue import ring\ndef f():\n    import sluice.limit.later\n",
        "limit/__init__.py": "",
        "limit/later.py": "try:\n    from sluice.limit.later_native import X\n"
        "except ImportError:\n    pass\n",
        "limit/later_native.py": "import micropython\n@micropython.viper\ndef X():\n    pass\n",
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
    found = {path.name: path.read_text() for path in FIRMWARE.glob("*.json")}
    del found["config.json"]
    assert found == wanted, "`sluice package` renews them"


def test_there_is_the_whole_a_package_a_room_and_two_that_stand_alone():
    rooms = {path.parent.name for path in (FIRMWARE / "sluice").glob("*/__init__.py")}
    wanted = {"package.json", "bucket.json", "ring.json", *(f"{room}.json" for room in rooms)}
    assert set(PLACES) == wanted
    assert len(PLACES) <= 10


def test_each_kernel_is_installed_with_what_it_stands_in_for():
    kernels = {name for name in MODULES if name.endswith("_native.py")}
    assert len(kernels) > 5
    for kernel in kernels:
        assert kernel in needed(kernel.replace("_native.py", ".py"), MODULES)


@pytest.mark.parametrize("place", PLACES)
def test_every_file_stands_beside_its_package_or_below(place):
    package = json.loads((FIRMWARE / place).read_text())
    assert package["deps"] == []  # which mip looks up in an index
    for target, url in package["urls"]:
        assert ":" not in url and not {"..", ""} & set(url.split("/"))
        assert (FIRMWARE / place).parent / url == FIRMWARE / target
        assert (FIRMWARE / target).is_file()


INIT, ALONE, KERNELS = (f"sluice/{name}.py" for name in ("__init__", "alone", "kernels"))
RING = {
    INIT,
    KERNELS,
    ALONE,
    *(f"sluice/queue/{n}.py" for n in ("__init__", "ring", "ring_native")),
}
LATER = {INIT, *(f"sluice/limit/{name}.py" for name in ("__init__", "later", "later_native"))}


def test_a_package_holds_what_its_modules_need_in_turn_and_nothing_else(tree):
    modules = library(tree, SOURCE)
    assert needed(ALONE, modules) == {INIT, ALONE}
    assert needed("sluice/queue/ring.py", modules) == RING
    assert needed("sluice/limit/later.py", modules) == LATER
    assert needed("sluice/queue/line.py", modules) == RING | LATER | {"sluice/queue/line.py"}
    built = packages(modules, ".py")
    assert sorted(built) == ["limit.json", "package.json", "queue.json", "ring.json"]
    assert set(installed(built["queue.json"])) == RING | LATER | {"sluice/queue/line.py"}
    assert set(installed(built["ring.json"])) == RING
    assert set(installed(built["limit.json"])) == LATER
    assert set(installed(built["package.json"])) == set(modules)


def test_a_kernel_whose_module_is_not_said_in_a_word_is_refused(tree):
    (tree / "sluice" / "alone.py").write_text("X = kernel(__name__, 'X', X)\n")
    with pytest.raises(UserError, match="kernel.__name__, 'X', X.: the first argument"):
        packages(library(tree, SOURCE), ".py")


def test_bytecode_packages_have_no_kernels_and_those_of_an_architecture_have_them(tree):
    for arch, kernels in (("", False), ("armv6m", True)):
        built = files(tree, arch)
        for name in ("package.json", "ring.json"):
            there = installed(built[name].decode())
            assert ("sluice/queue/ring_native.mpy" in there) == kernels
            assert set(there) <= set(built)
        assert "sluice/kernels.mpy" in installed(built["ring.json"].decode())
        assert ("sluice/queue/ring_native.mpy" in built) == kernels
        assert built["sluice/queue/ring.mpy"][:2] == b"M\x06"
    assert built["sluice/queue/ring_native.mpy"][2] >> 2 & 15 == 4  # armv6m


def test_version_and_licence_are_the_librarys(tree):
    built = [json.loads(text) for text in packages(library(tree, SOURCE), ".py").values()]
    assert {(package["version"], package["license"]) for package in built} == {("1.2.3", "MIT")}
    (tree / "sluice" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    with pytest.raises(UserError, match=r"__init__\.py: the first line must begin with '# SPDX"):
        packages(library(tree, SOURCE), ".py")
    (tree / "sluice" / "__init__.py").write_text("")
    with pytest.raises(UserError, match=r"__init__\.py: no __version__"):
        packages(library(tree, SOURCE), ".py")


def test_the_command_writes_the_packages_and_leaves_the_rest_alone(tree):
    (tree / "config.json").write_text("{}")
    done = CliRunner().invoke(main, ["package", "--firmware", str(tree)])
    assert done.output == f"{tree}: limit.json, package.json, queue.json, ring.json\n"
    assert (tree / "config.json").read_text() == "{}"
    written = {path.name: path.read_text() for path in tree.glob("*.json")}
    del written["config.json"]
    assert written == packages(library(tree, SOURCE), ".py")


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
    made: dict[str, str] = {}

    def module(name, base_path):
        made[name] = runpy.run_path(str(Path(base_path, name)))["LIBRARY"]

    names = {
        "options": options,
        "package": lambda name, files: given.update({name: files}),
        "module": module,
    }
    runpy.run_path(str(FIRMWARE / "manifest.py"), names)
    sources = library(tree, SOURCE if native else "")
    assert set(given["sluice"]) == {name.removeprefix("sluice/") for name in sources}
    assert made == {"sluice_frozen.py": digest(sources)}


ALIGNING = """\
MP_NATIVE_ARCH_ARMV6M = 4
self.fun_data_attributes = ""
if arch in (MP_NATIVE_ARCH_ARMV6, {words}):
    self.fun_data_attributes += " __attribute__ ((aligned (4)))"
elif {halves} <= arch:
    self.fun_data_attributes += " __attribute__ ((aligned (2)))"
"""
OF_128 = ALIGNING.format(words="MP_NATIVE_ARCH_XTENSA", halves="MP_NATIVE_ARCH_ARMV6M")
MENDED = ALIGNING.format(words="MP_NATIVE_ARCH_ARMV6M", halves="MP_NATIVE_ARCH_ARMV7M")
ANOTHER = "self.fun_data_attributes = ALIGNED[arch]"


@pytest.mark.parametrize(
    ("tool", "march", "native", "good"),
    [
        (OF_128, "armv6m", True, False),
        (ANOTHER, "armv6m", True, False),
        (MENDED, "armv6m", True, True),
        (OF_128, "armv6m", False, True),
        (OF_128, "armv7emsp", True, True),
    ],
)
def test_a_build_that_misplaces_machine_code_is_refused(
    tmp_path, monkeypatch, tool, march, native, good
):
    """Upstream's mpy-tool.py up to 1.28: an RP2040 reads wrong constants in frozen kernels."""
    (tmp_path / "mpy-tool.py").write_text(tool)
    running = SimpleNamespace(__file__=str(tmp_path / "manifestfile.py"))
    monkeypatch.setitem(sys.modules, "manifestfile", running)
    monkeypatch.setattr(sys, "argv", ["makemanifest.py", f"-f-march={march}"])
    monkeypatch.chdir(FIRMWARE)
    names = {
        "options": SimpleNamespace(native=native, defaults=lambda **_: None),
        "package": lambda *_, **__: None,
        "module": lambda *_, **__: None,
    }
    if good:
        runpy.run_path(str(FIRMWARE / "manifest.py"), names)
        return
    with pytest.raises(SystemExit, match="misplaces machine code for armv6m"):
        runpy.run_path(str(FIRMWARE / "manifest.py"), names)
