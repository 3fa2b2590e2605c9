"""Notices that Serve takes this replica out of service: at scale-down, and when it is replaced by a new version.

Serve tells a replica nothing: it waits a while for the requests under way, then closes their sockets. The one thing to
be seen from inside is a flag of the actor that holds us, which Ray keeps among its worker's actors. Neither is a public
interface; Ray is pinned for this and other reasons, and tests/chaos fails where the flag is not found. Without it
sessions still survive, but break off instead of being handed over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ray
import structlog

LOOK_S = 0.2
"""Serve waits a second or more from the moment it sets the flag."""

log = structlog.get_logger()


async def watch(retire: Callable[[], Awaitable[object]]) -> None:
    """Call ``retire`` once, as soon as this replica is being stopped."""
    replica = _replica()
    if replica is None:
        log.warning("retirement_not_noticed", reason="Serve's replica was not found in this process")
        return
    while not replica._shutting_down:  # noqa: ASYNC110  the flag is not ours, nobody sets an event
        await asyncio.sleep(LOOK_S)
    log.info("retiring")
    await retire()


def _replica() -> Any | None:
    worker: Any = ray._private.worker.global_worker  # type: ignore[attr-defined]
    for actor in getattr(worker, "actors", {}).values():
        replica = getattr(actor, "_replica_impl", None)
        if hasattr(replica, "_shutting_down"):
            return replica
    return None
