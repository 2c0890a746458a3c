"""A release that was flashed starts out of its folder, whose names are looked up in memory."""

import subprocess
import sys
from pathlib import Path

SLUICE = Path(sys.executable).with_name("sluice")

# Imports the program as its start does, with what is asked of the file system counted.
IMPORT = """
import sys
for name in [name for name in sys.modules if name.startswith("sluice") or name == "board"]:
    del sys.modules[name]
import main
asked = []
class Counted(main.Listed):
    def stat(self, name):
        asked.append(name)
        return super().stat(name)
    def open(self, name, mode):
        asked.append(name)
        return super().open(name, mode)
main.Listed = Counted
start, board = main.load_release(sys.path[0])
print("found", [name for name in asked if name == "/sluice/program/program.mpy"], board.NAME)
print("asked for", len([name for name in asked if name.endswith(".py")]), "sources")
try:
    import sluice.no_such_module
except ImportError as error:
    print(error)
import sluice.flow.pulses
print(open(sys.path[0] + "/main.mpy", "rb").read(1))
"""


def test_the_program_is_loaded_through_the_names_of_its_release(vboard, remote):
    command = [SLUICE, "flash", "--board", "virtual", "--port", vboard.url]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=240)
    told = remote("exec", IMPORT)
    assert "found ['/sluice/program/program.mpy', '/sluice/program/program.mpy'] virtual" in told
    assert "asked for" in told and "asked for 0 sources" not in told
    assert "no module named 'sluice.no_such_module'" in told
    assert "b'M'" in told
