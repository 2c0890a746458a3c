"""The committed protobuf and gRPC code is what `make protos` makes of the .proto files."""

import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MESSAGES = ("_pb2.py", "_pb2.pyi")
SERVICES = (*MESSAGES, "_pb2_grpc.py")
GENERATED = {
    "tools/fleet/etcd/rpc": SERVICES,
    "tools/fleet/stream/records": SERVICES,
    "tools/serial/ack": MESSAGES,
}
FILES = {stem + ending for stem, endings in GENERATED.items() for ending in endings}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    into = tmp_path_factory.mktemp("protos")
    subprocess.run(["make", "protos", f"PROTOS_INTO={into}"], cwd=PROJECT, check=True)
    return into


@pytest.mark.parametrize("file", sorted(FILES))
def test_committed_code_is_up_to_date(generated, file):
    new = generated / file.replace("tools", "sluice_tools", 1)
    assert (PROJECT / file).read_bytes() == new.read_bytes(), "make protos renews it"


def test_all_that_is_generated_is_checked():
    def found(pattern):
        paths = {str(path.relative_to(PROJECT)) for path in PROJECT.glob(f"tools/**/{pattern}")}
        others = ("node_modules", "__pycache__")  # what Python compiles of them is named like them
        return {path for path in paths if not any(name in path for name in others)}

    assert found("*.proto") == {f"{stem}.proto" for stem in GENERATED}
    assert found("*_pb2*.py*") == FILES
