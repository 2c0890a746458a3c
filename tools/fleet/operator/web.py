"""The operator's HTTP interface: POST /alerts, and GET /metrics, /healthz and /readyz."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ..etcd import EtcdError
from ..http import HEALTH, add_health
from ..listen import is_bearer
from ..logs import event
from .notification import BadNotification, read
from .operator import Operator

BODY_MAX = 1 << 20
"""Bytes of a notification: some 1,000 alerts."""

BODY_S = 5.0
"""How long a notification may take to arrive."""

_ALERTS_LOGGED = 100  # of a notification, each of which costs the event loop some 0.1 ms

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Whoever does not speak HTTP gets 400 from aiohttp, and a line in the log like the others."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        reason = " ".join(error.message.split())[:200]
        event(log, logging.WARNING, "refused", status=error.code, path="", reason=reason)
        return False
    return True


logging.getLogger("aiohttp.server").addFilter(_without_traceback)


def application(operator: Operator, token: str | None = None) -> web.Application:
    """The web application; with a token all but /healthz and /readyz ask for it.

    What is wrong with a request is answered in one line, and logged: 400 for a body that is no
    notification, 401 without the token, 408 and 413 for a body that is too slow or too long, 503
    when etcd does not answer, so that Alertmanager sends it again.
    """
    pages = _Pages(operator, token)
    app = web.Application(client_max_size=BODY_MAX, middlewares=[pages.guard])
    app.router.add_post("/alerts", pages.alerts)
    add_health(app, lambda: operator.trouble)
    app.router.add_get("/metrics", pages.metrics)
    return app


class _Pages:
    def __init__(self, operator: Operator, token: str | None) -> None:
        self._operator = operator
        self._token = token
        self._registry = CollectorRegistry()
        Gauge(
            "sluice_watermark_ms",
            "Pressure on the fleet's boards; 0: no watermark.",
            registry=self._registry,
        ).set_function(lambda: operator.mark.ms)
        Gauge(
            "sluice_watermark_alerts",
            "Alerts that hold the watermark up.",
            registry=self._registry,
        ).set_function(lambda: len(operator.mark.firing))

    @web.middleware
    async def guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Asks for the token, and logs what is refused."""
        try:
            if self._token is not None and request.path not in HEALTH:
                self._authorize(request, self._token)
            return await handler(request)
        except web.HTTPException as refusal:
            reason = refusal.text or refusal.reason
            event(
                log,
                logging.WARNING,
                "refused",
                status=refusal.status,
                remote=request.remote,
                path=request.path,
                reason=reason,
            )
            refusal.text = reason + "\n"
            raise

    def _authorize(self, request: web.Request, token: str) -> None:
        if not is_bearer(request.headers.get(hdrs.AUTHORIZATION, ""), token):
            raise web.HTTPUnauthorized(
                text="the bearer token is missing or wrong", headers={"WWW-Authenticate": "Bearer"}
            )

    async def alerts(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=f"the body did not arrive within {BODY_S:g} s")
        except (ConnectionError, web.RequestPayloadError):
            raise web.HTTPBadRequest(text="the body breaks off, or cannot be decoded")
        try:
            alerts = read(body)
        except BadNotification as error:
            raise web.HTTPBadRequest(text=str(error))
        for alert in alerts[:_ALERTS_LOGGED]:
            event(
                log,
                logging.INFO,
                "alert" if alert.kind else "alert_ignored",
                name=alert.name,
                kind=alert.kind,
                status="firing" if alert.firing else "resolved",
                lag_ms=alert.lag_ms,
                fingerprint=alert.fingerprint,
            )
        if len(alerts) > _ALERTS_LOGGED:
            left_out = len(alerts) - _ALERTS_LOGGED
            event(log, logging.INFO, "alerts_not_logged", alerts=left_out)
        try:
            mark = await self._operator.apply(alert for alert in alerts if alert.kind)
        except EtcdError as error:
            raise web.HTTPServiceUnavailable(text=error.message)
        return web.json_response({"watermark_ms": mark.ms})

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
