"""Observes a running fleet: gateways' metrics, the alerts, and what stands in etcd."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from typing import TypeVar

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ...errors import UserError
from ..etcd import Etcd, Mirror
from ..gateway.thresholds import PREFIX
from ..watermark import follow
from .timeline import Threshold, Timeline

BACKLOG = "stream_backlog_bytes"

_EVERY_S = 0.2

_T = TypeVar("_T")


class Observer:
    """Writes a timeline of what it sees, while it is entered."""

    def __init__(self, etcd: Etcd) -> None:
        self.seen = Timeline()
        self._etcd = etcd

    @asynccontextmanager
    async def thresholds(self) -> AsyncGenerator[None, None]:
        """Follows the watermark and the boards' thresholds in etcd."""
        async with meanwhile(self._follow_watermark(), self._follow_thresholds()):
            yield

    @asynccontextmanager
    async def pressure(
        self, gateways: Sequence[str], alertmanager: str, alert: str
    ) -> AsyncGenerator[None, None]:
        """Asks the gateways for their backlogs, and Alertmanager for this alert."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session:
            asks = [self._ask_gateway(session, address) for address in gateways]
            async with meanwhile(*asks, self._ask_alertmanager(session, alertmanager, alert)):
                yield

    async def _follow_watermark(self) -> None:
        async with aclosing(follow(self._etcd)) as levels:
            async for ms in levels:
                self.seen.watermark.append((time.monotonic(), ms))

    async def _follow_thresholds(self) -> None:
        mirror = Mirror()
        async with aclosing(self._etcd.follow(PREFIX)) as stream:
            async for news in stream:
                now = time.monotonic()
                for key in mirror.apply(news):
                    board = key.removeprefix(PREFIX)
                    if key not in mirror.kvs:  # its gateway has lost it
                        self.seen.thresholds.pop(board, None)
                        continue
                    value = json.loads(mirror.kvs[key].value)
                    threshold = Threshold(value["watermark_ms"], value["limit"])
                    self.seen.thresholds.setdefault(board, []).append((now, threshold))

    async def _ask_gateway(self, session: aiohttp.ClientSession, address: str) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://{address}/metrics") as answer:
                    text = await answer.text()
                now = time.monotonic()
                for sample in samples(text, BACKLOG):
                    series = self.seen.backlog.setdefault(sample.labels["board"], [])
                    series.append((now, sample.value))
            await asyncio.sleep(_EVERY_S)

    async def _ask_alertmanager(
        self, session: aiohttp.ClientSession, address: str, alert: str
    ) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://{address}/api/v2/alerts") as answer:
                    found = await answer.json()
                begun = [each["startsAt"] for each in found if each["labels"]["alertname"] == alert]
                if bool(begun) != self.seen.fires:
                    at = _monotonic(min(begun)) if begun else time.monotonic()
                    self.seen.alert.append((at, bool(begun)))
            await asyncio.sleep(_EVERY_S / 2)


def _monotonic(wall: str) -> float:
    """An ISO 8601 time on the monotonic clock."""
    return datetime.fromisoformat(wall).timestamp() - time.time() + time.monotonic()


@asynccontextmanager
async def meanwhile(*works) -> AsyncGenerator[None, None]:
    """Runs these while the block runs; an error of either ends both, and the first is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def samples(text: str, prefix: str) -> list[Sample]:
    """Those of a page of metrics whose names begin so."""
    lines = [line for line in text.splitlines(keepends=True) if line.startswith(prefix)]
    return [
        sample
        for family in text_string_to_metric_families("".join(lines))
        for sample in family.samples
    ]


async def until(condition: Callable[[], _T | None], what: str, timeout_s: float) -> _T:
    """What the condition returns, soon after that is true. UserError: it is not within the time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise UserError(f"not within {timeout_s:.0f} s: {what}")
        await asyncio.sleep(0.02)
    return value
