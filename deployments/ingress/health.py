"""Is this server alive, and is it ready to take sessions?"""

import asyncio

import psutil

from deployments.ingress.calls import StageCalls
from deployments.store.store import SessionStore
from izwi.errors import IzwiError
from izwi.stages import Capabilities

SHARED_S = 1.0
MEMORY_LIMIT_PERCENT = 90.0
"""Above this share of memory in use the machine starts to kill processes: send new work elsewhere."""


class Readiness:
    """Why no session should come here now. Whoever asks within a second shares the answer: anybody may ask."""

    def __init__(self, calls: StageCalls, store: SessionStore) -> None:
        self._calls = calls
        self._store = store
        self._asking: asyncio.Task[list[str]] | None = None
        self._asked_at = 0.0

    async def reasons(self) -> list[str]:
        """Empty when ready."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or now >= self._asked_at + SHARED_S:
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> list[str]:
        reasons: list[str] = []
        try:
            await self._calls.capabilities()
        except IzwiError as error:
            reasons.append(f"models: {error}")
        try:
            await self._store.ping()
        except IzwiError as error:
            reasons.append(f"redis: {error}")
        used = psutil.virtual_memory().percent
        if used >= MEMORY_LIMIT_PERCENT:
            reasons.append(f"memory: {used:.0f} % in use, the limit is {MEMORY_LIMIT_PERCENT:.0f} %")
        return reasons


def describe(capabilities: dict[str, Capabilities]) -> dict[str, list[str]]:
    """Engines per stage in order of preference, as told to clients."""
    return {stage: list(capability.engines) for stage, capability in capabilities.items()}
