"""The key of a board's line over TCP: a file of 64 hexadecimal digits."""

import os
import secrets
from pathlib import Path

from ..errors import UserError

VARIABLE = "SLUICE_KEY"
"""The environment variable that names the file of the key for ports tcp://."""

_BYTES = 32


def read(path: Path) -> bytes:
    """The key of the file. UserError: it cannot be read, or is none; it is never shown."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise UserError(f"{path}: no key: {2 * _BYTES} hexadecimal digits")
    return key


def make(path: Path) -> None:
    """Writes a new key, drawn by the system, into a new file that its owner alone can read.

    UserError: it cannot be written, or is there already.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def of_environment() -> bytes:
    """The key of the file that SLUICE_KEY names. UserError: it names none, or see `read`."""
    name = os.environ.get(VARIABLE)
    if not name:
        raise UserError(
            f"a port tcp:// needs the board's key: {VARIABLE}=FILE, with the FILE of"
            " `sluice flash --key FILE`"
        )
    return read(Path(name))
