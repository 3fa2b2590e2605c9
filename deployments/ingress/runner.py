"""One session over one connection: begun or resumed, run, kept in Redis, and moved when the server goes away.

Named tasks in the connection's group: session, store, leave, stages, age. Whatever ends one of them ends all.
"""

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from deployments.ingress import opening, upkeep
from deployments.ingress.emitter import Emitter
from deployments.ingress.endings import Finished, Moved, Refused
from deployments.ingress.eventlog import EventLog
from deployments.ingress.health import describe
from deployments.ingress.intake import Intake
from deployments.ingress.meter import Meter
from deployments.ingress.native import in_text
from deployments.ingress.opening import Opening
from deployments.ingress.outbox import Outbox
from deployments.ingress.place import Place
from deployments.ingress.registry import Live
from deployments.ingress.services import Services
from izwi import PROTOCOL_VERSION
from izwi import messages as m
from izwi.converter import resend_from
from izwi.errors import IzwiError, ProtocolViolation, SessionTaken
from izwi.keys import Principal
from izwi.opus_speech import OpusSpeech
from izwi.session import Session
from izwi.settings import Settings
from izwi.wire import Wire

if TYPE_CHECKING:
    from deployments.tracing.sessions import SessionTraces

BROKEN = "broken"
"""End of a connection by an error that nobody foresaw."""
STILL_OWNED = frozenset({"moved", "disconnected", "cancelled", BROKEN, SessionTaken.code})
"""Ends of a connection after which its session goes on elsewhere, or may."""
AGE_SPREAD = 0.1
"""Connections of one age do not all end at once: some go this share of it earlier."""


