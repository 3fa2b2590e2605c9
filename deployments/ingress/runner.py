"""One session over one connection: begun or resumed, run, kept in Redis, and moved when the server goes away.

Named tasks in the connection's group: session, store, leave, stages, age. Whatever ends one of them ends all.
"""

import asyncio
import random
import uuid
from dataclasses import replace

from deployments.ingress import admission, opening
from deployments.ingress.emitter import Emitter
from deployments.ingress.health import describe
from deployments.ingress.intake import Intake
from deployments.ingress.opening import Opening
from deployments.ingress.outbox import Outbox
from deployments.ingress.registry import Live
from deployments.ingress.services import Services
from izwi import PROTOCOL_VERSION
from izwi import messages as m
from izwi.errors import IzwiError, ProtocolViolation, SessionTaken, StoreUnavailable
from izwi.keys import Principal
from izwi.session import Session

KEEP_S = 5.0
"""Seconds between looks at the session's entry in Redis."""
STILL_OWNED = frozenset({"moved", "disconnected", "cancelled", SessionTaken.code})
"""Ends of a connection after which its session goes on elsewhere, or may."""
AGE_SPREAD = 0.1
"""Connections of one age do not all end at once: some go this share of it earlier."""


class Finished(Exception):
    """Leaves the task group: the session has ended as it should."""


class Moved(Exception):
    """Leaves the task group: the client is to go on with another connection."""


