"""What an example uses of micropython-lib's umqtt.simple, on CPython's sockets.

That package is on no registry in a form that pip installs. With UMQTT=/path/to/umqtt/simple.py in
the environment the tests run on that file itself.
"""

import importlib.util
import os
import socket
import struct
import sys
from types import ModuleType


class MQTTClient:
    """An MQTT 3.1.1 client that publishes at quality of service 0."""

    def __init__(self, client_id: str, server: str, port: int = 1883) -> None:
        self._id = client_id.encode()
        self._address = (server, port)

    def connect(self) -> None:
        self._line = socket.create_connection(self._address)
        name = struct.pack("!H", len(self._id)) + self._id
        self._packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + name)
        assert self._line.recv(4) == b"\x20\x02\x00\x00"

    def publish(self, topic: bytes, message: bytes) -> None:
        self._packet(0x30, struct.pack("!H", len(topic)) + topic + message)

    def disconnect(self) -> None:
        self._packet(0xE0, b"")
        self._line.close()

    def _packet(self, kind: int, content: bytes) -> None:
        assert len(content) < 128
        self._line.sendall(bytes([kind, len(content)]) + content)


class _Stream(socket.socket):
    """A socket as MicroPython has it, which is a stream, too."""

    def write(self, data, size=None):
        if isinstance(data, str):
            data = data.encode()
        self.sendall(data if size is None else data[:size])

    def read(self, size):
        return self.recv(size, socket.MSG_WAITALL)


def install() -> None:
    """Make it the module umqtt.simple."""
    package, module = ModuleType("umqtt"), ModuleType("umqtt.simple")
    module.__dict__["MQTTClient"] = MQTTClient
    if path := os.environ.get("UMQTT"):
        spec = importlib.util.spec_from_file_location("umqtt.simple", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sockets = ModuleType("socket")
        sockets.__dict__.update(vars(socket) | {"socket": _Stream})
        module.__dict__["socket"] = sockets
    sys.modules.update({"umqtt": package, "umqtt.simple": module})
