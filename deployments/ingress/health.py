"""Is this server alive, and is it ready to take sessions?"""

import asyncio
from contextlib import suppress
from typing import NoReturn

from deployments.ingress import memory
from deployments.ingress.calls import StageCalls
from deployments.ingress.metrics import Metrics
from deployments.store.jobs import JobStore
from deployments.store.store import SessionStore
from izwi.errors import IzwiError, StoreUnavailable
from izwi.stages import Capabilities

LOOK_S = 5.0
"""Between two looks: as often as metrics are passed on to other replicas."""
WHAT = ("models", "redis", "memory")
"""Keeps a server from being ready."""


async def unready(calls: StageCalls, store: SessionStore) -> dict[str, str]:
    """Why no session should come here now, by one of `WHAT`; empty when ready."""
    reasons: dict[str, str] = {}
    try:
        await calls.capabilities()
    except IzwiError as error:
        reasons["models"] = str(error)
    try:
        await store.ping()
    except IzwiError as error:
        reasons["redis"] = str(error)
    if shortage := memory.shortage():
        reasons["memory"] = shortage
    return reasons


async def watch(metrics: Metrics, calls: StageCalls, store: SessionStore, jobs: JobStore) -> NoReturn:
    """Note again and again what nobody else tells the metrics, for ever."""
    while True:
        reasons = await unready(calls, store)
        calls.health.forget()
        metrics.ready.set(not reasons)
        for what in WHAT:
            metrics.unready.labels(what).set(what in reasons)
        with suppress(StoreUnavailable):  # which the link has counted
            metrics.jobs_waiting.set(await jobs.depth())
        await asyncio.sleep(LOOK_S)


def describe(capabilities: dict[str, Capabilities]) -> dict[str, list[str]]:
    """Engines per stage in order of preference, as told to clients."""
    return {stage: list(capability.engines) for stage, capability in capabilities.items()}
