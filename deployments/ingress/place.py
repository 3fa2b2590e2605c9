"""The place of one session: at this replica, and among those of its key and of the cluster."""

import uuid

from deployments.ingress import admission
from deployments.ingress.registry import Live
from deployments.ingress.services import Services
from izwi import messages as m
from izwi.errors import StoreUnavailable
from izwi.keys import Principal
from izwi.stages import Capabilities


class Place:
    """
    Args:
        live: the connection, as the registry knows it.
        owner: whose session it is.
    """

    def __init__(self, services: Services, live: Live, owner: Principal) -> None:
        self._services = services
        self._live = live
        self._owner = owner
        self.session_id: str | None = None
        """Of the session that has it."""
        self.capabilities: dict[str, Capabilities] = {}
        """Of the stages, when a new session got it."""

    async def enter(self, start: m.SessionStart) -> str:
        """For a new session; returns its id. Raises the error it is refused with."""
        services = self._services
        services.newcomers.look(services.calls.wait_s)  # a crowd is refused before it costs anything
        services.registry.enter(self._live)
        self.capabilities = await services.calls.capabilities()
        self.check(start)
        session_id = uuid.uuid4().hex
        await self._take(session_id)
        services.newcomers.admit(services.calls.wait_s)  # last: who is refused for other reasons counts for nothing
        return session_id

    async def enter_again(self, session_id: str) -> None:
        """For a session that was interrupted; raises as `enter` does."""
        self._services.registry.enter(self._live, session_id)
        await self._take(session_id)

    def check(self, start: m.SessionStart) -> None:
        """Raise `UnsupportedLanguage` or `UnsupportedPair` where the stages cannot do what is asked for."""
        admission.check(start, self.capabilities)

    async def renew(self) -> None:
        if self.session_id is not None:
            try:
                await self._services.places.renew(self.session_id, self._owner)
            except StoreUnavailable as error:
                self._services.metrics.errors.labels(error.code).inc()

    async def leave(self) -> None:
        """Give up what is counted in Redis; at the registry a connection leaves itself."""
        if self.session_id is not None:
            try:
                await self._services.places.leave(self.session_id, self._owner)
            except StoreUnavailable as error:
                self._services.metrics.errors.labels(error.code).inc()

    async def _take(self, session_id: str) -> None:
        self.session_id = session_id
        try:
            await self._services.places.enter(session_id, self._owner)
        except StoreUnavailable as error:  # nobody can count; this replica's own limit holds
            self._services.metrics.errors.labels(error.code).inc()
