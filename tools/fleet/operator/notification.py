"""What Alertmanager's webhook (version 4) says, as rules of the watermark."""

import json
import math
from dataclasses import dataclass
from typing import Any

from ..watermark import Changing

KIND = "watermark"
"""The label that says what an alert asks for: `backlog` or `lag`."""

LAG = "lag_ms"
"""The annotation of a lag alert with the lag."""

_NAME_MAX = 64


class BadNotification(ValueError):
    """Not what Alertmanager sends; the message says in one line what is wrong."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notification.

    name: for people, may be empty.  kind: "backlog", "lag", or "" if the watermark is not its
    matter.  lag_ms: of a lag that fires, 0 or more.
    """

    name: str
    fingerprint: str
    kind: str
    firing: bool
    lag_ms: int = 0

    def apply(self, mark: Changing) -> None:
        """Brings this alert into the watermark."""
        if not self.firing:
            mark.resolved(self.fingerprint)
        elif self.kind == "lag":
            mark.lag(self.fingerprint, self.lag_ms)
        else:
            mark.backlog(self.fingerprint)


def read(body: bytes) -> list[Alert]:
    """The alerts of a notification. BadNotification: any part of it makes no sense."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadNotification("the body is not JSON") from None
    alerts = fields.get("alerts") if isinstance(fields, dict) else None
    if not isinstance(alerts, list):
        raise BadNotification('expected an object with a list "alerts"')
    return [_alert(fields, f"alerts[{i}]") for i, fields in enumerate(alerts)]


def _alert(fields: Any, where: str) -> Alert:
    if not isinstance(fields, dict):
        raise BadNotification(f"{where}: expected an object")
    labels, annotations = (_texts(fields, key, where) for key in ("labels", "annotations"))
    status, fingerprint = fields.get("status"), fields.get("fingerprint")
    if status not in ("firing", "resolved"):
        raise BadNotification(f'{where}.status: expected "firing" or "resolved"')
    if not isinstance(fingerprint, str) or not 1 <= len(fingerprint) <= _NAME_MAX:
        raise BadNotification(f"{where}.fingerprint: expected 1 to {_NAME_MAX} characters")
    kind = labels.get(KIND, "")
    if kind not in ("", "backlog", "lag"):
        raise BadNotification(f'{where}.labels.{KIND}: expected "backlog" or "lag"')
    firing = status == "firing"
    lag_ms = _lag_ms(annotations, where) if firing and kind == "lag" else 0
    return Alert(labels.get("alertname", ""), fingerprint, kind, firing, lag_ms)


def _texts(fields: dict[str, Any], key: str, where: str) -> dict[str, str]:
    texts = fields.get(key, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise BadNotification(f"{where}.{key}: expected an object of strings")
    return texts


def _lag_ms(annotations: dict[str, str], where: str) -> int:
    try:
        lag_ms = float(annotations.get(LAG, ""))
    except ValueError:
        lag_ms = math.nan
    if not 0 <= lag_ms < math.inf:
        raise BadNotification(f"{where}.annotations.{LAG}: expected milliseconds, 0 or more")
    return math.ceil(lag_ms)
