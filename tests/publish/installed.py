"""A wheel of Sluice, installed in an empty place."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 120

Run = Callable[..., subprocess.CompletedProcess[str]]


def build_wheel(source: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "-w", out, source], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(wheel: Path, place: Path, elsewhere: Path) -> Run:
    """The installed program, or another of its environment, run in the folder `elsewhere`.

    Its dependencies are those of this environment, without the editable Sluice that is in it.
    """
    venv.create(place, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    command = [sys.executable, "-m", "pip", "--python", place, "install", "--quiet", "--no-deps"]
    subprocess.run([*command, wheel], check=True)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(
        *arguments: str, program: str = "sluice", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [place / "bin" / program, *arguments],
            cwd=elsewhere,
            env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    return run
