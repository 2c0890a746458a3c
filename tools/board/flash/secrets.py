"""A file of secrets as the board gets it. No value of it is ever shown."""

import base64
import json
import runpy
import ssl
from pathlib import Path
from typing import Any

from ...errors import UserError

PATH = "/secrets.json"
RULES = "sluice/net/secrets.py"
_CERTIFICATES = ("mqtt_ca", "http_ca")


def read(path: Path, firmware: Path) -> bytes:
    """What to send of the file at this path: the same, with the certificates that it names.

    firmware: the folder whose rules say what is allowed; without any, the board checks.
    UserError: the file cannot be read, or the board would refuse it.
    """
    values = _json(path)
    for name in _CERTIFICATES:
        if isinstance(values, dict) and isinstance(values.get(name), str):
            values[name] = _certificate(name, path.parent / values[name])
    rules = firmware / RULES
    if rules.is_file() and (allowed := runpy.run_path(str(rules))["allowed"](values)):
        raise UserError(f"{path}: allowed: {allowed}")
    return json.dumps(values).encode() + b"\n"


def _json(path: Path) -> Any:
    try:
        data = path.read_bytes()
        return json.loads(data.decode(json.detect_encoding(data)))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):  # whose text might quote it
        raise UserError(f"{path}: not JSON") from None


def _certificate(name: str, path: Path) -> str:
    """The certificate of a file in PEM or DER: DER in base64."""
    try:
        data = path.read_bytes()
        if b"-----BEGIN" in data:
            data = ssl.PEM_cert_to_DER_cert(data.decode().strip())
        ssl.create_default_context(cadata=data)
    except OSError as error:
        reason = "no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UserError(f"{path} ({name}): {reason}") from None
    except ValueError:
        raise UserError(f"{path} ({name}): no certificate") from None
    return base64.b64encode(data).decode()
