# SPDX-License-Identifier: MIT
"""What a board must know and nobody else should see: /secrets.json.

The host reads this file's rows to check what `sluice flash --secrets` sends, so nothing of a board
is imported here. No value is ever shown: not in an error, and to no host.
"""

import json

PATH = "/secrets.json"

# A name, and the bytes of its text, at most.
ROWS = (
    ("wifi_ssid", 32),
    ("wifi_password", 64),
    ("mqtt_user", 64),
    ("mqtt_password", 128),
    ("mqtt_ca", 4096),  # a certificate: DER in base64; in the host's file the name of a file
    ("http_token", 256),
    ("http_ca", 4096),
)


def allowed(values) -> str:
    """What the values of a file should be, if they are not that; empty: they are."""
    if not isinstance(values, dict):
        return "an object of names and texts"
    names = [name for name, _ in ROWS]
    for name in values:
        if name not in names:
            return "only the names " + " ".join(names)
    for name, most in ROWS:
        value = values.get(name, "-")
        if not isinstance(value, str) or not 0 < len(value.encode()) <= most:
            return "%s: a text of 1 to %d bytes" % (name, most)
    for name, needed in (("wifi_password", "wifi_ssid"), ("mqtt_password", "mqtt_user")):
        if name in values and needed not in values:
            return "%s together with %s" % (name, needed)
    return ""


def load(root=""):
    """The values by name; none if the board has no such file.

    root: what the paths of the board's files begin with. ValueError: what the file should be.
    """
    try:
        with open(root + PATH) as file:
            values = json.load(file)
    except OSError:  # there is none
        return {}
    except ValueError:
        raise ValueError("JSON")
    should_be = allowed(values)
    if should_be:
        raise ValueError(should_be)
    return values
