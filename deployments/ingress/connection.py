"""One WebSocket on ``/ws/stream``: reads frames into a session and writes its events out.

Named tasks in one group: receive, session, send, ping, store, leave. Whatever ends one of them ends all. The session
ends with its connection; its log is what another connection resumes it from.
"""

import asyncio
import base64
import binascii
import time
from dataclasses import dataclass

import structlog
from starlette.types import Message
from starlette.websockets import WebSocket

from deployments.ingress import admission, failures, opening
from deployments.ingress.calls import StageCalls
from deployments.ingress.eventlog import EventLog
from deployments.ingress.health import describe
from deployments.ingress.intake import Intake, Overrun
from deployments.ingress.metrics import Metrics
from deployments.ingress.opening import Opening
from deployments.ingress.outbox import Gone, Outbox
from deployments.ingress.registry import Registry
from deployments.store.store import SessionStore
from izwi import PROTOCOL_VERSION
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.errors import (
    ClientError,
    ClientTimeout,
    InternalError,
    InvalidMessage,
    IzwiError,
    ProtocolViolation,
    StoreUnavailable,
)
from izwi.session import Session
from izwi.settings import Settings

START_LIMIT_S = 20.0
"""A connection that has not started a session by then is idle or an attack."""
MAX_BAD_FRAMES = 100
"""Malformed frames answered one by one before the connection is closed."""
MISSED_PINGS = 3
"""Intervals without a pong after which a client counts as gone. Other frames do not count: a client that sends and
never reads would let its events pile up in Serve's proxy."""
KEEP_S = 5.0
"""Seconds between looks at the session's entry in Redis."""
SERVICE_RESTART = 1012
"""Close code of a server that stops and of which there are others: resume at once."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Services:
    """What a connection needs from its replica."""

    settings: Settings
    calls: StageCalls
    store: SessionStore
    metrics: Metrics
    registry: Registry
    newcomers: admission.Newcomers


class _Finished(Exception):
    """Leaves the task group: the session has ended as it should."""


class _Moved(Exception):
    """Leaves the task group: the client is to go on with another server."""


class Connection:
    """Serves one socket from accept to close."""

    def __init__(self, socket: WebSocket, services: Services, request_id: str) -> None:
        self._socket = socket
        self._services = services
        self._request_id = request_id
        self._intake = Intake(services.settings)
        self._outbox = Outbox(socket, services.settings.session.speech_queue)
        self._opening: Opening | None = None
        self._leaving = asyncio.Event()
        self._heard_at = asyncio.get_running_loop().time()
        self._emitting = asyncio.Lock()
        self._bad_frames = 0
        self._told = 0
        """Number of the last durable event given to the outbox."""

    async def serve(self) -> str:
        """Run to the end; returns how it ended: ``ended``, ``moved``, ``disconnected`` or an error's wire code."""
        await self._socket.accept()
        outcome = "ended"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(tasks), name="receive")
                tasks.create_task(self._outbox.run(), name="send")
                tasks.create_task(self._ping(), name="ping")
        except* _Finished:
            await self._outbox.close(1000)
        except* _Moved:
            outcome = "moved"
            await self._outbox.close(SERVICE_RESTART)
        except* Gone:
            outcome = "disconnected"
        except* Exception as group:
            outcome = await self._fail(failures.first(group))
        return outcome

    async def refuse(self, error: IzwiError) -> None:
        """Accept, say why not, close: a browser cannot read the reason of a refused handshake."""
        await self._socket.accept()
        await self._fail(error)

    async def going_away(self, reason: str) -> None:
        """Announce the end of this server. A session that can go on elsewhere does; another one is finished here."""
        found = self._opening
        moves = found is not None and found.log.resumable and self._services.settings.redis_url is not None
        token = found.token if found is not None and moves else None
        await self._emit(m.SessionGoingAwayMessage(data=m.SessionGoingAway(reason=reason, resume_token=token)), None)
        if moves:
            self._intake.suspend()
            self._leaving.set()
        else:
            self._intake.cut_off()

    async def forget(self) -> None:
        """The connection is over: its session leaves the index of live ones."""
        if self._opening is None:
            return
        try:
            await self._services.store.end(self._opening.session_id)
        except StoreUnavailable as error:
            self._services.metrics.errors.labels(error.code).inc()

    # --- in ---------------------------------------------------------------------------------------------------------
    async def _receive(self, tasks: asyncio.TaskGroup) -> None:
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        while not self._intake.opened:
            try:
                async with asyncio.timeout_at(deadline):
                    frame = await self._socket.receive()
            except TimeoutError:
                raise ClientTimeout(f"no session.start within {START_LIMIT_S:.0f} s") from None
            await self._handle(frame, tasks)
        while True:
            await self._handle(await self._socket.receive(), tasks)

    async def _handle(self, frame: Message, tasks: asyncio.TaskGroup) -> None:
        if frame["type"] == "websocket.disconnect":
            raise Gone
        try:
            await self._take(frame.get("bytes"), frame.get("text"), tasks)
        except _Refused as refused:
            raise refused.error from None
        except Overrun:
            raise
        except ClientError as error:
            self._bad_frames += 1
            if self._bad_frames > MAX_BAD_FRAMES:
                raise
            await self._emit(self._error(error, fatal=False), None)

    async def _take(self, binary: bytes | None, text: str | None, tasks: asyncio.TaskGroup) -> None:
        size = len(binary if binary is not None else text or "")
        if size > self._services.settings.max_message_bytes:
            raise InvalidMessage(f"frame of {size} bytes; the limit is {self._services.settings.max_message_bytes}")
        if binary is not None:
            self._take_audio(binary)
            return
        match m.parse_client(text or ""):
            case m.SessionStartMessage(data=start):
                await self._begin(start, tasks)
            case m.SessionResumeMessage(data=wanted):
                await self._resume(wanted, tasks)
            case m.AudioAppendMessage(data=data):
                self._take_audio(_decode(data.audio))
            case m.AudioEndMessage():
                self._intake.end()
            case m.PingMessage():
                await self._emit(m.PongMessage(), None)
            case m.PongMessage():
                self._heard_at = asyncio.get_running_loop().time()

    def _take_audio(self, data: bytes) -> None:
        self._services.metrics.audio.inc(self._intake.push(data) / SAMPLE_RATE)

    # --- session ----------------------------------------------------------------------------------------------------
    async def _begin(self, start: m.SessionStart, tasks: asyncio.TaskGroup) -> None:
        services = self._services
        self._intake.open(start.audio)
        try:
            capabilities = await services.calls.capabilities()
            admission.check(start, capabilities)
            services.newcomers.admit(services.calls.wait_s)
        except IzwiError as error:
            raise _Refused(error) from None
        self._opening = await opening.begin(start, services.store, services.settings)
        started = m.SessionStarted(
            session_id=self._opening.session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            engines=describe(capabilities),
            resume_token=self._opening.token,
            resumable=self._opening.log.resumable,
        )
        await self._emit(m.SessionStartedMessage(data=started), None)
        self._run(self._prepare(self._opening), self._opening, tasks)

    async def _resume(self, wanted: m.SessionResume, tasks: asyncio.TaskGroup) -> None:
        services = self._services
        if self._intake.opened:
            raise ProtocolViolation("the session has started already")
        try:
            self._opening = found = await opening.resume(wanted, services.store, services.settings)
        except IzwiError as error:
            services.metrics.resumed.labels(error.code).inc()
            raise _Refused(error) from None
        services.metrics.resumed.labels("ok").inc()
        session = self._prepare(found)
        self._intake.open(found.start.audio, session.position)
        resumed = m.SessionResumed(
            session_id=found.session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            from_samples=session.position,
        )
        async with self._emitting:  # nothing may come between: its number would stand for the missed events, too
            await self._outbox.put(m.SessionResumedMessage(data=resumed, seq=wanted.last_seq, timestamp=time.time()))
            for event in found.missed:
                if not isinstance(event, m.SessionEndedMessage):
                    await self._outbox.put(event)
            self._told = found.log.seq
        self._run(session, found, tasks)

    def _prepare(self, found: Opening) -> Session:
        services, intake = self._services, self._intake
        self._outbox.base64 = found.start.speech_transport == "base64"
        return Session(
            found.start, services.settings, services.calls.stages(), self._emit, lambda: intake.live, found.resumed
        )

    def _run(self, session: Session, found: Opening, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(self._speak(session, found), name="session")
        tasks.create_task(self._keep(found.log), name="store")
        tasks.create_task(self._leave(session), name="leave")

    async def _speak(self, session: Session, found: Opening) -> None:
        if found.resumed.checkpoint.over:
            await session.say_again()
            for event in found.missed[-1:]:  # the end; whoever has it lacks nothing
                await self._outbox.put(event)
        else:
            await session.run(self._intake.stream())
        await self._outbox.sent()
        raise self._intake.failure or _Finished

    async def _leave(self, session: Session) -> None:
        """When the server goes away: what has been said is finished here, the utterance that is open elsewhere."""
        await self._leaving.wait()
        await session.settle()
        raise _Moved

    async def _keep(self, log: EventLog) -> None:
        """Keep the session stored, and tell the client whenever it can no longer be resumed, and when it can again."""
        told = True
        while True:
            if log.resumable != told:
                told = log.resumable
                await self._emit(m.SessionResumableMessage(data=m.SessionResumable(resumable=told)), None)
            await asyncio.sleep(KEEP_S)
            await log.keep(self._emitting)

    async def _emit(self, message: m.ServerMessage, payload: bytes | None) -> None:
        """Number, store and queue an event. One at a time: the session's steps emit at once."""
        self._services.metrics.emitted(message)
        async with self._emitting:
            if isinstance(message, m.ErrorMessage) and not message.data.request_id:
                self._services.metrics.errors.labels(message.data.code).inc()
                data = message.data.model_copy(update={"request_id": self._request_id})
                message = message.model_copy(update={"data": data})
            message = message.model_copy(update={"timestamp": time.time()})
            if self._opening is not None:
                message = await self._opening.log.add(message)
            await self._outbox.put(message, payload)
            self._told = message.seq

    # --- out --------------------------------------------------------------------------------------------------------
    async def _ping(self) -> None:
        """Ping, and end a connection that answers nothing: half-open, or a client that does not read."""
        interval = self._services.settings.ping_interval_s
        while True:
            await asyncio.sleep(interval)
            silent = asyncio.get_running_loop().time() - self._heard_at
            if silent > MISSED_PINGS * interval:
                raise ClientTimeout(f"no pong for {silent:.0f} s: the client is gone or does not read")
            await self._emit(m.PingMessage(), None)

    async def _fail(self, error: Exception) -> str:
        if not isinstance(error, IzwiError):
            log.error("session_failed", exc_info=error)
            error = InternalError("the session failed; its request id is in the server's log")
        if not await self._outbox.close(failures.close_code(error), self._error(error, fatal=True)):
            log.info("client_gone_before_error", code=error.code)
        return error.code

    def _error(self, error: IzwiError, *, fatal: bool) -> m.ErrorMessage:
        self._services.metrics.errors.labels(error.code).inc()
        return failures.error_message(error, fatal=fatal, request_id=self._request_id, seq=self._told)


class _Refused(Exception):
    """A client error that ends the connection."""

    def __init__(self, error: IzwiError) -> None:
        self.error = error


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("data.audio is not base64") from None
