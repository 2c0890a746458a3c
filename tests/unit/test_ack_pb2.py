"""The committed protobuf code is what protoc makes of tools/link/ack.proto."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    out = tmp_path_factory.mktemp("protoc")
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I."),
            *(f"--python_out={out}", f"--pyi_out={out}", "tools/link/ack.proto"),
        ],
        cwd=PROJECT,
        check=True,
    )
    return out


@pytest.mark.parametrize("name", ["ack_pb2.py", "ack_pb2.pyi"])
def test_committed_code_is_up_to_date(generated, name):
    place = Path("tools", "link", name)
    assert (PROJECT / place).read_text() == (generated / place).read_text()
