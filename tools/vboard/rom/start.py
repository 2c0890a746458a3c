"""Makes the interpreter a board, before boot.py: modules here take the built-in ones' places."""

import os  # noqa: F401
import sys
import time

import _sys
import complete_asyncio  # noqa: F401

sys.modules["sys"] = _sys
sys.modules["utime"] = time
del sys.modules["_sys"]
del sys.modules["complete_asyncio"]
del sys.modules["start"]
