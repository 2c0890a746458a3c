"""The simulation of what spills to flash: it is clean, deterministic, and finds what is planted."""

import random
from collections import deque
from importlib import import_module
from pathlib import Path

import pytest
from simulate_defects_store import DEFECTS

from sluice_tools.lab.simulate import spilling
from sluice_tools.lab.simulate.violation import Violation


def test_200_seeds_are_clean():
    for seed in range(200):
        spilling.run(seed)


def test_the_same_seed_gives_the_same_history():
    first, again, other = [history(seed) for seed in (7, 7, 8)]
    assert first == again != other
    assert len(first) > 20


def history(seed):
    one = spilling._Run(random.Random(seed))
    one.notes = deque()
    one.go()
    return list(one.notes)


@pytest.fixture
def planted(request):
    """The module with another source, until the test ends."""
    defect = request.param
    module = import_module(defect.module)
    source = Path(module.__file__).read_text()
    assert source.count(defect.old) == 1
    before = dict(vars(module))
    exec(compile(source.replace(defect.old, defect.new), module.__file__, "exec"), vars(module))
    yield defect
    vars(module).clear()
    vars(module).update(before)  # the same classes as before: others have them


@pytest.mark.parametrize("planted", DEFECTS, indirect=True, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found(planted):
    with pytest.raises(Violation):
        spilling.run(planted.seed)
