"""Is this server alive, and is it ready to take sessions?"""

import psutil

from deployments.ingress.calls import StageCalls
from deployments.store.store import SessionStore
from izwi.errors import IzwiError
from izwi.stages import Capabilities

MEMORY_LIMIT_PERCENT = 90.0
"""Above this share of memory in use the machine starts to kill processes: send new work elsewhere."""


async def unready_reasons(calls: StageCalls, store: SessionStore) -> list[str]:
    """Why no session should come here now; empty when ready."""
    reasons: list[str] = []
    try:
        await calls.capabilities()
    except IzwiError as error:
        reasons.append(f"models: {error}")
    try:
        await store.ping()
    except IzwiError as error:
        reasons.append(f"redis: {error}")
    used = psutil.virtual_memory().percent
    if used >= MEMORY_LIMIT_PERCENT:
        reasons.append(f"memory: {used:.0f} % in use, the limit is {MEMORY_LIMIT_PERCENT:.0f} %")
    return reasons


def describe(capabilities: dict[str, Capabilities]) -> dict[str, list[str]]:
    """Engines per stage in order of preference, as told to clients."""
    return {stage: list(capability.engines) for stage, capability in capabilities.items()}
