"""What Alertmanager sends to its webhook."""

import json
import urllib.error
import urllib.request
from pathlib import Path


def alert(fingerprint, kind="backlog", status="firing", lag_ms=None):
    """One alert, with all the fields that Alertmanager 0.25 sends."""
    labels = {"alertname": "Sluice", "board": "b1", "topic": "t", "watermark": kind}
    return {
        "status": status,
        "labels": labels,
        "annotations": {} if lag_ms is None else {"lag_ms": lag_ms},
        "startsAt": "2026-11-24T19:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


def body(*alerts):
    notification = {
        "version": "4",
        "groupKey": '{}/{watermark=~".+"}:{board="b1"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "sluice-operator",
        "groupLabels": {"board": "b1"},
        "commonLabels": {"board": "b1"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }
    return json.dumps(notification).encode()


def request(url: str, data: bytes | None = None, token_file: Path | None = None):
    """Status and text of a GET, or a POST of the data."""
    headers = {"Authorization": f"Bearer {token_file.read_text().strip()}"} if token_file else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as ok:
            return ok.status, ok.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
