"""The metrics of all ingress replicas, from whichever of them is asked: a load balancer picks one.

Each replica writes its own to Redis every few seconds, and the one that is asked adds what it finds there to its own.
Without Redis it tells its own alone, and says so.
"""

import asyncio
from typing import NoReturn

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric

from deployments.ingress.merging import merge, written
from deployments.ingress.metrics import Metrics
from deployments.store.scrapes import Scrapes
from izwi.errors import StoreUnavailable

PUBLISH_S = 5.0
"""Between writing our metrics and writing them again. What another replica tells may be as old as this: scrapes must be
further apart, or counters would seem to go back."""

log = structlog.get_logger()


class Fleet:
    """
    Args:
        replica: our name among them.
    """

    def __init__(self, replica: str, metrics: Metrics, scrapes: Scrapes) -> None:
        self._replica = replica
        self._metrics = metrics
        self._scrapes = scrapes

    async def publish(self) -> NoReturn:
        """Write our metrics for the others again and again, for ever."""
        while True:
            await self.publish_once()
            await asyncio.sleep(PUBLISH_S)

    async def publish_once(self) -> None:
        """Redis may be away: then they do without."""
        own = list(self._metrics.registry.collect())  # here: some are read from what lives on this event loop
        try:
            await self._scrapes.put(self._replica, await asyncio.to_thread(written, own))
        except StoreUnavailable:
            log.debug("metrics_not_published")  # every command that fails is counted

    async def exposition(self, *, others: bool = True) -> bytes:
        """Ours and, where they are wanted, those of the other replicas."""
        found: dict[str, bytes] = {}
        complete = True
        if others:
            try:
                found = await self._scrapes.others(self._replica)
            except StoreUnavailable:
                complete = False
        own = list(self._metrics.registry.collect())
        about = _about(1 + len(found), complete) if others else ()
        # Ten replicas take a tenth of a second to read and write, in which speakers must not wait.
        return await asyncio.to_thread(merge, own, self._replica, found, about)


def _about(replicas: int, complete: bool) -> tuple[Metric, ...]:
    return (
        GaugeMetricFamily("izwi_metrics_replicas", "Ingress replicas whose metrics are in this answer", replicas),
        GaugeMetricFamily(
            "izwi_metrics_complete",
            "1 where those of all replicas could be had, 0 where Redis did not answer",
            float(complete),
        ),
    )
