"""`sluice package --flat`: bucket and ring as single files, without package and machine code."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import sluice
from host_sim import FIRMWARE
from sluice_tools.cli import main
from sluice_tools.publish.mip.flat import flat, sources

# The board's clock is host_sim's; its modules are those of its own folder, and no others.
PROGRAM = f"""
import sys
sys.path.insert(0, {str(FIRMWARE.parent)!r})
import host_sim
sys.path[:2] = [""]
from bucket import TokenBucket
from ring import OVERWRITE, RingQueue
bucket = TokenBucket(1, 2)
print([bucket.try_acquire() for _ in range(3)])
queue = RingQueue(2, "H", OVERWRITE)
print([queue.try_put(n) for n in range(3)], queue.try_get(), queue.overwritten)
print([name for name in sys.modules if name.split(".")[0] == "sluice"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "board"
    done = CliRunner().invoke(main, ["package", "--flat", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output == f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}\n"
    return out


def test_bucket_and_ring_work_with_nothing_else_there(folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "[True, True, False]\n[True, True, True] 1 1\n[]\n"


def test_they_name_no_package_and_no_kernel_and_keep_what_people_read(folder):
    for path in folder.glob("*.py"):
        text = path.read_text()
        assert text.startswith(f"# Sluice {sluice.__version__}, ")
        assert "import sluice" not in text and "from sluice" not in text
        assert "kernel(" not in text and "_native" not in text
        ours = next((FIRMWARE / "sluice").rglob(path.name)).read_text()
        assert ours.split('"""')[1] in text
        assert max(len(line) for line in text.splitlines()) <= 100


MODULE = '''"""About."""
from micropython import const
from sluice.guard import IrqGuard
from sluice.kernels import kernel
from sluice.queue.ring import (
    Ring,
)


class Queue(Ring):
    """More about."""

    # Waits.
    def wait(self):
        from sluice.deadline import Deadline

    def guard(self):
        from sluice.guard import IrqGuard  # noqa

        return IrqGuard()


# In machine code.
Queue = kernel("queue", "Queue", Queue)
Other = Queue
'''
FLAT = '''"""About."""
from micropython import const
from guard import IrqGuard
from ring import (
    Ring,
)


class Queue(Ring):
    """More about."""

    def guard(self):
        from guard import IrqGuard  # noqa

        return IrqGuard()


Other = Queue
'''


def test_what_a_module_becomes():
    assert flat(MODULE, {"guard", "ring"}) == FLAT


def test_what_a_module_imports_comes_with_it_and_what_only_a_function_imports_does_not(tmp_path):
    texts = {
        "limit/bucket": "from sluice.limit.terms import x\nfrom sluice.kernels import kernel\n",
        "limit/terms": "from sluice.arguments import y\n",
        "arguments": "def f():\n    from sluice.deadline import Deadline\n",
        "queue/ring": "try:\n    from sluice.queue.ring_native import R\nexcept E: pass\n",
    }
    for place, text in texts.items():
        path = tmp_path / "sluice" / f"{place}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert list(sources(tmp_path)) == ["arguments", "bucket", "ring", "terms"]
