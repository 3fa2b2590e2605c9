"""The connections of one ingress replica: those that wait for their session to start, and the live ones."""

import asyncio
from typing import Protocol

from deployments.ingress.metrics import Metrics
from izwi.errors import IzwiError, NotReady, Overloaded


class Live(Protocol):
    @property
    def session_id(self) -> str | None: ...

    @property
    def stretch(self) -> float | None: ...

    async def going_away(self, reason: str, *, elsewhere: bool) -> None: ...

    def evict(self, error: IzwiError) -> None: ...


class Registry:
    """Admits sessions up to a limit, and as many connections that have not started one, until a drain begins.

    Where more wait, the one that has waited longest makes room: clients start within milliseconds, so that whoever
    opens sockets to keep others out loses those first.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._waiting: dict[Live, None] = {}
        self._live: set[Live] = set()
        self._draining = False
        self._empty = asyncio.Event()

    def connect(self, connection: Live) -> None:
        """A socket is open; raise `NotReady` where nothing may start any more."""
        self._check()
        if len(self._waiting) >= self._limit:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.evict(Overloaded("others wait: begin a session as soon as the connection is there"))
        self._waiting[connection] = None

    def enter(self, connection: Live, session_id: str | None = None) -> None:
        """Its session starts; raise `Overloaded` or `NotReady` where it may not.

        Args:
            session_id: of the session that goes on over it. Where it still has the slot of its last connection, it
                needs no other: that one is dead, and ends as soon as the session is taken from it.
        """
        self._check()
        succeeds = session_id is not None and any(one.session_id == session_id for one in self._live)
        if len(self._live) >= self._limit and not succeeds:
            raise Overloaded("all session slots are taken; try again in a few seconds")
        self._waiting.pop(connection, None)
        self._live.add(connection)
        self._metrics.sessions.set(len(self._live))

    def leave(self, connection: Live) -> None:
        self._waiting.pop(connection, None)
        self._live.discard(connection)
        self._metrics.sessions.set(len(self._live))
        if not self._live:
            self._empty.set()

    async def drain(self, limit_s: float, reason: str, *, elsewhere: bool) -> int:
        """Tell every session, wait for them to end; returns how many were still there after ``limit_s``.

        Args:
            elsewhere: there is, or will be in a moment, another replica that sessions can go on with.
        """
        self._draining = True
        for connection in [*self._waiting]:
            connection.evict(_stopping())
        if self._live:
            self._empty.clear()
            try:
                async with asyncio.timeout(limit_s):
                    told = (connection.going_away(reason, elsewhere=elsewhere) for connection in self._live)
                    await asyncio.gather(*told)
                    await self._empty.wait()
            except TimeoutError:
                return len(self._live)
        return 0

    def speakers(self) -> list[float]:
        """Of each session in which somebody speaks now, how many times further apart its updates are than asked for."""
        return [stretch for connection in self._live if (stretch := connection.stretch) is not None]

    def _check(self) -> None:
        if self._draining:
            raise _stopping()


def _stopping() -> NotReady:
    return NotReady("this server is stopping; connect again")
