"""The board's program, firmware/main.py, as a module on this host."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

from host_sim import FIRMWARE


def load_program(board: ModuleType) -> Any:
    """The program as a module of its own, which does not start by itself.

    board: what it imports under that name.
    """
    before = sys.modules.get("board")
    sys.modules["board"] = board
    try:
        spec = importlib.util.spec_from_file_location("sluice_program", FIRMWARE / "main.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules["board"]
        else:
            sys.modules["board"] = before
    return module
