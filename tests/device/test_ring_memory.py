"""What a RecordRing takes from a board's heap is what the capacity experiment says."""

import pytest

from sluice_tools.lab.experiments.capacity import ring_bytes
from sluice_tools.lab.runtimes import WebAssembly


@pytest.mark.parametrize(
    ("slots", "size"), [(1, 64), (3, 64), (4, 64), (64, 64), (1024, 64), (64, 32), (100, 20)]
)
def test_a_ring_takes_from_the_heap_what_the_experiment_says(running, slots, size):
    board = running(WebAssembly)

    def allocated() -> int:
        board.run("import gc")  # garbage is collected between two programs
        board.run("gc.collect()")
        return int(board.run("print(gc.mem_alloc())")[0])

    board.run("from sluice.queue.records import RecordRing\nring = None")
    before = allocated()
    board.run(f"ring = RecordRing({slots}, {size})")
    assert allocated() - before == ring_bytes(slots, size)