class Runner:
    """
    Args:
        live: the connection, as the registry knows it.
        owner: whose session it is.
        tasks: of the connection.
    """

    def __init__(
        self,
        services: Services,
        live: Live,
        owner: Principal,
        intake: Intake,
        outbox: Outbox,
        emitter: Emitter,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._services = services
        self._live = live
        self._owner = owner
        self._intake = intake
        self._outbox = outbox
        self._emitter = emitter
        self._tasks = tasks
        self._session_id: str | None = None
        """Of the session that has a place."""
        self._opening: Opening | None = None
        """Of the session that the client has been told of."""
        self._leaving = asyncio.Event()

    @property
    def running(self) -> bool:
        return self._opening is not None

    async def begin(self, start: m.SessionStart) -> None:
        """A new session.

        Raises:
            ProtocolViolation: there is one; it goes on.
            Refused: it may not start.
        """
        services = self._services
        self._intake.open(start.audio)
        session_id = uuid.uuid4().hex
        try:
            services.registry.enter(self._live)
            capabilities = await services.calls.capabilities()
            admission.check(start, capabilities)
            start = await self._with_lists(start)
            await self._take_place(session_id)
            services.newcomers.admit(services.calls.wait_s)  # last: who is refused for other reasons counts for nothing
        except IzwiError as error:
            raise Refused(error) from None
        found = await opening.begin(session_id, start, self._owner.name, services.store, services.settings)
        self._emitter.log = found.log
        started = m.SessionStarted(
            session_id=session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            engines=describe(capabilities),
            resume_token=found.token,
            resumable=found.log.resumable,
        )
        await self._emitter.emit(m.SessionStartedMessage(data=started))
        self._opening = found
        self._run(self._prepare(found), found)

    async def resume(self, wanted: m.SessionResume) -> None:
        """A session that was interrupted; raises as `begin` does."""
        services = self._services
        if self._intake.opened:
            raise ProtocolViolation("the session has started already")
        try:
            services.registry.enter(self._live)
            await self._take_place(wanted.session_id)
            found = await opening.resume(wanted, self._owner.name, services.store, services.settings)
        except IzwiError as error:
            services.metrics.resumed.labels(error.code).inc()
            raise Refused(error) from None
        services.metrics.resumed.labels("ok").inc()
        self._emitter.log = found.log
        session = self._prepare(found)
        self._intake.open(found.start.audio, session.position)
        resumed = m.SessionResumed(
            session_id=found.session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            from_samples=session.position,
        )
        await self._emitter.catch_up(resumed, wanted.last_seq, found.missed)
        self._opening = found
        self._run(session, found)

    async def going_away(self, reason: str, *, elsewhere: bool) -> None:
        """Announce the end of this connection. A session that can go on over another one does.

        Args:
            elsewhere: there is a server to go on with; without it, or without Redis, audio in hand is finished here.
        """
        moves = elsewhere and self._opening is not None and self._opening.log.resumable
        token = self._opening.token if self._opening is not None and moves else None
        await self._emitter.emit(m.SessionGoingAwayMessage(data=m.SessionGoingAway(reason=reason, resume_token=token)))
        if moves:
            self._intake.suspend()
            self._leaving.set()
        else:
            self._intake.cut_off()

    async def forget(self, outcome: str) -> None:
        """The connection is over. A session that may go on over another one keeps its place, until that runs out."""
        if self._session_id is None or outcome in STILL_OWNED:
            return
        try:
            await self._services.places.leave(self._session_id, self._owner)
        except StoreUnavailable as error:
            self._services.metrics.errors.labels(error.code).inc()

    async def _with_lists(self, start: m.SessionStart) -> m.SessionStart:
        """With the hotwords of its lists, which are so the same after a resume."""
        if not start.hotword_lists:
            return start
        hotwords = await self._services.hotwords.gather(self._owner, start.hotwords, start.hotword_lists)
        return start.model_copy(update={"hotwords": hotwords, "hotword_lists": ()})

    # --- steps ------------------------------------------------------------------------------------------------------
    async def _take_place(self, session_id: str) -> None:
        self._session_id = session_id
        try:
            await self._services.places.enter(session_id, self._owner)
        except StoreUnavailable as error:  # nobody can count; this replica's own limit holds
            self._services.metrics.errors.labels(error.code).inc()

    def _prepare(self, found: Opening) -> Session:
        services, intake = self._services, self._intake
        self._outbox.base64 = found.start.speech_transport == "base64"
        return Session(
            found.start,
            services.settings,
            replace(services.calls.stages(), llm=services.llm.ask),
            self._emitter.emit,
            lambda: intake.live,
            found.resumed,
        )

    def _run(self, session: Session, found: Opening) -> None:
        self._tasks.create_task(self._speak(session, found), name="session")
        self._tasks.create_task(self._keep(found), name="store")
        self._tasks.create_task(self._leave(session), name="leave")
        self._tasks.create_task(self._tell_stages(), name="stages")
        if (age := self._services.settings.max_connection_age_s) is not None:
            self._tasks.create_task(self._grow_old(age, found), name="age")

    async def _speak(self, session: Session, found: Opening) -> None:
        if found.resumed.checkpoint.over:
            await session.say_again()
            for event in found.missed[-1:]:  # the end; whoever has it lacks nothing
                await self._outbox.put(event)
        else:
            await session.run(self._intake.stream())
        await self._outbox.sent()
        raise self._intake.failure or Finished

    async def _leave(self, session: Session) -> None:
        """When the server goes away: what has been said is finished here, the utterance that is open elsewhere."""
        await self._leaving.wait()
        await session.settle()
        raise Moved

    async def _tell_stages(self) -> None:
        health = self._services.calls.health
        with health.changes() as changes:
            for stage, code in health.failing.items():
                status = m.StageStatus(stage=stage, working=False, code=code)
                await self._emitter.emit(m.StageStatusMessage(data=status))
            while True:
                await self._emitter.emit(m.StageStatusMessage(data=await changes.get()))

    async def _grow_old(self, age_s: float, found: Opening) -> None:
        await asyncio.sleep(age_s * (1 - random.uniform(0, AGE_SPREAD)))
        await found.log.wait_resumable()  # it must not cost anybody a word
        await self.going_away("connection_age", elsewhere=True)

    async def _keep(self, found: Opening) -> None:
        """Keep the session and its place stored, and tell the client whenever it can no longer be resumed, and when it
        can again."""
        told = True
        while True:
            if found.log.resumable != told:
                told = found.log.resumable
                await self._emitter.emit(m.SessionResumableMessage(data=m.SessionResumable(resumable=told)))
            await asyncio.sleep(KEEP_S)
            await found.log.keep(self._emitter.emitting)
            if found.log.resumable:
                try:
                    await self._services.places.renew(found.session_id, self._owner)
                except StoreUnavailable as error:
                    self._services.metrics.errors.labels(error.code).inc()


class Refused(Exception):
    """A client error that ends the connection."""

    def __init__(self, error: IzwiError) -> None:
        self.error = error