class Runner:
    """
    Args:
        live: the connection, as the registry knows it.
        wire: says whether sessions can go on over another connection.
        owner: whose session it is.
        tasks: of the connection.
        traceparent: of the request that opened it.
    """

    def __init__(
        self,
        services: Services,
        live: Live,
        wire: Wire,
        owner: Principal,
        intake: Intake,
        outbox: Outbox,
        emitter: Emitter,
        tasks: asyncio.TaskGroup,
        traceparent: str = "",
    ) -> None:
        self._services = services
        self._wire = wire
        self._owner = owner
        self._intake = intake
        self._outbox = outbox
        self._emitter = emitter
        self._tasks = tasks
        self._place = Place(services, live, owner)
        self._opening: Opening | None = None
        """Of the session that the client has been told of."""
        self._session: Session | None = None
        self._leaving = asyncio.Event()
        self._traceparent = traceparent
        self._traces: SessionTraces | None = None
        self._meter: Meter | None = None

    @property
    def running(self) -> bool:
        return self._opening is not None

    @property
    def session_id(self) -> str | None:
        """Of the session that the client has been told of."""
        return self._opening.session_id if self._opening is not None else None

    @property
    def resumable(self) -> bool:
        """The session could go on over another connection now."""
        return self._wire.resumes and self._opening is not None and self._opening.resumable

    @property
    def stretch(self) -> float | None:
        """See `Session.stretch`."""
        return None if self._session is None else self._session.stretch

    async def enter(self, start: m.SessionStart) -> str:
        """A place for a new session; returns its id.

        Raises:
            Refused: there is none, or ``start`` asks for what the stages cannot do.
        """
        try:
            session_id = await self._place.enter(start)
        except IzwiError as error:
            raise Refused(error) from None
        if not self._wire.resumes:
            self._tasks.create_task(upkeep.keep_place(self._place), name="place")
        return session_id

    def check(self, start: m.SessionStart) -> None:
        """See `Place.check`; there is a place."""
        self._place.check(start)

    async def begin(self, start: m.SessionStart, settings: Settings) -> None:
        """A new session, on the place taken before if there is one.

        Raises:
            ProtocolViolation: there is one; it goes on.
            Refused: it may not start.
        """
        self._intake.open(start.audio)
        session_id = self._place.session_id or await self.enter(start)
        try:
            start = await self._with_lists(start)
        except IzwiError as error:
            raise Refused(error) from None
        found = Opening(session_id, "", start, None)
        if self._wire.resumes:
            found = await opening.begin(session_id, start, self._owner.name, self._services.store, settings)
        self._emitter.log = found.log
        started = m.SessionStarted(
            session_id=session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            engines=describe(self._place.capabilities),
            resume_token=found.token,
            resumable=found.resumable,
        )
        await self._emitter.emit(m.SessionStartedMessage(data=started))
        self._opening = found
        self._run(self._prepare(found, settings), found)

    async def resume(self, wanted: m.SessionResume) -> None:
        """A session that was interrupted; raises as `begin` does."""
        services = self._services
        if self._intake.opened:
            raise ProtocolViolation("the session has started already")
        try:
            await self._place.enter_again(wanted.session_id)
            found = await opening.resume(wanted, self._owner.name, services.store, services.settings)
        except IzwiError as error:
            services.metrics.resumed.labels(error.code).inc()
            raise Refused(error) from None
        services.metrics.resumed.labels("ok").inc()
        self._emitter.log = found.log
        session = self._prepare(found, services.settings)
        from_samples = resend_from(found.start.audio, session.position)
        self._intake.open(found.start.audio, session.position, session.position - from_samples)
        resumed = m.SessionResumed(
            session_id=found.session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            from_samples=from_samples,
        )
        await self._emitter.catch_up(resumed, wanted.last_seq, found.missed)
        self._opening = found
        self._run(session, found)

    async def going_away(self, reason: str, *, elsewhere: bool) -> None:
        """Announce the end of this connection. A session that can go on over another one does.

        Args:
            elsewhere: there is a server to go on with; without it, or without Redis, audio in hand is finished here.
        """
        moves = elsewhere and self._opening is not None and self._opening.resumable
        token = self._opening.token if self._opening is not None and moves else None
        await self._emitter.emit(m.SessionGoingAwayMessage(data=m.SessionGoingAway(reason=reason, resume_token=token)))
        if moves:
            self._intake.suspend()
            self._leaving.set()
        else:
            self._intake.cut_off()

    async def forget(self, outcome: str) -> None:
        """The connection is over. A session that may go on over another one keeps its place, until that runs out."""
        if self._traces is not None:
            self._traces.close(outcome)
        if self._meter is not None:
            self._meter.close()
        if not (self._wire.resumes and outcome in STILL_OWNED):
            await self._place.leave()

    async def _with_lists(self, start: m.SessionStart) -> m.SessionStart:
        """With the hotwords of its lists, which are so the same after a resume."""
        if not start.hotword_lists:
            return start
        hotwords = await self._services.hotwords.gather(self._owner, start.hotwords, start.hotword_lists)
        return start.model_copy(update={"hotwords": hotwords, "hotword_lists": ()})

    # --- steps ------------------------------------------------------------------------------------------------------
    def _prepare(self, found: Opening, settings: Settings) -> Session:
        intake = self._intake
        meter = self._meter = Meter(self._services.metrics, intake, self._outbox, settings)
        emit = self._emit
        if found.start.speech_transport == "base64":
            emit = in_text(emit)
        if found.start.speech_format == "opus":
            emit = OpusSpeech(emit).emit
        stages = replace(self._services.calls.stages(), llm=self._services.llm.ask)
        if (tracing := self._services.tracing) is not None:
            self._traces = tracing.session(found.session_id, self._owner.name, self._traceparent)
            stages = replace(stages, trace=self._traces.begin)
        told, live = meter.told(emit), lambda: intake.live
        session = Session(found.start, settings, stages, told, live, found.resumed, meter.passed)
        meter.watch(session)
        return session

    def _run(self, session: Session, found: Opening) -> None:
        self._session = session
        self._tasks.create_task(self._speak(session, found), name="session")
        self._tasks.create_task(self._leave(session), name="leave")
        self._tasks.create_task(upkeep.tell_stages(self._services.calls.health, self._emitter), name="stages")
        if found.log is not None:
            self._tasks.create_task(upkeep.keep_stored(found.log, self._emitter, self._place), name="store")
            if (age := self._services.settings.max_connection_age_s) is not None:
                self._tasks.create_task(self._grow_old(age, found.log), name="age")

    async def _emit(self, event: m.ServerMessage, payload: bytes | None = None) -> None:
        if isinstance(event, m.SessionEndedMessage) and self._intake.failure is not None:
            ended = event.data.model_copy(update={"reason": self._intake.failure.code})
            event = event.model_copy(update={"data": ended})
        await self._emitter.emit(event, payload)

    async def _speak(self, session: Session, found: Opening) -> None:
        if found.resumed.checkpoint.over:
            await session.say_again()
            for event in found.missed[-1:]:  # the end, under its number; whoever has it lacks nothing
                await self._emitter.emit(event)
        else:
            await session.run(self._intake.stream())
        await self._outbox.sent()
        raise self._intake.failure or Finished

    async def _leave(self, session: Session) -> None:
        """When the server goes away: what has been said is finished here, the utterance that is open elsewhere."""
        await self._leaving.wait()
        await session.settle()
        raise Moved

    async def _grow_old(self, age_s: float, log: EventLog) -> None:
        await asyncio.sleep(age_s * (1 - random.uniform(0, AGE_SPREAD)))
        await log.wait_resumable()  # it must not cost anybody a word
        await self.going_away("connection_age", elsewhere=True)
