"""Imports point one way: from a room to those below it, and never round in a circle."""

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import host_sim

# From the top down. What shares a line knows nothing of each other, `:` lets it.
ROOMS = """
sluice_tools.__main__ | sluice_tools.manual
sluice_tools.cli
sluice_tools.demo | sluice_tools.testing
sluice_tools.lab : sluice_tools.publish
sluice_tools.fleet
sluice_tools.board | sluice_tools.vboard
sluice_tools.serial
sluice_tools.plots | sluice_tools.tomlfile
sluice_tools.errors | sluice_tools.itself
host_sim
sluice.program
sluice.net
sluice.control | sluice.link | sluice.flow
sluice.queue
sluice.limit
sluice.arguments | sluice.deadline | sluice.crc16 | sluice.guard
sluice.kernels | sluice.crc16_table
"""


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Every import of the project's own modules, those in functions too."""
    assert str(host_sim.FIRMWARE) in sys.path
    return grimp.build_graph("sluice_tools", "host_sim", "sluice", cache_dir=None)


def test_no_two_files_import_each_other_in_whatever_detour(imports):
    graph = {name: imports.find_modules_directly_imported_by(name) for name in imports.modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_room_imports_from_one_above_it(imports):
    layers = [_layer(line) for line in ROOMS.split("\n") if line]
    upward = imports.find_illegal_dependencies_for_layers(layers)
    assert not [f"{each.importer} imports {each.imported}" for each in upward]


def test_each_room_has_its_place(imports):
    placed = {name for line in ROOMS.split("\n") for name in line.replace(":", "|").split("|")}
    rooms = imports.find_children("sluice_tools") | imports.find_children("sluice")
    kernels = {name for name in rooms if name.endswith("_native")}
    assert rooms - kernels == {name.strip() for name in placed} & rooms


def test_a_board_gets_nothing_of_the_other_rooms():
    for path in host_sim.FIRMWARE.rglob("*.py"):
        text = Path(path).read_text()
        assert "import host_sim" not in text and "sluice_tools" not in text, path


def _layer(line: str) -> grimp.Layer:
    independent = ":" not in line
    names = line.replace(":", "|").split("|")
    return grimp.Layer(*(name.strip() for name in names), independent=independent)
