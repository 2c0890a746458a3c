"""The committed protobuf code is what protoc makes of the .proto files."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROTOS = [
    "tools/fleet/etcd/rpc.proto",
    "tools/serial/ack.proto",
    "tools/fleet/stream/records.proto",
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    out = tmp_path_factory.mktemp("protoc")
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I."),
            *(f"--python_out={out}", f"--pyi_out={out}", *PROTOS),
        ],
        cwd=PROJECT,
        check=True,
    )
    return out


@pytest.mark.parametrize("proto", PROTOS)
@pytest.mark.parametrize("ending", ["_pb2.py", "_pb2.pyi"])
def test_committed_code_is_up_to_date(generated, proto, ending):
    place = proto.removesuffix(".proto") + ending
    assert (PROJECT / place).read_text() == (generated / place).read_text()


def test_every_proto_is_checked():
    found = {str(path.relative_to(PROJECT)) for path in PROJECT.glob("tools/**/*.proto")}
    assert {path for path in found if "node_modules" not in path} == set(PROTOS)
