"""The live connections of one ingress replica: admission counts them, a drain waits for them."""

import asyncio
from typing import Protocol

from deployments.ingress.metrics import Metrics
from izwi.errors import NotReady, Overloaded


class Live(Protocol):
    async def going_away(self, reason: str) -> None: ...


class Registry:
    """Admits connections up to a limit, until a drain begins."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._live: set[Live] = set()
        self._draining = False
        self._empty = asyncio.Event()

    def enter(self, connection: Live) -> None:
        """Raise `Overloaded` or `NotReady` where the connection may not start."""
        if self._draining:
            raise NotReady("the server is stopping; reconnect in a moment")
        if len(self._live) >= self._limit:
            raise Overloaded("all session slots are taken; try again in a few seconds")
        self._live.add(connection)
        self._metrics.sessions.set(len(self._live))

    def leave(self, connection: Live) -> None:
        self._live.discard(connection)
        self._metrics.sessions.set(len(self._live))
        if not self._live:
            self._empty.set()

    async def drain(self, limit_s: float) -> int:
        """Tell every session, wait for them to end; returns how many were still there after ``limit_s``."""
        self._draining = True
        if self._live:
            self._empty.clear()
            try:
                async with asyncio.timeout(limit_s):
                    await asyncio.gather(*(connection.going_away("shutdown") for connection in self._live))
                    await self._empty.wait()
            except TimeoutError:
                return len(self._live)
        return 0
