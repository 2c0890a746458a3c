"""Plants a defect and lets the simulator look for it: `python planting.py NUMBER FIRST LAST`.

Prints the first seed of that range that finds defect NUMBER of the list, and what it says.
"""

import gc
import importlib.util
import logging
import sys
from importlib.machinery import PathFinder, SourceFileLoader

from planted_defects import DEFECTS, Defect


class _Changed(SourceFileLoader):
    """Loads a module from its changed source, of which nothing is kept on disk."""

    def __init__(self, name: str, path: str, defect: Defect) -> None:
        super().__init__(name, path)
        self._defect = defect

    def get_code(self, fullname: str) -> object:
        source = self.get_data(self.path).decode()
        assert source.count(self._defect.old) == 1, f"{self._defect.name}: not there, or twice"
        return compile(source.replace(self._defect.old, self._defect.new), self.path, "exec")


class _Finder:
    """Finds the one module that has the defect."""

    def __init__(self, defect: Defect) -> None:
        self._defect = defect

    def find_spec(self, name: str, path: list[str] | None, target: object = None) -> object:
        if name != self._defect.module:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None and spec.origin is not None
        loader = _Changed(name, spec.origin, self._defect)
        return importlib.util.spec_from_file_location(name, spec.origin, loader=loader)


def plant(defect: Defect) -> None:
    """From now on the module has it, which must not be imported yet."""
    assert defect.module not in sys.modules
    sys.meta_path.insert(0, _Finder(defect))  # type: ignore[arg-type]


def main() -> None:
    number, first, last = map(int, sys.argv[1:])
    plant(DEFECTS[number])
    from sluice_tools.lab.simulate.draws import scenarios
    from sluice_tools.lab.simulate.violation import Violation
    from sluice_tools.lab.simulate.world import run

    logging.disable(logging.CRITICAL)
    gc.freeze()
    for seed in range(first, last + 1):
        try:
            for scenario in scenarios(seed):
                run(scenario)
        except Violation as violation:
            print(f"{seed} {str(violation).splitlines()[0]}")
            return
    sys.exit(f"not found by the seeds {first} to {last}")


if __name__ == "__main__":
    main()
