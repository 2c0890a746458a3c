"""Applies alerts to the watermark in etcd, and lets it decay."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from ..etcd import Etcd, EtcdError, EtcdUnavailable
from ..logs import event
from ..watermark import STEPS, Changing, Rule, Watermark, after, change
from .notification import Alert

PATIENCE_S = 5.0
"""How long a notification may wait for etcd. Alertmanager waits for 10 s or longer."""

_AGAIN_S = 0.1
_DECAY_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Operator:
    """Several may run at once on one etcd, as each change is a compare-and-swap.

    Keeps nothing that is not in etcd, so it may be killed at any time.

    rule: how the watermark follows the alerts; the same for all of them.
    """

    def __init__(self, etcd: Etcd, rule: Rule = STEPS) -> None:
        self._etcd = etcd
        self._rule = rule
        self._turn = asyncio.Lock()  # or notifications that come at once swap against each other
        self.mark = Watermark()
        """What stood in etcd when it last answered."""
        self.trouble = "etcd: not asked yet"
        """Why etcd did not answer the last time; empty: it did."""

    async def apply(self, alerts: Iterable[Alert]) -> Watermark:
        """Brings alerts into the watermark, all or none; what stands then.

        Done again it changes nothing. EtcdError: etcd refuses, or did not answer within PATIENCE_S;
        the change may have been made or not.
        """
        alerts = list(alerts)

        def rule(mark: Watermark) -> Watermark:
            changing = Changing(mark, _wall_ms(), self._rule)
            for alert in alerts:
                alert.apply(changing)
            return changing.mark

        try:
            async with asyncio.timeout(PATIENCE_S), self._turn:
                while True:
                    with contextlib.suppress(EtcdUnavailable):
                        return await self._change(rule)
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            raise EtcdUnavailable(self.trouble or f"etcd: no answer within {PATIENCE_S:g} s")

    async def decay(self) -> None:
        """Lets the watermark decay, for ever, also that which others have raised."""
        while True:
            # `trouble` says so; the decay hangs on the time alone, so nothing is missed.
            with contextlib.suppress(EtcdError):
                await self._change(lambda mark: after(mark, _wall_ms(), self._rule))
            await asyncio.sleep(_DECAY_EVERY_S)

    async def _change(self, rule: Callable[[Watermark], Watermark]) -> Watermark:
        try:
            mark = await change(self._etcd, rule)
        except EtcdError as error:
            self._troubled(error.message)
            raise
        self._troubled("")
        if mark.ms != self.mark.ms or mark.firing.keys() != self.mark.firing.keys():
            event(log, logging.INFO, "watermark", ms=mark.ms, firing=len(mark.firing))
        self.mark = mark
        return mark

    def _troubled(self, trouble: str) -> None:
        if trouble and not self.trouble:
            event(log, logging.WARNING, "etcd_lost", reason=trouble)
        elif self.trouble and not trouble:
            event(log, logging.INFO, "etcd_answers")
        self.trouble = trouble


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
